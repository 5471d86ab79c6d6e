/** A lease ended and nobody brought its outcome: proof of death, the end of its term, a deadline, an unconfirmed cancel. */
import { runKey } from '../board.ts';
import type { Draft } from '../draft.ts';
import type { TurnEvent } from '../turn-events.ts';
import { endWithoutAnswer, type AttemptEnd } from './attempt-end.ts';
import { refOf } from './leasing.ts';

export function decideLeaseEnded(draft: Draft, event: Extract<TurnEvent, { type: 'lease_ended' }>): void {
  const lease = draft.leases.get(runKey(event.name, event.run));
  if (lease === undefined || lease.attempt !== event.attempt) return;
  const run = draft.run(event.name, event.run);
  if (run === null || run.state !== 'running') return;
  endWithoutAnswer(draft, run, lease, endOf(event.proof, lease.attempt_timeout_ms));
  if (event.proof !== 'process_gone' && event.proof !== 'never_arrived') {
    // Whoever still works on it should not.
    draft.effects.push({
      type: 'abort',
      instance: lease.instance,
      attempt: refOf(lease),
      cause: event.proof === 'cancel_grace' ? 'cancelled' : 'lease_lost',
    });
  }
}

function endOf(proof: Extract<TurnEvent, { type: 'lease_ended' }>['proof'], timeout: number): AttemptEnd {
  const none = { failure: null, timings: null, log: null };
  switch (proof) {
    case 'never_arrived':
      return { ...none, outcome: 'lost', free: true };
    case 'deadline':
      return {
        ...none,
        outcome: 'timed_out',
        failure: {
          blame: 'transient',
          reason_code: 'TotalTimeout',
          message: `no outcome within ${timeout} ms and the grace behind it`,
          scope: 'endpoint',
          retry_after_ms: null,
        },
      };
    case 'cancel_grace':
      return { ...none, outcome: 'cancelled' };
    default:
      return { ...none, outcome: 'lost' };
  }
}
