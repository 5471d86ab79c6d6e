/** F89: an error of promptd itself in a handler ends that request, and nothing else. */
import { describe, expect, it } from 'vitest';
import { type Setup, setup, SseReader, textOf } from './setup.ts';

const BUG = new TypeError('a bug that says /home/me/queue.db');

function bug(): never {
  throw BUG;
}

/** Every way in which a route is served, broken underneath. */
const BROKEN: readonly (readonly [
  what: string,
  breaks: (server: Setup) => void,
  url: string,
  method: string,
])[] = [
  ['reads a row', ({ reads }) => (reads.run = bug), '/jobs/a', 'GET'],
  ['reads a list', ({ reads }) => (reads.runs = bug), '/jobs', 'GET'],
  ['counts', ({ reads }) => (reads.counts = bug), '/stats', 'GET'],
  ['asks the scheduler', ({ scheduler }) => (scheduler.status = bug), '/endpoints', 'GET'],
  [
    'is rejected by the scheduler',
    ({ scheduler }) => (scheduler.cancel = () => Promise.reject(BUG)),
    '/jobs/a',
    'DELETE',
  ],
  ['submits', ({ scheduler }) => (scheduler.submit = bug), '/jobs', 'POST'],
  ['reads a log', ({ reads }) => (reads.attempts = bug), '/jobs/a/logs', 'GET'],
  ['waits', ({ reads }) => (reads.runById = bug), '/jobs/a?wait=1', 'GET'],
];

const JOB = JSON.stringify({ name: 'b', prompt: 'x', configuration: {} });

describe('a bug in a handler', () => {
  it.each(BROKEN)(
    'F89: that %s answers 500 with an id, and the server goes on',
    async (_what, breaks, url, method) => {
      await using server = await setup();
      await server.submit('a');
      breaks(server);
      const answer = await server.ask(url, { method, ...(method === 'POST' ? { body: JOB } : {}) });
      expect(answer).toMatchObject({ status: 500, json: { code: 'Internal', status: 500 } });
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.text).not.toContain('queue.db');
      const line = server.lines.find(({ level }) => level === 'error');
      expect(line?.fields).toMatchObject({ err: BUG });
      expect(answer.json['detail']).toContain((line!.fields as { id: string }).id);
      expect((await server.ask('/healthz')).status).toBe(200);
    },
  );

  it.each([
    ['a followed log', '/jobs/a/logs?follow=1', (server: Setup) => (server.reads.attempts = bug)],
    ['events', '/events', (server: Setup) => Object.defineProperty(server.reads, 'store_id', { get: bug })],
  ] as const)(
    'F89: in %s ends that stream, is logged, and the server goes on',
    async (_what, url, breaks) => {
      await using server = await setup();
      await server.submit('a');
      server.scheduler.start('a');
      breaks(server);
      const stream = await server.open(url);
      const events = await new SseReader(stream).rest();
      expect(events, 'no `end`: its reader comes again').toEqual([]);
      expect(server.lines).toMatchObject([{ level: 'error', fields: { err: BUG } }]);
      expect(server.scheduler.followers).toBe(0);
      server.scheduler.log('a', 'more');
      expect((await server.ask('/jobs/a/result')).status).toBe(200);
    },
  );

  it('F89: in the results of a batch cuts them in the middle, so that nobody takes them for all', async () => {
    await using server = await setup();
    for (let nth = 0; nth < 25; nth += 1) await server.submit(`j${nth}`, { batch: 'lot' });
    const runs = server.reads.runs.bind(server.reads);
    let pages = 0;
    server.reads.runs = (...args) => ((pages += 1) > 1 ? bug() : runs(...args));
    const answer = await server.open('/batches/lot/results');
    expect(answer.statusCode).toBe(200);
    await expect(textOf(answer)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(server.lines).toMatchObject([{ level: 'error', fields: { err: BUG } }]);
    expect((await server.ask('/healthz')).status).toBe(200);
  });
});
