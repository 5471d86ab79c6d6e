import { describe, expect, it } from 'vitest';
import type { Timers } from '../../src/core/ports/clock.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { NOW } from './fake-reads.ts';
import { type Setup, setup, SseReader } from './setup.ts';

const STAMP = new Date(NOW).toISOString();

async function running(name = 'a', options: Parameters<typeof setup>[0] = {}): Promise<Setup> {
  const server = await setup(options);
  await server.submit(name);
  server.scheduler.start(name);
  return server;
}

async function follow(server: Setup, query = '', headers: Record<string, string> = {}): Promise<SseReader> {
  return new SseReader(await server.open(`/jobs/a/logs?follow=1${query}`, { headers }));
}

/** Bytes of the log behind entry number `count`, when each text is that given. */
function bytesOf(...texts: string[]): number {
  return texts.reduce(
    (sum, text) => sum + Buffer.byteLength(`${JSON.stringify({ at: NOW, stream: 'stdout', text })}\n`),
    0,
  );
}

describe('the log as text', () => {
  it('R19: is that of the latest attempt, or of the one asked for', async () => {
    await using server = await running();
    server.scheduler.log('a', 'first');
    server.scheduler.finish('a', null);
    server.scheduler.start('a');
    server.scheduler.log('a', 'größer\n');
    server.scheduler.log('a', '<script>');
    server.scheduler.finish('a', 'answer');
    const latest = await server.ask('/jobs/a/logs');
    expect(latest).toMatchObject({ status: 200, text: `${STAMP} stdout größer\n${STAMP} stdout <script>\n` });
    expect(latest.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(latest.headers['promptd-log-position']).toBe(`2:${bytesOf('größer\n', '<script>')}`);
    expect((await server.ask('/jobs/a/logs?attempt=1')).text).toBe(`${STAMP} stdout first\n`);
    expect((await server.ask(`/jobs/a/logs?offset=${bytesOf('größer\n')}`)).text).toBe(
      `${STAMP} stdout <script>\n`,
    );
    expect((await server.ask('/jobs/a/logs?attempt=7')).text).toBe('');
    expect((await server.ask('/jobs/none/logs')).status).toBe(404);
  });

  it('R24: is what the instance has so far while the job runs', async () => {
    await using server = await running();
    server.scheduler.log('a', 'one');
    expect((await server.ask('/jobs/a/logs')).text).toBe(`${STAMP} stdout one\n`);
    expect(server.scheduler.followers).toBe(0);
  });

  it('is empty before the job starts, and 404 where it is not kept any more', async () => {
    await using server = await setup();
    await server.submit('a');
    expect(await server.ask('/jobs/a/logs')).toMatchObject({ status: 200, text: '' });
    server.scheduler.start('a');
    server.scheduler.log('a', 'one');
    server.scheduler.finish('a', 'answer');
    server.logs.gone.add(0);
    expect(await server.ask('/jobs/a/logs')).toMatchObject({ status: 404, json: { code: 'NotFound' } });
  });
});

describe('the log followed', () => {
  it('R24: streams while the job runs, each entry once with its exact offset, and ends with the job', async () => {
    await using server = await running();
    server.scheduler.log('a', 'before');
    const reader = await follow(server);
    expect(reader.answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(reader.answer.headers['x-content-type-options']).toBe('nosniff');
    const first = bytesOf('before');
    expect(await reader.next()).toEqual({
      event: 'log',
      id: `1:${first}`,
      data: { attempt: 1, offset: first, stream: 'stdout', at: NOW, text: 'before' },
    });
    server.scheduler.log('a', 'ünïcode\nand a second line');
    const second = bytesOf('before', 'ünïcode\nand a second line');
    expect(await reader.next()).toMatchObject({
      id: `1:${second}`,
      data: { offset: second, text: 'ünïcode\nand a second line' },
    });
    server.scheduler.finish('a', 'answer');
    expect(await reader.next()).toEqual({ event: 'end', id: null, data: { state: 'completed', attempt: 1 } });
    expect(await reader.next()).toBeNull();
    expect(server.scheduler.followers).toBe(0);
  });

  it('R24: resumes behind the last event that arrived, on disk and live, without a loss or a repetition', async () => {
    await using server = await running();
    const texts = ['a', 'bé', 'c', 'd'];
    server.scheduler.log('a', 'a');
    server.scheduler.log('a', 'bé');
    for (const place of [bytesOf('a'), bytesOf('a', 'bé')]) {
      const reader = await follow(server, '', { 'last-event-id': `1:${place}` });
      const seen = place === bytesOf('a') ? ['bé'] : [];
      for (const text of seen) expect((await reader.next())?.data).toMatchObject({ text });
      reader.answer.destroy();
    }
    server.scheduler.log('a', 'c');
    server.scheduler.log('a', 'd');
    server.scheduler.finish('a', 'answer');
    let place = 0;
    for (const text of texts) {
      const reader = await follow(server, '', place === 0 ? {} : { 'last-event-id': `1:${place}` });
      const event = await reader.next();
      expect(event?.data).toMatchObject({ text });
      place = event?.data['offset'] as number;
      reader.answer.destroy();
    }
    const end = await follow(server, `&attempt=1&offset=${place}`);
    expect(await end.rest()).toEqual([{ event: 'end', id: null, data: { state: 'completed', attempt: 1 } }]);
  });

  it('R24: goes from what is on disk to the next attempt, and waits between them', async () => {
    await using server = await running();
    server.scheduler.log('a', 'one');
    server.scheduler.finish('a', null);
    const reader = await follow(server, '&attempt=1');
    expect((await reader.next())?.data).toMatchObject({ attempt: 1, text: 'one' });
    server.scheduler.start('a');
    server.scheduler.log('a', 'two');
    expect(await reader.next()).toMatchObject({
      id: `2:${bytesOf('two')}`,
      data: { attempt: 2, text: 'two' },
    });
    server.scheduler.log('a', 'three');
    server.scheduler.finish('a', 'answer');
    expect((await reader.rest()).map(({ event, data }) => [event, data['text'] ?? data['state']])).toEqual([
      ['log', 'three'],
      ['end', 'completed'],
    ]);
  });

  it('R24: reads from disk what was written between the last piece and the end', async () => {
    await using server = await running();
    const reader = await follow(server);
    server.scheduler.log('a', 'one');
    expect((await reader.next())?.data).toMatchObject({ text: 'one' });
    // The instance ends the stream before it sent all that it wrote.
    const row = server.scheduler.latest('a');
    const rest = ['one', 'two']
      .map((text) => `${JSON.stringify({ at: NOW, stream: 'stdout', text })}\n`)
      .join('');
    server.scheduler.endAttempt(row, { ...server.logs.append(rest), outcome: 'succeeded' });
    expect((await reader.next())?.data).toMatchObject({ text: 'two', offset: bytesOf('one', 'two') });
    server.scheduler.change('a', { state: 'completed' });
    expect(await reader.next()).toMatchObject({ event: 'end' });
  });

  it('R24: passes over what an instance sends twice, and what belongs to another attempt', async () => {
    await using server = await running();
    const honest = server.scheduler.follow.bind(server.scheduler);
    server.scheduler.follow = (name, run, from, onPiece, stop) =>
      honest(
        name,
        run,
        from,
        (piece) => {
          onPiece({ ...piece, attempt: 9 });
          onPiece(piece);
          onPiece(piece);
        },
        stop,
      );
    const reader = await follow(server);
    server.scheduler.log('a', 'one');
    server.scheduler.log('a', 'two');
    expect((await reader.next())?.data).toMatchObject({ attempt: 1, text: 'one' });
    expect((await reader.next())?.data).toMatchObject({ attempt: 1, text: 'two' });
    server.scheduler.finish('a', 'answer');
    expect(await reader.next()).toMatchObject({ event: 'end' });
  });

  it('R24: looks again where the instance is gone for a while', async () => {
    await using server = await running();
    const honest = server.scheduler.follow.bind(server.scheduler);
    let gone = 1;
    server.scheduler.follow = (...args) => (gone-- > 0 ? Promise.resolve('gone') : honest(...args));
    server.scheduler.log('a', 'one');
    const reader = await follow(server);
    const next = reader.next();
    await expect.poll(() => gone).toBe(0);
    // Any change of the run is a reason to look; otherwise a second is.
    server.scheduler.change('a', { rank: 7 });
    expect((await next)?.data).toMatchObject({ text: 'one' });
    reader.answer.destroy();
  });

  it('R24: waits for a job that has not started, and ends at once for one that ended without an attempt', async () => {
    await using server = await setup();
    await server.submit('a');
    const reader = await follow(server);
    server.scheduler.start('a');
    server.scheduler.log('a', 'one');
    expect((await reader.next())?.data).toMatchObject({ attempt: 1, text: 'one' });
    server.scheduler.finish('a', 'answer');
    expect(await reader.next()).toMatchObject({ event: 'end' });
    await server.submit('b');
    await server.ask('/jobs/b', { method: 'DELETE' });
    const ended = new SseReader(await server.open('/jobs/b/logs?follow=1'));
    expect(await ended.rest()).toMatchObject([{ event: 'end', data: { state: 'cancelled' } }]);
  });

  it('tells of bytes that are gone, once, and goes on', async () => {
    await using server = await running();
    server.scheduler.log('a', 'one');
    server.scheduler.finish('a', null);
    server.logs.gone.add(0);
    const reader = await follow(server, '&attempt=1');
    expect(await reader.next()).toMatchObject({ event: 'gap', id: '1:0', data: { attempt: 1 } });
    server.scheduler.change('a', { rank: 5 });
    const row = server.scheduler.start('a');
    server.scheduler.endAttempt(row, { outcome: 'lost' });
    expect(await reader.next()).toMatchObject({
      event: 'gap',
      id: '2:0',
      data: { attempt: 2, message: expect.stringContaining('lost') as string },
    });
    server.scheduler.change('a', { state: 'failed' });
    expect(await reader.next()).toMatchObject({ event: 'end', data: { state: 'failed', attempt: 2 } });
  });

  it('passes over a line that an offset cuts', async () => {
    await using server = await running();
    server.scheduler.log('a', 'one');
    server.scheduler.log('a', 'two');
    server.scheduler.finish('a', 'answer');
    const reader = await follow(server, '&offset=5');
    expect((await reader.next())?.data).toMatchObject({ text: 'two', offset: bytesOf('one', 'two') });
    expect(await reader.next()).toMatchObject({ event: 'end' });
    expect((await server.ask('/jobs/a/logs?follow=1', { headers: { 'last-event-id': 'x' } })).status).toBe(
      400,
    );
  });

  it('R24: lets a reader go that takes less than the log grows, with a place from which it can resume', async () => {
    await using server = await running('a', {
      limits: { follower_buffer_bytes_max: 200_000, slow_reader_ms: 60_000 },
    });
    const answer = await server.open('/jobs/a/logs?follow=1');
    answer.pause();
    const text = 'x'.repeat(50_000);
    let written = 0;
    while (server.scheduler.followers > 0 && written < 2_000) {
      server.scheduler.log('a', `${written++} ${text}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBeLessThan(2_000);
    const events = await new SseReader(answer).rest();
    const gap = events.pop();
    expect(gap).toMatchObject({ event: 'gap' });
    const last = events.at(-1);
    expect(gap?.id).toBe(last?.id);
    // What was missed comes with the next connection.
    server.scheduler.log('a', 'the last');
    server.scheduler.finish('a', 'answer');
    const resumed = await follow(server, '', { 'last-event-id': gap?.id ?? '' });
    const more = await resumed.rest();
    const numbers = [...events, ...more].flatMap(
      ({ data }) => /^\d+/.exec(data['text'] as string)?.map(Number) ?? [],
    );
    expect(numbers).toEqual(Array.from({ length: written }, (_, i) => i));
    expect(more.at(-1)).toMatchObject({ event: 'end' });
  });

  it('cuts a reader that takes nothing of what is on disk', async () => {
    const cut = Promise.withResolvers<void>();
    let left = 2;
    // First it is let go, with a gap; then, when it does not take that either, its connection is cut.
    const after: Timers['after'] = (ms, fn, keepAlive) =>
      systemTimers.after(
        ms,
        () => {
          fn();
          if (ms === 51 && --left === 0) cut.resolve();
        },
        keepAlive,
      );
    await using server = await running('a', {
      timers: { ...systemTimers, after },
      limits: { slow_reader_ms: 51 },
    });
    for (let i = 0; i < 60; i++) server.scheduler.log('a', 'x'.repeat(100_000));
    server.scheduler.finish('a', 'answer');
    const answer = await server.open('/jobs/a/logs?follow=1');
    answer.pause();
    await cut.promise;
    const closed = new Promise<void>((resolve) => answer.socket.once('close', () => resolve()));
    answer.on('error', () => {});
    answer.resume();
    await closed;
    expect(answer.complete).toBe(false);
  });

  it('shows a sign of life on an idle stream', async () => {
    await using server = await running('a', { limits: { sse_heartbeat_ms: 5 } });
    const reader = await follow(server);
    const next = reader.next();
    await expect.poll(() => reader.comments).toBeGreaterThan(1);
    server.scheduler.finish('a', 'answer');
    expect(await next).toMatchObject({ event: 'end' });
  });

  it('forgets a reader that goes away', async () => {
    await using server = await running();
    const reader = await follow(server);
    server.scheduler.log('a', 'one');
    await reader.next();
    reader.answer.destroy();
    await expect.poll(() => server.scheduler.followers).toBe(0);
  });
});
