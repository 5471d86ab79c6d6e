/** Whether a run has its answer, or its end, from a file of elsewhere, as far as rows tell. */
import { UNVERIFIED } from '../core/adoption.ts';
import { resultFileName } from '../core/names.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { AttemptRow, RunRow } from '../core/rows.ts';
import { hasEnded } from '../core/states.ts';
import type { AdoptedView } from '../core/views.ts';

/** Null where it was asked here, took the answer of another run, or has not ended. */
export function adoptedOf(run: RunRow, reads: Pick<ReadStore, 'result' | 'attempts'>): AdoptedView | null {
  if (!hasEnded(run.state) || run.answered_by !== null || run.epoch === null) return null;
  const file = resultFileName(run.epoch, run.name);
  if (run.state !== 'completed') {
    // Its file counts attempts, and none of them began here. Without any there is nothing to tell it from one of here.
    return run.attempt > 0 && run.started_at === null ? { file: `ended/${file}`, unverified: false } : null;
  }
  const result = reads.result(run.id);
  if (result === null || reads.attempts(run.id).some((one) => hasBrought(one, result.attempt))) return null;
  return { file: `results/${file}`, unverified: result.meta.warnings.includes(UNVERIFIED) };
}

/** What an answer took stands with its attempt, also where that was not waited for any more. */
function hasBrought({ attempt, outcome, parameters_sent }: AttemptRow, number: number): boolean {
  return attempt === number && (outcome === 'succeeded' || parameters_sent !== null);
}
