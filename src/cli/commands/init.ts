import path from 'node:path';
import { EXIT } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import { plainText } from '../plain-text.ts';

export async function init(context: Context): Promise<number> {
  const { deps, out, given } = context;
  const model = given.text('model');
  const dir = path.resolve(deps.cwd, context.args[0] ?? '.');
  const report = await deps.init(dir, model === undefined ? {} : { model });
  if (out.json) {
    await out.value(report);
    return EXIT.ok;
  }
  const shown = path.relative(deps.cwd, report.root) || '.';
  out.notice(`${out.err.bold('A workspace of promptd')} in ${shown}`);
  const shownFiles = report.written.filter((file) => !file.startsWith('.promptd'));
  for (const file of shownFiles) out.notice(`  ${out.err.green('made')}  ${file}`);
  for (const file of report.kept) out.notice(`  ${out.err.dim('kept')}  ${file} (it was there)`);
  for (const note of report.notes) out.notice(plainText(note));
  // That it is the stand-in, and why, stands in the notes.
  if (!report.simulated) out.notice(`The example asks ${plainText(report.model)}.`);
  out.notice(`Next: ${shown === '.' ? '' : `cd ${shown} && `}promptd run`);
  return EXIT.ok;
}
