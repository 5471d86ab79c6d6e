/**
 * Gates of endpoints. A gate is open, closed for a while, or probing: then one attempt goes first, and what becomes of it
 * opens the gate or closes it again for longer. A throttled endpoint's gate closes for as long as it asked (clamped);
 * a hold (no key, no server, no model) is probed again and again, and meanwhile nothing fails: jobs wait with the reason.
 */
import type { AttemptFailure } from './attempt.ts';
import { LIMITS } from './limits.ts';
import { reason, type Reason } from './reasons.ts';

export interface Gate {
  readonly key: string;
  readonly endpoint: string;
  /** Null: the whole endpoint. */
  readonly model: string | null;
  /** Closed until then; from then on it is probing. Monotonic ms. */
  readonly until_m: number;
  readonly reason: Reason;
  /** How often in a row it was closed. */
  readonly closed: number;
  /** The run whose attempt probes it now. */
  readonly probe: string | null;
}

export interface GateMoment {
  readonly now: number;
  readonly now_m: number;
  /** In [0, 1). */
  readonly random: number;
}

function key(endpoint: string, model: string | null): string {
  return model === null ? endpoint : `${endpoint}\n${model}`;
}

/** The gate after a failure of the endpoint; attempts that fail while it is closed only prolong it. */
function close(
  before: Gate | undefined,
  endpoint: string,
  model: string | null,
  failure: AttemptFailure,
  moment: GateMoment,
  wasProbe: boolean,
): Gate {
  const stillClosed = before !== undefined && !wasProbe && before.until_m > moment.now_m;
  const closed = before === undefined ? 1 : stillClosed ? before.closed : before.closed + 1;
  const wait = waitAfter(failure, closed, moment.random);
  const until_m = Math.max(moment.now_m + wait, stillClosed ? before.until_m : 0);
  return {
    key: key(endpoint, model),
    endpoint,
    model,
    until_m,
    reason: reason(failure.reason_code, failure.message, Math.round(moment.now + (until_m - moment.now_m))),
    closed,
    probe: null,
  };
}

function waitAfter(failure: AttemptFailure, closed: number, random: number): number {
  if (failure.retry_after_ms !== null) {
    // A server that asks for no patience at all gets a little, or the probes would be a storm of their own.
    const asked = Math.min(
      Math.max(failure.retry_after_ms, LIMITS.backoff_base_ms),
      LIMITS.retry_after_max_ms,
    );
    // A little behind what was asked for, so that a crowd of waiting clients does not come back as one.
    return asked + random * 250;
  }
  const base = failure.blame === 'throttled' ? LIMITS.backoff_base_ms : LIMITS.hold_probe_min_ms;
  const ceiling = Math.min(base * 2 ** Math.min(closed - 1, 20), LIMITS.hold_probe_max_ms);
  return ceiling / 2 + (random * ceiling) / 2;
}

/**
 * The gate of an endpoint that throttled before this scheduler began. How long it asked to wait is not stored; but one goes
 * first, so that a restart in the middle of it costs one request and not a wave of them.
 */
function suspect(endpoint: string, now_m: number): Gate {
  const why = reason('EndpointThrottled', 'It was throttled before the restart, so one goes first');
  return { key: endpoint, endpoint, model: null, until_m: now_m, reason: why, closed: 1, probe: null };
}

/** Whether a run may be claimed through this gate now. */
function lets(gate: Gate | undefined, now_m: number): boolean {
  return gate === undefined || (gate.until_m <= now_m && gate.probe === null);
}

export const Gates = { key, close, suspect, lets };
