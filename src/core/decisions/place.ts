/**
 * Who runs next. Within a lane the order is fixed (order.ts); across the lanes that somebody can serve, a slot takes by
 * priority, then the lane that waited longest, then rank, then arrival. An endpoint that keeps one model loaded stays with
 * that model's lane until it is empty, a higher priority waits, or another lane has waited for long.
 */
import { runKey, type BoardEndpoint, type BoardInstance, type BoardLane } from '../board.ts';
import { type Draft, Missing, MissingKeys } from '../draft.ts';
import { Gates } from '../gate.ts';
import { LIMITS } from '../limits.ts';
import { compareHeads, compareInLane } from '../order.ts';
import type { RunRow } from '../rows.ts';
import { grantLease } from './leasing.ts';

interface Candidates {
  lane: BoardLane;
  readonly runs: readonly RunRow[];
  next: number;
}

export function place(draft: Draft): void {
  const free = [...draft.instances.values()].filter(hasRoom);
  if (free.length === 0) return;
  const waiting = candidateLanes(draft, broughtRuns(draft));
  for (;;) {
    const choice = choose(draft, waiting);
    if (choice === null) break;
    const { candidates, instance } = choice;
    const run = candidates.runs[candidates.next];
    if (run === undefined) break;
    candidates.next += 1;
    candidates.lane = claim(draft, run, candidates.lane, instance);
  }
  for (const { lane } of waiting) {
    const before = draft.lanes.get(lane.id);
    if (before !== undefined && draft.servedLanes.has(lane.id))
      draft.changes.push({ do: 'put_lane', lane: rowOf(before) });
  }
}

/** The heads of every lane of which something could start: as many as could start at most. */
function candidateLanes(draft: Draft, brought: ReadonlySet<string>): Candidates[] {
  const waiting: Candidates[] = [];
  const missing = new MissingKeys();
  for (const lane of draft.lanes.values()) {
    const room = lane.has_work ? roomFor(draft, lane) : 0;
    if (room === 0) continue;
    missing.during(() => {
      const runs = headsOf(draft, lane, room, brought);
      if (runs.length > 0) waiting.push({ lane, runs, next: 0 });
    });
  }
  if (missing.keys.length > 0) throw new Missing(...missing.keys);
  return waiting;
}

/** Runs whose outcomes are on their way from the spools of instances that are connected. */
function broughtRuns(draft: Draft): ReadonlySet<string> {
  const brought = new Set<string>();
  for (const { connected, brings } of draft.instances.values())
    if (connected && brings.until_m > draft.moment.now_m) for (const key of brings.runs) brought.add(key);
  return brought;
}

/** How many runs of this lane could start at most; probes and sticky models allow fewer. */
function roomFor(draft: Draft, lane: BoardLane): number {
  const endpoint = draft.endpoints.get(lane.endpoint);
  if (endpoint === undefined || endpoint.paused || !gatesLet(draft, lane)) return 0;
  let slots = 0;
  for (const instance of draft.instances.values())
    if (fits(instance, lane)) slots += instance.slots - instance.used;
  return Math.max(0, Math.min(slots, endpoint.max_concurrent - endpoint.running));
}

/**
 * Queued runs in order, those that were loaded and those that this turn queued. Where fewer were loaded than could start,
 * and there may be more, more are loaded: a slot must not stay empty, nor a newcomer pass those who wait.
 */
function headsOf(
  draft: Draft,
  lane: BoardLane,
  room: number,
  brought: ReadonlySet<string>,
): readonly RunRow[] {
  const mayStartNow = (run: RunRow): boolean => !brought.has(runKey(run.name, run.run));
  const loaded = draft.loaded.claims(lane.id);
  const isWhole =
    draft.lanesFilled.has(lane.id) || (loaded !== null && loaded.length < draft.loaded.claimLimit(lane.id));
  const queued = (loaded ?? [])
    .map((id) => draft.row(id))
    .filter((run) => run.state === 'queued' && mayStartNow(run));
  if (!isWhole && queued.length < room) {
    const limit = room + (draft.unqueued.get(lane.id) ?? 0) + brought.size;
    throw new Missing({ claims: [{ lane: lane.id, limit }] });
  }
  const fresh = [...(draft.queued.get(lane.id) ?? [])].map((id) => draft.row(id)).filter(mayStartNow);
  return [...new Set([...queued, ...fresh])].toSorted(compareInLane);
}

function choose(
  draft: Draft,
  waiting: readonly Candidates[],
): { readonly candidates: Candidates; readonly instance: BoardInstance } | null {
  let best: { candidates: Candidates; head: RunRow; lane: BoardLane; instance: BoardInstance } | null = null;
  for (const candidates of waiting) {
    const head = candidates.runs[candidates.next];
    if (head === undefined || !mayStart(draft, candidates.lane, head, waiting)) continue;
    const instance = roomiest(draft, candidates.lane);
    if (instance === null) continue;
    const one = { candidates, head, lane: candidates.lane, instance };
    if (best === null || compareHeads(one, best) < 0) best = one;
  }
  return best;
}

/** Whether the endpoint takes another attempt, and one of this model. */
function mayStart(draft: Draft, lane: BoardLane, head: RunRow, waiting: readonly Candidates[]): boolean {
  const endpoint = draft.endpoints.get(lane.endpoint);
  if (endpoint === undefined || endpoint.paused || endpoint.running >= endpoint.max_concurrent) return false;
  if (!gatesLet(draft, lane)) return false;
  return !endpoint.sticky_models || !staysWithAnother(draft, endpoint, lane, head, waiting);
}

function gatesLet(draft: Draft, lane: BoardLane): boolean {
  return [null, lane.model].every((model) =>
    Gates.lets(draft.gates.get(Gates.key(lane.endpoint, model)), draft.moment.now_m),
  );
}

/** Whether the model that is loaded has work of no lower priority, and this lane has not waited for long. */
function staysWithAnother(
  draft: Draft,
  endpoint: BoardEndpoint,
  lane: BoardLane,
  head: RunRow,
  waiting: readonly Candidates[],
): boolean {
  const model = draft.lanes.get(endpoint.loaded_lane ?? -1)?.model;
  if (model === undefined || model === lane.model) return false;
  if (draft.moment.now_m - lane.waiting_since_m >= LIMITS.model_switch_after_ms) return false;
  return waiting.some((other) => {
    const itsHead =
      other.lane.endpoint === endpoint.name && other.lane.model === model
        ? other.runs[other.next]
        : undefined;
    return itsHead !== undefined && head.priority <= itsHead.priority;
  });
}

function fits(instance: BoardInstance, lane: BoardLane): boolean {
  return hasRoom(instance) && instance.endpoints.has(lane.endpoint) && instance.needs.has(lane.needs);
}

function hasRoom(instance: BoardInstance): boolean {
  return instance.connected && !instance.draining && instance.used < instance.slots;
}

/** The instance with the largest share of free slots among those that fit. */
function roomiest(draft: Draft, lane: BoardLane): BoardInstance | null {
  let best: BoardInstance | null = null;
  for (const instance of draft.instances.values()) {
    if (!fits(instance, lane)) continue;
    if (best === null || share(instance) > share(best)) best = instance;
  }
  return best;
}

function share(instance: BoardInstance): number {
  return (instance.slots - instance.used) / instance.slots;
}

function claim(draft: Draft, before: RunRow, lane: BoardLane, instance: BoardInstance): BoardLane {
  const { now, now_m } = draft.moment;
  const attempt = before.attempt + 1;
  const run = draft.change(before, 'claim', { attempt, instance: instance.id, started_at: now });
  draft.changes.push({ do: 'insert_attempt', attempt: newAttempt(run, now) });
  const { id: job, name, run: number, digest, endpoint, model, attempt_timeout_ms } = run;
  const queued_ms = Math.max(0, now - before.submitted_at);
  const lease = {
    job,
    name,
    run: number,
    attempt,
    digest,
    instance: instance.id,
    lane: lane.id,
    endpoint,
    model,
    started_at: now,
    started_m: now_m,
    queued_ms,
    attempt_timeout_ms,
  };
  grantLease(draft, run, lease);
  takeProbe(draft, run);
  draft.effects.push({
    type: 'dispatch',
    instance: instance.id,
    job,
    attempt: { name, run: number, attempt, digest },
    attempt_timeout_ms,
    endpoint,
  });
  draft.tell({ type: 'attempt_started', name, run: number, attempt, instance: instance.id });
  const served: BoardLane = {
    ...lane,
    last_rank: Math.max(lane.last_rank, run.rank),
    waiting_since_m: now_m,
    last_claim: draft.next('claim'),
  };
  draft.lanes.set(lane.id, served);
  draft.servedLanes.add(lane.id);
  return served;
}

/** The first attempt behind a gate whose time is over probes it: the others wait for what becomes of it. */
function takeProbe(draft: Draft, run: RunRow): void {
  const { gates, moment } = draft;
  const heard = draft.endpoints.get(run.endpoint)?.heard ?? true;
  if (!heard && run.rate_limited_since !== null && gates.get(Gates.key(run.endpoint, null)) === undefined)
    gates.set(Gates.key(run.endpoint, null), Gates.suspect(run.endpoint, moment.now_m));
  for (const model of [null, run.model]) {
    const gate = draft.gates.get(Gates.key(run.endpoint, model));
    if (gate !== undefined) draft.gates.set(gate.key, { ...gate, probe: runKey(run.name, run.run) });
  }
}

function newAttempt(run: RunRow, now: number) {
  return {
    job: run.id,
    attempt: run.attempt,
    instance: run.instance ?? 0,
    started_at: now,
    ended_at: null,
    outcome: null,
    charged_for: null,
    reason_code: null,
    error: null,
    timings: null,
    usage: null,
    cost: null,
    parameters_sent: null,
    warnings: [],
    prompt_sha256: null,
    log_file: null,
    log_offset: 0,
    log_bytes: 0,
    kept_answer: null,
  };
}

function rowOf(lane: BoardLane) {
  const { id, endpoint, model, needs, last_rank } = lane;
  return { id, endpoint, model, needs, last_rank };
}
