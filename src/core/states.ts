/**
 * The states of a run and the one table of what may happen to it.
 *
 * A run is accepted as `scheduled` (its run_at lies ahead), `queued`, `blocked` (the same work is under way under another
 * name) or at once `completed` (the same work was answered before). A claim makes it `running`. An attempt that ends without
 * an answer leads to `retrying` (after a backoff), back to `queued` (it was free of charge), or to `failed`. `completed` is
 * final for ever. `failed` and `cancelled` are final for the machine: a person's `retry` is the one way out.
 * An answer that arrives late is taken in every state that has not ended: it was paid for.
 *
 * ```
 *   scheduled ── due ─▶ queued ── claim ─▶ running ── answer ─▶ completed
 *   scheduled ── share ─▶ blocked ── lead ─▶ queued
 *   running ── requeue ─▶ queued
 *   running ── back_off ─▶ retrying ── due ─▶ queued
 *   running, blocked ── fail ─▶ failed
 *   scheduled, queued, blocked, running, retrying ── cancel ─▶ cancelled
 *   failed, cancelled ── retry ─▶ queued
 *   failed, cancelled ── retry_share ─▶ blocked
 *   scheduled, queued, blocked, retrying, failed, cancelled ── answer ─▶ completed
 * ```
 */
export const RUN_STATES = [
  'scheduled',
  'queued',
  'blocked',
  'running',
  'retrying',
  'completed',
  'failed',
  'cancelled',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export const RUN_EVENTS = [
  /** Its due time has come. */
  'due',
  /** Another run of the same digest is under way: wait for its answer. */
  'share',
  /** It is now the one run of its digest that is asked for. */
  'lead',
  /** A slot took it. */
  'claim',
  /** Its attempt ended free of charge, or charged to a budget that asks for no wait. */
  'requeue',
  /** Its attempt failed; it is tried again after a wait. */
  'back_off',
  /** An answer was accepted, its own or that of the same work. */
  'answer',
  /** It cannot be answered. */
  'fail',
  /** It was cancelled and nothing of it runs. */
  'cancel',
  /** A person asks for another try. */
  'retry',
  /** A person asks for another try while the same work is under way elsewhere. */
  'retry_share',
] as const;
export type RunEvent = (typeof RUN_EVENTS)[number];

const TRANSITIONS: Readonly<Record<RunState, Partial<Record<RunEvent, RunState>>>> = {
  scheduled: { due: 'queued', share: 'blocked', answer: 'completed', cancel: 'cancelled' },
  queued: { claim: 'running', answer: 'completed', cancel: 'cancelled' },
  blocked: { lead: 'queued', answer: 'completed', fail: 'failed', cancel: 'cancelled' },
  running: {
    requeue: 'queued',
    back_off: 'retrying',
    answer: 'completed',
    fail: 'failed',
    cancel: 'cancelled',
  },
  retrying: { due: 'queued', answer: 'completed', cancel: 'cancelled' },
  completed: {},
  failed: { retry: 'queued', retry_share: 'blocked', answer: 'completed' },
  cancelled: { retry: 'queued', retry_share: 'blocked', answer: 'completed' },
};

/** The state after `event`, or null where the table has no such transition. */
export function nextState(state: RunState, event: RunEvent): RunState | null {
  return TRANSITIONS[state][event] ?? null;
}

/** Every transition of the table, for documentation, triggers and tests. */
export function transitions(): {
  readonly from: RunState;
  readonly event: RunEvent;
  readonly to: RunState;
}[] {
  return RUN_STATES.flatMap((from) =>
    RUN_EVENTS.flatMap((event) => {
      const to = nextState(from, event);
      return to === null ? [] : [{ from, event, to }];
    }),
  );
}

const ENDED: ReadonlySet<RunState> = new Set(['completed', 'failed', 'cancelled']);
const LEADING: ReadonlySet<RunState> = new Set(['queued', 'running', 'retrying']);

export function hasEnded(state: RunState): boolean {
  return ENDED.has(state);
}

/** Whether a run in this state is the one of its digest that is asked for. */
export function leadsIn(state: RunState): boolean {
  return LEADING.has(state);
}
