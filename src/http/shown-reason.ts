/** Runs by the reason that is shown of them: it is stored, or follows from their state, or is what holds their lane at this moment. */
import type { RunFilter } from '../core/ports/read-store.ts';
import { isOfTheMoment, type Reason } from '../core/reasons.ts';
import type { RunState } from '../core/states.ts';
import { refuse } from './problems.ts';

/** What is said of every run in a state, and so not stored with any. */
const OF_STATE: ReadonlyMap<string, RunState> = new Map([
  ['BeginTime', 'scheduled'],
  ['SameAs', 'blocked'],
]);
/** What is said of queued runs of a lane of which nothing is known. */
const UNTOLD = 'WaitingForSlot';

/** The same selection by what is stored; null where nothing fits. `lanes`: why each waits. */
export function byShownReason(filter: RunFilter, lanes: ReadonlyMap<number, Reason>): RunFilter | null {
  const { reason, ...rest } = filter;
  if (reason === undefined) return filter;
  const state = isOfTheMoment(reason) ? 'queued' : OF_STATE.get(reason);
  if (state === undefined) return filter;
  if (rest.state !== undefined && !rest.state.includes(state)) return null;
  if (state !== 'queued') return { ...rest, state: [state] };
  const held = [...lanes].filter(([, { code }]) => (code === reason) !== (reason === UNTOLD));
  const ids = held.map(([lane]) => lane);
  if (reason === UNTOLD) return { ...rest, state: [state], lanes: { not_in: ids } };
  return ids.length === 0 ? null : { ...rest, state: [state], lanes: { in: ids } };
}

/**
 * The same for runs that are to be changed. Throws InvalidRequest for a reason of the moment: it may be over, or hold others,
 * by the time that the change is made.
 */
export function byLastingReason(filter: RunFilter): RunFilter | null {
  const { reason } = filter;
  if (reason === undefined || !isOfTheMoment(reason)) return byShownReason(filter, new Map());
  const hint = `${reason} holds whatever is queued for an endpoint and a model, and may be over by now. Select by "endpoint" and "model", with "state": ["queued"].`;
  throw refuse('body.reason', 'a reason of single jobs', reason, hint);
}
