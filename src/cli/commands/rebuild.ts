import { EXIT } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import { plainLine } from '../plain-text.ts';
import { count, many } from '../quantities.ts';

const PROGRESS_MS = 2_000;

/** Makes the database from the folders, where there is none. What does not fit goes to stdout, one a line. */
export async function rebuild(context: Context): Promise<number> {
  const { out, deps } = context;
  const workspace = await context.needWorkspace();
  let told_at = deps.now();
  const rebuilt = await deps.rebuild(workspace, {
    misfit: (one) =>
      out.json ? out.value(one) : out.line(`${plainLine(one.where)}: ${one.kind}: ${plainLine(one.message)}`),
    progress: (files) => {
      if (deps.now() - told_at < PROGRESS_MS) return;
      told_at = deps.now();
      out.notice(`${count(files)} files read so far; each is read twice`);
    },
  });
  if (out.json) await out.value({ summary: rebuilt });
  const { completed, ended, adopted, unknown_work, misfits } = rebuilt;
  out.notice(
    `The database was made: ${many(completed, 'run')} with an answer, ${count(ended)} that failed or were cancelled.`,
  );
  if (adopted > 0) out.notice(`Of these answers ${count(adopted)} came from files of no run.`);
  if (unknown_work > 0)
    out.notice(
      `Of ${many(unknown_work, 'run')} the job is gone or was edited since: they have their answers and ends, and cannot be asked again by retry or rerun.`,
    );
  out.notice('Attempts, logs and keys are gone. Jobs without an answer are asked by the next promptd run.');
  if (misfits === 0) return EXIT.ok;
  out.notice(`${many(misfits, 'file')} did not fit and ${misfits === 1 ? 'was' : 'were'} left out.`);
  return EXIT.integrity;
}
