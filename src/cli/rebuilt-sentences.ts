import type { Rebuilt } from '../core/rebuilding.ts';
import { count, many } from './quantities.ts';

/** What a rebuild made, and what it could not bring back. */
export function rebuiltSentences({ completed, ended, adopted, unknown_work, misfits }: Rebuilt): string[] {
  return [
    `The database was made: ${many(completed, 'run')} with an answer, ${count(ended)} that failed or were cancelled.`,
    ...(adopted > 0
      ? [
          `Of these answers ${count(adopted)} came from files that name no run: by hand, or of promptd execute.`,
        ]
      : []),
    ...(unknown_work > 0
      ? [
          `Of ${many(unknown_work, 'run')} the job is gone or was edited since: answers and ends are there, and neither retry nor rerun can ask again.`,
        ]
      : []),
    'Attempts, logs and keys are gone. Jobs without an answer are asked by promptd run, or by a promptd serve that finds their files.',
    ...(misfits > 0
      ? [`${many(misfits, 'file')} did not fit and ${misfits === 1 ? 'was' : 'were'} left out.`]
      : []),
  ];
}
