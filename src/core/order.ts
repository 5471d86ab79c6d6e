/**
 * Who goes first. Within a lane: priority, highest first, then rank, then arrival. Rank is virtual time: each batch is given
 * rising ranks that begin where the lane stands now, so batches take turns and a few prompts do not wait behind a sweep.
 */
import type { BoardLane } from './board.ts';
import type { RunRow } from './rows.ts';

/** Order within a lane; also the order of the store's claim index. */
export function compareInLane(a: RunRow, b: RunRow): number {
  return b.priority - a.priority || a.rank - b.rank || a.id - b.id;
}

/** Order of the heads of lanes: priority, the lane that waited longest, rank, arrival. */
export function compareHeads(
  a: { readonly head: RunRow; readonly lane: BoardLane },
  b: { readonly head: RunRow; readonly lane: BoardLane },
): number {
  return (
    b.head.priority - a.head.priority ||
    a.lane.waiting_since_m - b.lane.waiting_since_m ||
    a.lane.last_claim - b.lane.last_claim ||
    a.head.rank - b.head.rank ||
    a.head.id - b.head.id
  );
}

/** The next rank of a batch in a lane. */
export function nextRank(laneLastClaimed: number, batchLast: number): number {
  return Math.max(laneLastClaimed, batchLast) + 1;
}
