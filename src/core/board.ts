/**
 * What the scheduler holds in memory: who is connected, who holds which lease, which lanes have work, which gates are closed.
 * All of it can be made again from the store and from what instances say when they come back. Records are immutable; a
 * turn replaces them through overlays (see overlay.ts). Times ending in `_m` are monotonic ms.
 */
import type { EndpointConfig } from './endpoints.ts';
import type { Gate } from './gate.ts';
import type { LaneNeeds, LaneRow, RunRow } from './rows.ts';
import type { StoreStart } from './ports/store.ts';

export interface BoardInstance {
  readonly id: number;
  readonly name: string;
  readonly process_id: string;
  readonly slots: number;
  readonly endpoints: ReadonlySet<string>;
  readonly needs: ReadonlySet<LaneNeeds>;
  /** Settled after its hello, and its connection stands. */
  readonly connected: boolean;
  readonly draining: boolean;
  /** Leases it holds. */
  readonly used: number;
  /** Runs whose outcomes lie in its spool, as it said at its hello, and the monotonic time until when they are waited for. */
  readonly brings: { readonly runs: ReadonlySet<string>; readonly until_m: number };
}

export const BRINGS_NOTHING: BoardInstance['brings'] = { runs: new Set(), until_m: 0 };

/** An instance's right to an attempt. When it ends is kept by the scheduler's lease clock, outside of turns. */
export interface Lease {
  readonly job: number;
  readonly name: string;
  readonly run: number;
  readonly attempt: number;
  readonly digest: string;
  readonly instance: number;
  readonly lane: number;
  readonly endpoint: string;
  readonly model: string;
  readonly started_at: number;
  readonly started_m: number;
  readonly queued_ms: number;
  readonly attempt_timeout_ms: number;
}

export interface BoardLane extends LaneRow {
  /** False only where a load found no queued run in it. */
  readonly has_work: boolean;
  /** When it was last served, or when work came to it: the one that waited longest goes first. */
  readonly waiting_since_m: number;
  /** Number of its last claim, over all lanes: tells which of those served at one moment was served first. */
  readonly last_claim: number;
}

/** What is numbered in memory, each from where the store left off. */
export type Counter = 'job' | 'lane' | 'instance' | 'claim';

export interface BoardEndpoint {
  readonly name: string;
  readonly kind: string;
  readonly max_concurrent: number;
  /** As the configuration says, where no limit was set at run time. */
  readonly max_configured: number;
  readonly sticky_models: boolean;
  readonly paused: boolean;
  /** Leases on it. */
  readonly running: number;
  /** The lane whose model it has loaded, as far as we know. */
  readonly loaded_lane: number | null;
  /** Whether it has said anything since this scheduler began: before that, whether its gate was closed is not known. */
  readonly heard: boolean;
}

export interface Board {
  readonly instances: Map<number, BoardInstance>;
  /** By `name@run`. */
  readonly leases: Map<string, Lease>;
  readonly lanes: Map<number, BoardLane>;
  /** Lane ids by {@link laneKey}. */
  readonly lane_ids: Map<string, number>;
  readonly endpoints: Map<string, BoardEndpoint>;
  /** Closed and probing gates by `Gates.key`; an absent gate is open. */
  readonly gates: Map<string, Gate>;
  /** Digests that some run waits for: only their ends have followers to settle. */
  readonly followed: Map<string, true>;
  readonly counters: Map<Counter, number>;
}

export function laneKey(endpoint: string, model: string, needs: LaneNeeds): string {
  return `${endpoint}\n${model}\n${needs}`;
}

export function runKey(name: string, run: number): string {
  return `${name}@${run}`;
}

function leaseOf(run: RunRow, started_m: number): Lease {
  return {
    job: run.id,
    name: run.name,
    run: run.run,
    attempt: run.attempt,
    digest: run.digest,
    instance: run.instance ?? 0,
    lane: run.lane,
    endpoint: run.endpoint,
    model: run.model,
    started_at: run.started_at ?? 0,
    started_m,
    queued_ms: 0,
    attempt_timeout_ms: run.attempt_timeout_ms,
  };
}

/** The board at the start of a scheduler: every running run has a lease that its instance may still come back for. */
export function boardAtStart(start: StoreStart, endpoints: Iterable<EndpointConfig>, now_m: number): Board {
  const withWork = new Set(start.lanes_with_work);
  const limits = new Map(start.endpoints.map((row) => [row.name, row]));
  const board: Board = {
    instances: new Map(),
    leases: new Map(),
    lanes: new Map(),
    lane_ids: new Map(),
    endpoints: new Map(),
    gates: new Map(),
    followed: new Map(start.followed_digests.map((digest) => [digest, true])),
    counters: new Map([
      ['job', start.next_job_id],
      ['lane', start.next_lane_id],
      ['instance', start.instances.reduce((max, row) => Math.max(max, row.id + 1), 1)],
    ]),
  };
  for (const lane of start.lanes) {
    board.lanes.set(lane.id, {
      ...lane,
      has_work: withWork.has(lane.id),
      waiting_since_m: now_m,
      last_claim: 0,
    });
    board.lane_ids.set(laneKey(lane.endpoint, lane.model, lane.needs), lane.id);
  }
  for (const config of endpoints) {
    const row = limits.get(config.name);
    board.endpoints.set(config.name, {
      name: config.name,
      kind: config.kind,
      max_concurrent: row?.max_concurrent ?? config.max_concurrent,
      max_configured: config.max_concurrent,
      sticky_models: config.sticky_models,
      paused: row?.paused ?? false,
      running: 0,
      loaded_lane: null,
      heard: false,
    });
  }
  for (const row of start.instances) {
    board.instances.set(row.id, {
      id: row.id,
      name: row.name,
      process_id: row.process_id,
      slots: 0,
      endpoints: new Set(),
      needs: new Set(),
      connected: false,
      draining: false,
      used: 0,
      brings: BRINGS_NOTHING,
    });
  }
  for (const run of start.running) {
    const lease = leaseOf(run, now_m);
    board.leases.set(runKey(run.name, run.run), lease);
    const endpoint = board.endpoints.get(lease.endpoint);
    if (endpoint !== undefined)
      board.endpoints.set(endpoint.name, { ...endpoint, running: endpoint.running + 1 });
    const instance = board.instances.get(lease.instance);
    if (instance !== undefined) board.instances.set(instance.id, { ...instance, used: instance.used + 1 });
  }
  return board;
}
