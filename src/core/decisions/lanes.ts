/** Lanes and the places of runs in them. */
import { laneKey, type BoardLane } from '../board.ts';
import type { Draft } from '../draft.ts';
import { nextRank } from '../order.ts';
import type { LaneNeeds } from '../rows.ts';

/** The lane of an endpoint, a model and what its jobs need; made where it is new. */
export function laneOf(draft: Draft, endpoint: string, model: string, needs: LaneNeeds): BoardLane {
  const key = laneKey(endpoint, model, needs);
  const known = draft.lanes.get(draft.lane_ids.get(key) ?? -1);
  if (known !== undefined) return known;
  const id = draft.next('lane');
  const row = { id, endpoint, model, needs, last_rank: 0 };
  const lane: BoardLane = { ...row, has_work: false, waiting_since_m: draft.moment.now_m, last_claim: 0 };
  draft.lane_ids.set(key, id);
  draft.lanes.set(id, lane);
  draft.changes.push({ do: 'put_lane', lane: row });
  draft.lanesMade.add(id);
  return lane;
}

/** Gives the next rank of a batch in a lane; written once a turn by {@link writeRanks}. */
export function takeRank(draft: Draft, lane: BoardLane, batch: string | null): number {
  const key = rankKey(lane.id, batch ?? '');
  const rank = nextRank(
    lane.last_rank,
    draft.lanesMade.has(lane.id) && !draft.ranks.has(key) ? 0 : draft.rank(lane.id, batch ?? ''),
  );
  draft.ranks.set(key, rank);
  draft.ranksTaken.add(key);
  return rank;
}

export function writeRanks(draft: Draft): void {
  for (const key of draft.ranksTaken) {
    const cut = key.indexOf('\n');
    const rank = {
      lane: Number(key.slice(0, cut)),
      batch: key.slice(cut + 1),
      last_rank: draft.ranks.get(key) ?? 0,
    };
    draft.changes.push({ do: 'put_rank', rank });
  }
}

function rankKey(lane: number, batch: string): string {
  return `${lane}\n${batch}`;
}
