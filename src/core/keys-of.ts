/**
 * What a turn will most likely want to know, so that one load is enough. What is forgotten here costs a second load (see
 * Missing in draft.ts), never a wrong decision.
 */
import { laneKey, runKey, type Board, type BoardLane } from './board.ts';
import type { LoadKeys } from './ports/store.ts';
import { Gates } from './gate.ts';
import { LIMITS } from './limits.ts';
import type { PreparedJob } from './submission.ts';
import type { TurnEvent } from './turn-events.ts';

class Wanted {
  readonly names = new Set<string>();
  readonly runs = new Map<string, { name: string; run: number }>();
  readonly digests = new Set<string>();
  readonly epochs = new Set<string>();
  readonly ranks = new Map<string, { lane: number; batch: string }>();
  readonly ids = new Set<number>();
  due: LoadKeys['due'];
  ended = 0;

  run(name: string, run: number | null): void {
    if (run === null) this.names.add(name);
    else this.runs.set(runKey(name, run), { name, run });
  }
}

export function keysOf(events: readonly TurnEvent[], board: Board, now: number, now_m: number): LoadKeys {
  const wanted = new Wanted();
  for (const event of events) want(wanted, event, board, now);
  const claims = claimsOf(board, wanted.ended, now_m);
  return {
    names: [...wanted.names],
    runs: [...wanted.runs.values()],
    ids: [...wanted.ids],
    digests: [...wanted.digests],
    epochs: [...wanted.epochs],
    ranks: [...wanted.ranks.values()],
    claims,
    ...(wanted.due === undefined ? {} : { due: wanted.due }),
  };
}

function want(wanted: Wanted, event: TurnEvent, board: Board, now: number): void {
  switch (event.type) {
    case 'submit':
      for (const job of event.jobs) wantJob(wanted, job, board);
      return;
    case 'cancel':
    case 'retry':
      for (const ref of event.runs) {
        wanted.run(ref.name, ref.run);
        wanted.epochs.add(ref.name);
      }
      return;
    case 'publish_jobs':
      for (const { name, run } of event.runs) wanted.run(name, run);
      return;
    case 'adopt':
      for (const { row, is_certain } of event.adoptions) {
        wanted.run(row.name, null);
        if (is_certain) wanted.run(row.name, row.run);
        wanted.epochs.add(row.name);
        wanted.digests.add(row.digest);
      }
      return;
    case 'report':
      wanted.run(event.report.name, event.report.run);
      wanted.epochs.add(event.report.name);
      if (event.answer === null) wanted.digests.add(event.report.digest);
      wanted.ended += 1;
      return;
    case 'lease_ended':
      wanted.run(event.name, event.run);
      wanted.ended += 1;
      return;
    case 'settle':
      for (const lease of board.leases.values())
        if (lease.instance === event.instance) wanted.run(lease.name, lease.run);
      wanted.ended += event.slots;
      return;
    case 'settle_followers':
      wanted.digests.add(event.digest);
      if (event.ended !== null) wanted.ids.add(event.ended);
      return;
    case 'process_gone':
      for (const lease of board.leases.values())
        if (lease.instance === event.instance) wanted.run(lease.name, lease.run);
      return;
    case 'due':
      wanted.due = { before: now, limit: LIMITS.due_per_turn_max };
      return;
    case 'republish':
      wanted.ids.add(event.publication.job);
      return;
    default:
  }
}

function wantJob(wanted: Wanted, job: PreparedJob, board: Board): void {
  wanted.names.add(job.name);
  wanted.digests.add(job.digest);
  const lane = board.lane_ids.get(laneKey(job.endpoint, job.model, job.needs));
  const batch = job.batch ?? '';
  if (lane !== undefined) wanted.ranks.set(`${lane}\n${batch}`, { lane, batch });
}

/** As many heads of each lane as could start at most; `ended`: slots that this turn may free. */
function claimsOf(board: Board, ended: number, now_m: number): { lane: number; limit: number }[] {
  const claims: { lane: number; limit: number }[] = [];
  for (const lane of board.lanes.values()) {
    if (!lane.has_work) continue;
    const limit = Math.min(freeSlots(board, lane) + ended, freeAtEndpoint(board, lane) + ended);
    if (limit > 0 && gatesLet(board, lane, now_m, ended)) claims.push({ lane: lane.id, limit });
  }
  return claims;
}

function freeSlots(board: Board, lane: BoardLane): number {
  let free = 0;
  for (const one of board.instances.values()) {
    if (one.connected && !one.draining && one.endpoints.has(lane.endpoint))
      free += Math.max(0, one.slots - one.used);
  }
  return free;
}

function freeAtEndpoint(board: Board, lane: BoardLane): number {
  const endpoint = board.endpoints.get(lane.endpoint);
  return endpoint === undefined || endpoint.paused
    ? 0
    : Math.max(0, endpoint.max_concurrent - endpoint.running);
}

function gatesLet(board: Board, lane: BoardLane, now_m: number, ended: number): boolean {
  const open = [null, lane.model].every((model) =>
    Gates.lets(board.gates.get(Gates.key(lane.endpoint, model)), now_m),
  );
  return open || ended > 0;
}
