import { describe, expect, it } from 'vitest';
import { type FolderView, NOT_WATCHED } from '../../src/core/folder-view.ts';
import type { InstanceStatus } from '../../src/core/ports/scheduler.ts';
import { NOW } from './fake-reads.ts';
import { setup } from './setup.ts';

const LOCAL: InstanceStatus = {
  id: 0,
  name: 'local',
  state: 'connected',
  slots: 64,
  endpoints: ['simulator'],
  address: '127.0.0.1:5',
  version: '1',
  pid: 77,
  silent_ms: 3,
  running: [
    {
      name: 'a',
      run: 1,
      attempt: 1,
      endpoint: 'simulator',
      model: 'parrot',
      elapsed_ms: 5,
      timeout_ms: 10,
      pid: null,
    },
  ],
};

describe('instances and endpoints', () => {
  it('R25: shows the instances that are connected and those that are only known', async () => {
    await using server = await setup();
    server.scheduler.instance_status = [LOCAL];
    server.reads.instance_rows.push(
      { id: 1, name: 'gpu', first_seen_at: NOW, last_seen_at: NOW, process_id: 'p1' },
      { id: 0, name: 'local', first_seen_at: NOW, last_seen_at: NOW, process_id: 'p1' },
    );
    const answer = await server.ask('/instances');
    expect(answer.json['instances']).toEqual([
      LOCAL,
      expect.objectContaining({ id: 1, name: 'gpu', state: 'disconnected', running: [] }),
    ]);
    expect((await server.ask('/instances/0')).json).toEqual(LOCAL);
    expect((await server.ask('/instances/9')).status).toBe(404);
    expect((await server.ask('/instances/x')).status).toBe(400);
  });

  it('shows endpoints with their gate and its reason', async () => {
    await using server = await setup();
    const endpoint = {
      name: 'openai',
      kind: 'openai-compatible',
      max_concurrent: 16,
      running: 2,
      paused: false,
      gate: 'closed',
      reason: { code: 'EndpointAuth', message: 'No key.' },
    } as const;
    server.scheduler.endpoint_status = [endpoint];
    expect((await server.ask('/endpoints')).json).toEqual({ endpoints: [endpoint] });
  });

  it('R14: tells which files of jobs/ are wrong or changed, where the folder is watched', async () => {
    const fault = {
      code: 'InvalidJob',
      path: 'prompt',
      expected: 'a text',
      got: '7',
      line: 1,
      column: 2,
    } as const;
    const since = '2026-01-01T00:00:00.000Z';
    const view: FolderView = {
      counts: { watched: true, enabled: true, waiting: 2, rejected: 1, changed: 1, of_no_run: 1 },
      rejected: [{ file: 'a.json', since, faults: [fault], report: 'rejected/a.1.json' }],
      changed: [{ file: 'b.json', since, names: ['b'] }],
      of_no_run: [{ file: 'results/1_c.json', since, message: 'expected JSON' }],
    };
    await using server = await setup({ folder: async () => view });
    expect((await server.ask('/folder')).json).toEqual(view);
    expect((await server.ask('/stats')).json).toMatchObject({ folder: view.counts });
    expect((await server.ask('/folder/counts')).json).toEqual(view.counts);
    await using other = await setup();
    expect((await other.ask('/folder')).json).toEqual(NOT_WATCHED);
  });

  it('gives figures, with what the server itself adds', async () => {
    await using server = await setup();
    await server.submit('a');
    const [attempt] = LOCAL.running;
    server.scheduler.instance_status = [
      { ...LOCAL, running: [attempt!, { ...attempt!, name: 'b', pid: 4_711 }] },
    ];
    expect((await server.ask('/stats')).json).toEqual({
      version: '0.0.0-test',
      store_id: 'store-1',
      uptime_s: 0,
      turns: 7,
      states: { queued: 1 },
      unpublished: 0,
      trouble: null,
      processes: 1,
      folder: { watched: false, enabled: false, waiting: 0, rejected: 0, changed: 0, of_no_run: 0 },
      disk_free_bytes: 1,
    });
  });
});

describe('health', () => {
  it('R19: is well while the process answers, and ready while work can be taken', async () => {
    await using server = await setup();
    expect(await server.ask('/healthz')).toMatchObject({
      status: 200,
      json: { ok: true, version: '0.0.0-test', store_id: 'store-1' },
    });
    expect(await server.ask('/readyz')).toMatchObject({ status: 200, json: { ready: true } });
    server.scheduler.trouble = { code: 'DiskLow', message: 'Free some disk space.' };
    expect(await server.ask('/readyz')).toMatchObject({
      status: 503,
      json: { code: 'Overloaded', detail: 'DiskLow: Free some disk space.' },
    });
    expect((await server.ask('/healthz')).status).toBe(200);
    server.scheduler.trouble = null;
    server.scheduler.failure = new Error('the thread is gone');
    expect(await server.ask('/readyz')).toMatchObject({
      status: 503,
      json: { detail: 'The scheduler does not answer' },
    });
  });
});
