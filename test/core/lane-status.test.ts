// Why the jobs of a lane wait, where what they need of an instance is what is missing.
import { describe, expect, it } from 'vitest';
import { laneStatuses } from '../../src/core/lane-status.ts';
import type { LaneNeeds } from '../../src/core/rows.ts';
import {
  type Board,
  type BoardEndpoint,
  type BoardInstance,
  type BoardLane,
  BRINGS_NOTHING,
} from '../../src/core/board.ts';

const ENDPOINT: BoardEndpoint = {
  name: 'shell',
  kind: 'command',
  max_concurrent: 4,
  max_configured: 4,
  sticky_models: false,
  paused: false,
  running: 0,
  loaded_lane: null,
  heard: true,
};

function boardWith(needs: LaneNeeds, offered: readonly LaneNeeds[]): Board {
  const lane: BoardLane = {
    ...{ id: 1, endpoint: 'shell', model: 'm', needs, last_rank: 0 },
    ...{ has_work: true, waiting_since_m: 0, last_claim: 0 },
  };
  const instance: BoardInstance = {
    ...{ id: 0, name: 'local', process_id: 'p', slots: 4, endpoints: new Set(['shell']) },
    ...{ needs: new Set(offered), connected: true, draining: false, used: 0, brings: BRINGS_NOTHING },
  };
  return {
    instances: new Map([[0, instance]]),
    leases: new Map(),
    lanes: new Map([[1, lane]]),
    lane_ids: new Map(),
    endpoints: new Map([['shell', ENDPOINT]]),
    gates: new Map(),
    followed: new Map(),
    counters: new Map(),
  };
}

describe.each<[LaneNeeds, RegExp]>([
  ['workspace', /shell has the workspace, whose scripts these jobs run\. Start one there: promptd instance/],
  ['exec', /shell has the workspace and may run commands: "instance": \{"allow_exec": true\}/],
])('R3: jobs that need "%s"', (needs, sentence) => {
  it('say so, where instances serve their endpoint and have it not', () => {
    const [status] = laneStatuses(boardWith(needs, ['']), 0);
    expect(status?.reason).toMatchObject({ code: 'NoInstance', message: expect.stringMatching(sentence) });
  });

  it('wait for a slot, where one has it', () => {
    expect(laneStatuses(boardWith(needs, ['', needs]), 0)[0]?.reason.code).toBe('WaitingForSlot');
  });
});

it('R14: where the endpoint is the limit, its max_concurrent is named, and no more slots', () => {
  const board = boardWith('', ['']);
  const full = { ...ENDPOINT, running: 4 };
  const [status] = laneStatuses({ ...board, endpoints: new Map([['shell', full]]) }, 0);
  expect(status?.reason.message).toBe(
    'shell runs 4 of at most 4 at a time. It starts when one of them has ended; more at a time: max_concurrent of that endpoint.',
  );
});
