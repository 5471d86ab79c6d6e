import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { setup, SseReader, textOf } from './setup.ts';

describe('closing', () => {
  it('R24: ends streams in a way that tells a reader to come back, and closes them', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    server.scheduler.log('a', 'one');
    const logs = new SseReader(await server.open('/jobs/a/logs?follow=1'));
    const events = new SseReader(await server.open('/events'));
    await logs.next();
    await events.next();
    await server.close(5_000);
    // No `end`: the job has not ended, and whoever follows it connects again.
    expect(await logs.rest()).toEqual([{ event: 'closing', id: null, data: { code: 'ShuttingDown' } }]);
    expect(await events.rest()).toEqual([{ event: 'closing', id: null, data: { code: 'ShuttingDown' } }]);
    expect(server.scheduler.followers).toBe(0);
    expect(server.scheduler.listeners).toBe(0);
    expect(existsSync(server.socket)).toBe(false);
  });

  it('answers long polls with what there is, and lets requests under way end', async () => {
    await using server = await setup();
    await server.submit('a');
    const looked = new Promise<void>((resolve) => {
      const read = server.reads.runById.bind(server.reads);
      server.reads.runById = (id) => {
        resolve();
        return read(id);
      };
    });
    const waiting = server.ask('/jobs/a?wait=60');
    await looked;
    const answered = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    server.scheduler.cancel = async () => {
      asked.resolve();
      await answered.promise;
      return [{ name: 'a', run: 1, verdict: 'cancelling', state: 'running' }];
    };
    const cancelling = server.ask('/jobs/a', { method: 'DELETE' });
    await asked.promise;
    const closing = server.close(5_000);
    expect(await waiting).toMatchObject({
      status: 200,
      json: { state: 'queued' },
      headers: { connection: 'close' },
    });
    answered.resolve();
    expect((await cancelling).status).toBe(202);
    await closing;
  });

  it('refuses new work on connections that are still open, and says that it is not ready', async () => {
    await using server = await setup();
    const socket = connect(server.socket);
    await once(socket, 'connect');
    const ask = async (path: string): Promise<string> => {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      const [data] = (await once(socket, 'data')) as [Buffer];
      return data.toString();
    };
    expect(await ask('/readyz')).toContain('200 OK');
    // A request under way keeps the connection, and what is sent behind it is answered too.
    socket.write(
      'POST /jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n',
    );
    await server.ask('/healthz');
    const closing = server.close(5_000);
    socket.write('[]');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/200 OK[^]*connection: close/i);
    await closing;
    socket.destroy();
    await expect(server.ask('/healthz')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('cuts what is left at the deadline', async () => {
    await using server = await setup();
    const asked = Promise.withResolvers<void>();
    server.scheduler.cancel = () => {
      asked.resolve();
      return new Promise(() => {});
    };
    const stuck = server
      .ask('/jobs/a', { method: 'DELETE' })
      .catch((error: NodeJS.ErrnoException) => error.code);
    await asked.promise;
    await server.close(20);
    expect(await stuck).toBe('ECONNRESET');
  });

  it('closes twice, and before it listens, without harm', async () => {
    await using server = await setup();
    await Promise.all([server.server.close(100), server.server.close(100)]);
    await server.close(100);
  });
});

describe('slow and broken clients', () => {
  it('gives up a client that does not finish its headers', async () => {
    await using server = await setup({
      limits: { http_headers_timeout_ms: 50, http_request_timeout_ms: 100 },
    });
    const socket = connect(server.socket);
    socket.write('GET /healthz HTTP/1.1\r\nhost: x');
    const answer = await textOf(socket as never);
    expect(answer).toContain('400 Bad Request');
    expect(answer).toContain('"code":"InvalidRequest"');
  });

  it('answers what is no HTTP with a problem', async () => {
    await using server = await setup();
    const socket = connect(server.socket);
    socket.write('hello\r\n\r\n');
    const answer = await textOf(socket as never);
    expect(answer).toContain('content-type: application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({
      code: 'InvalidRequest',
    });
  });

  it('forgets a submission that is cut in its body', async () => {
    await using server = await setup();
    const socket = connect(server.socket);
    socket.write(
      'POST /jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"prompt":',
    );
    await server.ask('/healthz');
    socket.destroy();
    await once(socket, 'close');
    expect((await server.submit('a')).status).toBe(201);
    expect(server.reads.rows.size).toBe(1);
    expect(server.lines).toEqual([]);
  });
});
