import { EXIT } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import { plainText } from '../plain-text.ts';

/** The job file of each result file, by its name or path; the files need not be there. */
export async function jobOf({ args, deps, out }: Context): Promise<number> {
  let code: number = EXIT.ok;
  for (const file of args) {
    const job = await deps.lookup.jobOf(file);
    if (job === null) code = EXIT.not_found;
    if (out.json) await out.value({ file, job });
    else if (job !== null) await out.line(job);
    if (job === null)
      out.complain(plainText(`${file} is not named as a result is: expected <EPOCH>_<name>.json.`));
  }
  return code;
}
