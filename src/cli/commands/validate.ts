import path from 'node:path';
import { EXIT } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import { filesOf } from '../intake/collect.ts';
import { filesWrong, showFaults } from '../intake/fault-text.ts';
import { many } from '../quantities.ts';

/** Every fault of every file, as the server would find it, without one. */
export async function validate(context: Context): Promise<number> {
  const { deps, out, args } = context;
  const workspace = await context.workspace();
  const jobsDir = args.length > 0 ? null : (await context.needWorkspace()).jobs_dir;
  const files = await filesOf({ cwd: deps.cwd, paths: args, jobs_dir: jobsDir });
  const reports = await deps.validate(
    workspace,
    files.map((file) => path.resolve(deps.cwd, file)),
  );
  const faults = reports.flatMap((report, index) =>
    report.faults.map((fault) => ({ file: files[index] ?? report.file, fault })),
  );
  if (out.json)
    for (const [index, report] of reports.entries())
      await out.value({ ...report, file: files[index] ?? report.file });
  else showFaults(out, faults);
  const jobs = reports.reduce((sum, report) => sum + report.jobs, 0);
  if (faults.length > 0) {
    out.notice(`${filesWrong(faults)}.`);
    return EXIT.invalid_job;
  }
  out.notice(`${many(jobs, 'job')} in ${many(files.length, 'file')}, all right.`);
  return EXIT.ok;
}
