import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { linesOf } from '../../src/client/lines.ts';
import { eventsOf } from '../../src/client/sse.ts';
import { Problem } from '../../src/core/errors.ts';
import { InstantTimers, openSse, ScriptedServer, sendProblem } from './scripted-server.ts';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const STREAM = `: a comment\n\nid: 1:10\nevent: log\ndata: {"text":"größer ✓"}\n\nevent: two\rdata: a\r\ndata:b\n\n\ndata: unfinished`;

test.each([1, 2, 3, 5, 7, 1000])(
  'reads events wherever the pieces of %i bytes end, in characters and line ends too',
  async (size) => {
    expect(await all(eventsOf(pieces(Buffer.from(STREAM), size)))).toEqual([
      { event: 'log', data: '{"text":"größer ✓"}', id: '1:10' },
      { event: 'two', data: 'a\nb', id: '1:10' },
    ]);
  },
);

test('yields the last line also where nothing ends it', async () => {
  expect(await all(linesOf(pieces(Buffer.from('a\n\nb'), 1)))).toEqual(['a', '', 'b']);
  expect(await all(linesOf(pieces(Buffer.from('a\r\nb\r'), 1)))).toEqual(['a', 'b']);
});

function piece(attempt: number, offset: number, text: string) {
  return { attempt, offset, stream: 'info', at: 0, text };
}

test('R24: a followed log goes on behind the last piece after the server was restarted, each piece once', async () => {
  const server = await new ScriptedServer().listen();
  const timers = new InstantTimers();
  const client = new Client({ address: { url: server.url }, timers });
  server.on('GET /jobs/a/logs', (_asked, response) => {
    const send = openSse(response);
    send('log', piece(1, 10, 'one'), '1:10');
    send('log', piece(1, 20, 'two'), '1:20');
  });
  const texts: string[] = [];
  const second = new ScriptedServer();
  try {
    for await (const item of client.followLogs('a')) {
      if (item.kind === 'log') texts.push(item.text);
      if (item.kind === 'end') expect(item.state).toBe('completed');
      if (item.kind !== 'log' || item.text !== 'two') continue;
      const { port } = server;
      await server.close();
      second.on('GET /jobs/a/logs', (_asked, response) => {
        const send = openSse(response);
        send('gap', { attempt: 2, offset: 0, message: 'This log is not kept any more.' }, '2:0');
        send('log', piece(2, 5, 'three'), '2:5');
        send('end', { state: 'completed' });
      });
      await second.listen({ port });
    }
  } finally {
    client.close();
    await second.close();
    await server.close();
  }
  expect(texts).toEqual(['one', 'two', 'three']);
  expect(server.asked[0]?.headers['last-event-id']).toBeUndefined();
  expect(second.asked[0]?.headers['last-event-id']).toBe('1:20');
});

test('a followed log ends with Unreachable once the server was away for too long', async () => {
  const server = await new ScriptedServer().listen();
  const timers = new InstantTimers();
  const client = new Client({ address: { url: server.url }, timers });
  await server.close();
  const following = all(client.followLogs('a', { reconnect_for_ms: 5_000 }));
  await expect(following).rejects.toMatchObject({ code: 'Unreachable' });
  expect(timers.waits).toEqual([100, 200, 400, 800, 1600, 2000]);
  client.close();
});

test('a followed log of no job ends at once with what the server says', async () => {
  await using server = await new ScriptedServer().listen();
  const client = new Client({ address: { url: server.url }, timers: new InstantTimers() });
  server.on('GET /jobs/a/logs', (_asked, response) =>
    sendProblem(response, 404, 'NotFound', 'There is no job "a"'),
  );
  await expect(all(client.followLogs('a'))).rejects.toMatchObject({ code: 'NotFound' });
  expect(server.asked).toHaveLength(1);
  client.close();
});

test('events report a gap after a lost connection, so that the reader reads again', async () => {
  await using server = await new ScriptedServer().listen();
  const client = new Client({ address: { url: server.url }, timers: new InstantTimers() });
  const streams: ServerResponse[] = [];
  server.on('GET /events', (_asked, response) => {
    streams.push(response);
    const send = openSse(response);
    send('hello', { version: '1' });
    send('runs', [{ name: `n${streams.length}`, run: 1, state: 'running' }]);
  });
  const seen: string[] = [];
  const stop = new AbortController();
  for await (const item of await client.events({ signal: stop.signal })) {
    seen.push(item.kind === 'gap' ? 'gap' : item.runs.map(({ name }) => name).join());
    if (seen.at(-1) === 'n1') streams[0]?.destroy();
    if (seen.at(-1) === 'n2') break;
  }
  expect(seen).toEqual(['n1', 'gap', 'n2']);
  client.close();
});

test('events that are not to be opened again reject at the first loss', async () => {
  await using server = await new ScriptedServer().listen();
  const client = new Client({ address: { url: server.url }, timers: new InstantTimers() });
  server.on('GET /events', (_asked, response) => {
    openSse(response);
    setImmediate(() => response.destroy());
  });
  const events = await client.events({ reconnect_for_ms: 0 });
  await expect(all(events)).rejects.toBeInstanceOf(Problem);
  expect(server.asked).toHaveLength(1);
  client.close();
});

test('aborting ends a stream with the reason of the signal and closes its connection', async () => {
  await using server = await new ScriptedServer().listen();
  const client = new Client({ address: { url: server.url }, timers: new InstantTimers() });
  const closed = new Promise((resolve) => {
    server.on('GET /events', (_asked, response) => {
      response.on('close', resolve);
      openSse(response)('runs', []);
    });
  });
  const stop = new AbortController();
  const why = new Error('enough');
  const reading = (async () => {
    for await (const item of await client.events({ signal: stop.signal })) {
      if (item.kind === 'runs') stop.abort(why);
    }
  })();
  await expect(reading).rejects.toBe(why);
  await closed;
  client.close();
});
