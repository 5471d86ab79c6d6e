/** F63, F82: requests as browsers of other sites, rebound names and slow clients send them, byte by byte. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type Setup, setup } from './setup.ts';

async function overTcp(options: Parameters<typeof setup>[0] = {}): Promise<{ server: Setup; port: number }> {
  const server = await setup(options);
  const { port } = await server.server.listenTcp({ host: '127.0.0.1', port: 0 });
  return { server, port };
}

/** Sends bytes as they are; resolves with all that came until the server closed. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (bytes) => (answer += bytes.toString()));
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

const codeOf = (answer: string): string | undefined => /"code":"(\w+)"/.exec(answer)?.[1];

describe('the host that a request names', () => {
  it.each([
    ['in its Host alone', (port: number) => `GET /healthz HTTP/1.1\r\nhost: evil.test:${port}\r\n`],
    [
      'in an absolute target',
      (port: number) => `GET http://evil.test:${port}/healthz HTTP/1.1\r\nhost: evil.test\r\n`,
    ],
    [
      'in the first of two',
      (port: number) => `GET /healthz HTTP/1.1\r\nhost: evil.test\r\nhost: localhost:${port}\r\n`,
    ],
    [
      'behind credentials',
      (port: number) => `GET /healthz HTTP/1.1\r\nhost: localhost:${port}@evil.test\r\n`,
    ],
    ['with a dot at its end', (port: number) => `GET /healthz HTTP/1.1\r\nhost: localhost.:${port}\r\n`],
    ['not at all, as HTTP/1.0 may', () => 'GET /healthz HTTP/1.0\r\n'],
    ['as nothing', () => 'GET /healthz HTTP/1.1\r\nhost:\r\n'],
    ['as a number', (port: number) => `GET /healthz HTTP/1.1\r\nhost: 2130706433:${port}\r\n`],
  ])('F82: another one, %s, is refused with 403', async (_what, head) => {
    const { server, port } = await overTcp();
    await using _server = server;
    const answer = await raw(port, `${head(port)}connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(codeOf(answer)).toBe('WrongHost');
  });
});

describe('a page of another site', () => {
  /** What a browser sends for a form or a simple fetch, without asking first. */
  const SIMPLE = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=b', 'text/plain'];

  it.each(SIMPLE)(
    'F82: submits no job by a form of %s, even without Origin and with a valid key',
    async (type) => {
      const { server, port } = await overTcp();
      await using _server = server;
      const body = '{"name":"csrf","prompt":"x","configuration":{}}';
      const key = server.key('admin');
      const headers = { 'content-type': type };
      const answer = await server.ask('/jobs', { method: 'POST', port, key, headers, body });
      expect(answer).toMatchObject({ status: 400, json: { code: 'InvalidRequest' } });
      const cancel = await server.ask('/jobs/cancel', {
        method: 'POST',
        port,
        key,
        headers,
        body: 'names=a',
      });
      expect(cancel.status).toBe(400);
      expect(server.reads.rows.size).toBe(0);
    },
  );

  it.each(['/events', '/jobs/a/logs?follow=1', '/jobs'])('F82: reads nothing of %s', async (url) => {
    const { server, port } = await overTcp();
    await using _server = server;
    await server.submit('a');
    const key = server.key('admin');
    for (const origin of ['null', 'https://evil.test', `https://localhost:${port + 1}`]) {
      const answer = await server.ask(url, { port, key, headers: { host: `localhost:${port}`, origin } });
      expect([origin, answer.status, answer.json['code']]).toEqual([origin, 403, 'WrongOrigin']);
      expect(answer.headers['access-control-allow-origin']).toBe(undefined);
    }
  });

  it('F82: is not told by a preflight that it may', async () => {
    const { server, port } = await overTcp();
    await using _server = server;
    const headers = {
      host: `localhost:${port}`,
      origin: 'https://evil.test',
      'access-control-request-method': 'POST',
    };
    const answer = await server.ask('/jobs', { method: 'OPTIONS', port, headers });
    expect(answer.status).toBe(403);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('F82: opens no WebSocket', async () => {
    const { server, port } = await overTcp();
    await using _server = server;
    const head = [
      'GET /events HTTP/1.1',
      `host: localhost:${port}`,
      'origin: https://evil.test',
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    const answer = await raw(port, `${head.join('\r\n')}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('F82: changes nothing by a method that is thought safe', async () => {
    await using server = await setup();
    await server.submit('a');
    for (const { method, url } of server.server.routes()) {
      if (method !== 'GET' && method !== 'HEAD') continue;
      if (url === '/events' || url.includes('*')) continue;
      const path = url.replace(':ref', 'a').replace(':batch', 'b').replace(':id', '0');
      await server.ask(path, { method });
    }
    expect([...server.reads.rows.values()].map(({ name, state }) => `${name} ${state}`)).toEqual([
      'a queued',
    ]);
  });
});

describe('slow clients', () => {
  it('F63: as many as there are, in their headers or their bodies, hold nobody up and are let go', async () => {
    const { server, port } = await overTcp({
      limits: { http_headers_timeout_ms: 500, http_request_timeout_ms: 1_000 },
    });
    await using _server = server;
    const key = server.key('submit');
    const heads = [
      'GET /jobs HT',
      'GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ',
      `POST /jobs HTTP/1.1\r\nhost: localhost:${port}\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
    ];
    const slow: Socket[] = [];
    const closed: Promise<unknown>[] = [];
    for (let nth = 0; nth < 90; nth += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      slow.push(socket);
      closed.push(once(socket, 'close'));
      socket.write(heads[nth % heads.length]!);
    }
    const health = await server.ask('/healthz', { port });
    expect(health.status).toBe(200);
    await Promise.all(closed);
    expect(server.reads.rows.size).toBe(0);
    expect(server.lines).toEqual([]);
  });
});
