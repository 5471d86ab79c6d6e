/** A turn's decisions: pure over the events, the rows that were loaded, the board, and the moment. */
import type { Board } from './board.ts';
import { Draft, type LoadedRows, MissingKeys } from './draft.ts';
import { decideAdopt } from './decisions/adopt.ts';
import { decideCancel } from './decisions/cancel.ts';
import { decideEndpoint } from './decisions/endpoint.ts';
import { decideDue } from './decisions/due.ts';
import { decideFollowers } from './decisions/followers.ts';
import {
  decideDetach,
  decideDrain,
  decideGreet,
  decideProcessGone,
  decideSettle,
} from './decisions/instances.ts';
import { writeRanks } from './decisions/lanes.ts';
import { decideLeaseEnded } from './decisions/lease-ended.ts';
import { place } from './decisions/place.ts';
import { decidePublished, decidePublishJobs, decideRepublish } from './decisions/published.ts';
import { decideReport } from './decisions/report.ts';
import { decideRetry } from './decisions/retry-run.ts';
import { decideSubmit } from './decisions/submit.ts';
import type { LoadKeys } from './ports/store.ts';
import type { TurnEvent, TurnMoment } from './turn-events.ts';

export type Decision =
  | { readonly draft: Draft; readonly missing: null }
  | { readonly draft: null; readonly missing: readonly LoadKeys[] };

/**
 * Decides over all events in order of arrival, then gives free slots to those who wait. `placing: false` leaves that out,
 * for a turn whose placement was refused.
 */
export function decide(
  events: readonly TurnEvent[],
  board: Board,
  loaded: LoadedRows,
  moment: TurnMoment,
  placing = true,
): Decision {
  const draft = new Draft(board, loaded, moment);
  const missing = new MissingKeys();
  for (const [index, event] of events.entries()) missing.during(() => decideOne(draft, index, event));
  if (placing && missing.keys.length === 0) missing.during(() => place(draft));
  if (missing.keys.length > 0) return { draft: null, missing: missing.keys };
  noteEmptyLanes(draft, board);
  writeRanks(draft);
  if (draft.toPublish > 0) {
    draft.effects.push({ type: 'publish' });
    draft.tell({ type: 'to_publish', count: draft.toPublish });
  }
  return { draft, missing: null };
}

function decideOne(draft: Draft, index: number, event: TurnEvent): void {
  switch (event.type) {
    case 'submit':
      return decideSubmit(draft, index, event);
    case 'cancel':
      return decideCancel(draft, index, event);
    case 'retry':
      return decideRetry(draft, index, event);
    case 'adopt':
      return decideAdopt(draft, index, event);
    case 'publish_jobs':
      return decidePublishJobs(draft, index, event);
    case 'greet':
      return decideGreet(draft, index, event);
    case 'settle':
      return decideSettle(draft, event);
    case 'detach':
      return decideDetach(draft, event);
    case 'drain':
      return decideDrain(draft, event);
    case 'process_gone':
      return decideProcessGone(draft, event);
    case 'report':
      return decideReport(draft, event);
    case 'lease_ended':
      return decideLeaseEnded(draft, event);
    case 'due':
      return decideDue(draft);
    case 'settle_followers':
      return decideFollowers(draft, event);
    case 'published':
      return decidePublished(draft, index, event);
    case 'republish':
      return decideRepublish(draft, event);
    case 'put_key':
      draft.changes.push({ do: 'put_key', key: event.key });
      return draft.receipt(index, { type: 'done' });
    case 'put_endpoint':
      return decideEndpoint(draft, index, event);
    case 'wake':
  }
}

/** A lane from which fewer runs came than were asked for has no more, unless this turn queued some. */
function noteEmptyLanes(draft: Draft, board: Board): void {
  for (const lane of board.lanes.values()) {
    const claims = draft.loaded.claims(lane.id);
    if (claims === null || !lane.has_work || claims.length >= draft.loaded.claimLimit(lane.id)) continue;
    const left = [...claims, ...(draft.queued.get(lane.id) ?? [])].some(
      (id) => draft.row(id).state === 'queued',
    );
    const now = draft.lanes.get(lane.id);
    if (!left && now !== undefined) draft.lanes.set(lane.id, { ...now, has_work: false });
  }
}
