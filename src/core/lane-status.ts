/** Why the queued runs of each lane do not run at this moment. */
import type { Board, BoardLane } from './board.ts';
import { Gates } from './gate.ts';
import type { LaneStatus } from './ports/scheduler.ts';
import { reason, type Reason } from './reasons.ts';
import type { LaneNeeds } from './rows.ts';

export function laneStatuses(board: Board, now_m: number): LaneStatus[] {
  return [...board.lanes.values()].map((lane) => ({
    lane: lane.id,
    endpoint: lane.endpoint,
    model: lane.model,
    reason: whyWaiting(board, lane, now_m),
  }));
}

/** What the instances that serve an endpoint lack for the jobs of a lane. */
const LACKS: Readonly<Record<LaneNeeds, (endpoint: string) => string>> = {
  '': (endpoint) =>
    `No connected instance takes jobs of ${endpoint}. Start one: promptd instance --connect host:port`,
  workspace: (endpoint) =>
    `No connected instance that serves ${endpoint} has the workspace, whose scripts these jobs run. Start one there: promptd instance --connect host:port`,
  exec: (endpoint) =>
    `No connected instance that serves ${endpoint} has the workspace and may run commands: "instance": {"allow_exec": true} in promptd.config.json`,
};

function whyWaiting(board: Board, lane: BoardLane, now_m: number): Reason {
  const endpoint = board.endpoints.get(lane.endpoint);
  if (endpoint === undefined) {
    return reason(
      'NoInstance',
      `The configuration names no endpoint "${lane.endpoint}" any more; put it back, or cancel these jobs`,
    );
  }
  if (endpoint.paused) return reason('Paused', `The endpoint ${endpoint.name} is paused`);
  const gate = gateOf(board, lane, now_m);
  if (gate !== null) return gate;
  const serving = [...board.instances.values()].filter(
    (one) => one.connected && one.endpoints.has(lane.endpoint),
  );
  if (serving.length === 0) return reason('NoInstance');
  if (!serving.some((one) => one.needs.has(lane.needs)))
    return reason('NoInstance', LACKS[lane.needs](lane.endpoint));
  const loaded = endpoint.loaded_lane === null ? undefined : board.lanes.get(endpoint.loaded_lane);
  if (endpoint.sticky_models && loaded !== undefined && loaded.model !== lane.model && loaded.has_work) {
    return reason('WaitingForModel', `${endpoint.name} has ${loaded.model} loaded and works on that`);
  }
  if (endpoint.running >= endpoint.max_concurrent) {
    return reason(
      'WaitingForSlot',
      `${endpoint.name} runs ${endpoint.running} of at most ${endpoint.max_concurrent} at a time`,
    );
  }
  return reason('WaitingForSlot');
}

function gateOf(board: Board, lane: BoardLane, now_m: number): Reason | null {
  for (const model of [null, lane.model]) {
    const gate = board.gates.get(Gates.key(lane.endpoint, model));
    if (gate !== undefined && (gate.until_m > now_m || gate.probe !== null)) return gate.reason;
  }
  return null;
}
