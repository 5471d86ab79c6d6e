/** Cancelling: at once where nothing runs; else requested, aborted upstream, and ended when the instance confirms. */
import { runKey } from '../board.ts';
import type { Draft } from '../draft.ts';
import type { RunRef } from '../names.ts';
import type { CancelVerdict, RunAnswer } from '../ports/scheduler.ts';
import { reason } from '../reasons.ts';
import type { RunRow } from '../rows.ts';
import { hasEnded } from '../states.ts';
import type { TurnEvent } from '../turn-events.ts';
import { collect } from './collect.ts';
import { endBadly } from './ending.ts';
import { abortCancelled } from './leasing.ts';

export function decideCancel(
  draft: Draft,
  index: number,
  event: Extract<TurnEvent, { type: 'cancel' }>,
): void {
  const value = collect(event.runs, (ref) => cancelOne(draft, ref));
  draft.receipt(index, { type: 'cancel', value });
}

function cancelOne(draft: Draft, ref: RunRef): RunAnswer<CancelVerdict> {
  const run = draft.run(ref.name, ref.run);
  if (run === null) return { name: ref.name, run: ref.run ?? 0, verdict: 'not_found', state: null };
  if (hasEnded(run.state))
    return { name: run.name, run: run.run, verdict: 'already_ended', state: run.state };
  if (run.state !== 'running') {
    const after = endBadly(draft, run, 'cancel', reason('Cancelled'));
    return { name: run.name, run: run.run, verdict: 'cancelled', state: after.state };
  }
  requestCancel(draft, run);
  return { name: run.name, run: run.run, verdict: 'cancelling', state: run.state };
}

function requestCancel(draft: Draft, run: RunRow): void {
  const why = reason('Cancelling');
  if (run.cancel_requested_at === null) {
    draft.amend(run, {
      cancel_requested_at: draft.moment.now,
      reason_code: why.code,
      reason_message: why.message,
    });
  }
  const key = runKey(run.name, run.run);
  const lease = draft.leases.get(key);
  if (lease === undefined) throw new Error(`a running run (${key}) has no lease`);
  abortCancelled(draft, lease);
}
