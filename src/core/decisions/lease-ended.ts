/** A lease ended and nobody brought its outcome: proof of death, the end of its term, a deadline, an unconfirmed cancel. */
import { runKey, type Lease } from '../board.ts';
import type { Draft } from '../draft.ts';
import type { TurnEvent } from '../turn-events.ts';
import { endWithoutAnswer, type AttemptEnd, type EndCause } from './attempt-end.ts';
import { refOf } from './leasing.ts';

export function decideLeaseEnded(draft: Draft, event: Extract<TurnEvent, { type: 'lease_ended' }>): void {
  const lease = draft.leases.get(runKey(event.name, event.run));
  if (lease === undefined || lease.attempt !== event.attempt) return;
  const run = draft.run(event.name, event.run);
  if (run === null || run.state !== 'running') return;
  endWithoutAnswer(draft, run, lease, endOf(draft, lease, event.proof));
  if (event.proof !== 'process_gone' && event.proof !== 'never_arrived') {
    // Whoever still works on it should not, and its slot is somebody else's now, also where it was cancelled.
    draft.effects.push({
      type: 'abort',
      instance: lease.instance,
      attempt: refOf(lease),
      cause: 'lease_lost',
    });
  }
}

type Proof = Extract<TurnEvent, { type: 'lease_ended' }>['proof'];

function endOf(draft: Draft, lease: Lease, proof: Proof): AttemptEnd {
  const none = { failure: null, timings: null, log: null };
  const instance = `instance "${draft.instances.get(lease.instance)?.name ?? lease.instance}"`;
  switch (proof) {
    case 'never_arrived':
      return { ...none, outcome: 'lost', free: true, why: notDelivered(instance) };
    case 'deadline':
      return {
        ...none,
        outcome: 'timed_out',
        why: null,
        failure: {
          blame: 'transient',
          reason_code: 'TotalTimeout',
          message: `no outcome within ${lease.attempt_timeout_ms} ms and the grace behind it`,
          scope: 'endpoint',
          retry_after_ms: null,
        },
      };
    case 'cancel_grace':
      return { ...none, outcome: 'cancelled', why: notConfirmed(instance) };
    case 'process_gone':
      return { ...none, outcome: 'lost', why: lost(`The process of ${instance} is gone.`) };
    case 'expired':
      return {
        ...none,
        outcome: 'lost',
        why: lost(`No heartbeat of ${instance} listed it for a whole term.`),
      };
  }
}

function lost(message: string): EndCause {
  return { code: 'InstanceLost', message };
}

function notDelivered(instance: string): EndCause {
  return { code: 'NotDelivered', message: `The dispatch never reached ${instance}.` };
}

function notConfirmed(instance: string): EndCause {
  return {
    code: 'Cancelled',
    message: `A cancel was requested, and ${instance} did not confirm it in time.`,
  };
}
