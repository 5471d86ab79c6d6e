/**
 * One instance id of an AI package (R28) as a state machine, pure. What it must never allow: that a job is submitted to an id
 * that is not known to be free, or that an answer reaches anybody but the attempt that asked for it. A package cannot be told
 * to stop, so an id whose attempt ended without its answer is quarantined until the package itself says that it is done.
 *
 * ```
 *  asleep ──wake──▶ starting ──ready──▶ quarantined ──0, or 1 and fetched──▶ free ──take──▶ taken ──answered──▶ free
 *    ▲                  │                ▲       │                                            │
 *    └──gone── ending ◀─┴── replace ─────┼───────┴──────────── replace ───────────────────────┤
 *                                        └──────────────── given_up (no answer came) ─────────┘
 * ```
 * `gone` (its process has ended) leads to `asleep` from everywhere.
 */
export type IdState =
  /** No process runs for it. */
  | { readonly kind: 'asleep' }
  /** Its process loads the package. */
  | { readonly kind: 'starting' }
  /** Nobody's; what it does is not known, or is somebody's who is gone. `since` is on the monotonic clock. */
  | { readonly kind: 'quarantined'; readonly since: number; readonly looked: boolean }
  /** Known to be free. */
  | { readonly kind: 'free' }
  /** An attempt has it. */
  | { readonly kind: 'taken' }
  /** Its process was told to end. */
  | { readonly kind: 'ending' };

export type IdEvent =
  | { readonly kind: 'wake' }
  | { readonly kind: 'ready'; readonly at: number }
  /** What get_job_status said to the pool; null: it raised, or said what is no status. */
  | { readonly kind: 'looked'; readonly status: number | null; readonly at: number }
  /** retrieve_job was called to put an answer aside; `got`: there was one. */
  | { readonly kind: 'fetched'; readonly got: boolean; readonly at: number }
  | { readonly kind: 'take' }
  /** The attempt has its answer. */
  | { readonly kind: 'answered' }
  /** The attempt ended without its answer. */
  | { readonly kind: 'given_up'; readonly at: number }
  | { readonly kind: 'replace' }
  | { readonly kind: 'gone' };

/** What is to be done next. */
export type IdTask =
  | 'nothing'
  | 'start'
  /** Ask for its status, now or after the usual pause. */
  | 'look'
  | 'look_later'
  /** Retrieve an answer that nobody waits for. */
  | 'fetch'
  /** It says that it generates for too long: end its process, and tell `replace`. */
  | 'replace'
  /** It may be given to whoever waits. */
  | 'offer';

export interface IdStep {
  readonly state: IdState;
  readonly task: IdTask;
}

export const ASLEEP: IdState = { kind: 'asleep' };

/** Events that do not fit the state change nothing: they tell of something that is over. */
export function stepId(state: IdState, event: IdEvent, quarantine_ms: number): IdStep {
  switch (event.kind) {
    case 'wake':
      return state.kind === 'asleep' ? { state: { kind: 'starting' }, task: 'start' } : stay(state);
    case 'ready':
      return state.kind === 'starting' ? quarantine(event.at) : stay(state);
    case 'looked':
      return state.kind === 'quarantined'
        ? looked(state, event.status, event.at, quarantine_ms)
        : stay(state);
    case 'fetched':
      if (state.kind !== 'quarantined') return stay(state);
      return event.got ? { state: { kind: 'free' }, task: 'offer' } : waited(state, event.at, quarantine_ms);
    case 'take':
      return state.kind === 'free' ? { state: { kind: 'taken' }, task: 'nothing' } : stay(state);
    case 'answered':
      return state.kind === 'taken' ? { state: { kind: 'free' }, task: 'offer' } : stay(state);
    case 'given_up':
      return state.kind === 'taken' ? quarantine(event.at) : stay(state);
    case 'replace':
      return state.kind === 'asleep' ? stay(state) : { state: { kind: 'ending' }, task: 'nothing' };
    case 'gone':
      return { state: ASLEEP, task: 'nothing' };
  }
}

function stay(state: IdState): IdStep {
  return { state, task: 'nothing' };
}

function quarantine(since: number): IdStep {
  return { state: { kind: 'quarantined', since, looked: false }, task: 'look' };
}

type Quarantined = Extract<IdState, { kind: 'quarantined' }>;

function looked(state: Quarantined, status: number | null, at: number, quarantine_ms: number): IdStep {
  if (status === 0) return { state: { kind: 'free' }, task: 'offer' };
  if (status === 1) return { state: { ...state, looked: true }, task: 'fetch' };
  return waited(state, at, quarantine_ms);
}

function waited(state: Quarantined, at: number, quarantine_ms: number): IdStep {
  const isTooLong = at - state.since >= quarantine_ms;
  return { state: { ...state, looked: true }, task: isTooLong ? 'replace' : 'look_later' };
}
