import { lstatSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeyScope } from '../../src/core/rows.ts';
import { scopesGrant } from '../../src/http/keys.ts';
import { NOW } from './fake-reads.ts';
import { type Ask, type Setup, setup } from './setup.ts';

const UMASK = process.umask();
const SCOPES: readonly KeyScope[] = ['submit', 'read', 'admin', 'instance'];

async function overTcp(options: Parameters<typeof setup>[0] = {}): Promise<{ server: Setup; port: number }> {
  const server = await setup(options);
  const { port } = await server.server.listenTcp({ host: '127.0.0.1', port: 0 });
  return { server, port };
}

/** A URL that a route matches, and that ends at once. */
function urlOf(route: string): string {
  return route.replace(':ref', 'a').replace(':batch', 'b').replace(':id', '0').replace('*', 'index.html');
}

/** The status alone: a stream is not read to its end. */
async function statusOf(server: Setup, url: string, ask: Ask): Promise<number> {
  const answer = await server.open(url, ask);
  answer.destroy();
  return answer.statusCode ?? 0;
}

describe('keys over TCP', () => {
  it('R19: asks every route but /healthz and /readyz for a key', async () => {
    const { server, port } = await overTcp({ ui: true, limits: { auth_failures_per_minute: 1_000 } });
    await using _server = server;
    const routes = server.server.routes();
    expect(routes.length).toBeGreaterThan(20);
    for (const { method, url, scope } of routes) {
      const status = await statusOf(server, urlOf(url), { port, method });
      const isOpen = url === '/healthz' || url === '/readyz';
      expect({ url, scope, status }).toEqual({
        url,
        scope: isOpen ? 'open' : scope,
        status: isOpen ? 200 : 401,
      });
    }
  });

  it('R19: lets a key do what its scope grants on every route, and nothing else', async () => {
    const { server, port } = await overTcp({ ui: true });
    await using _server = server;
    for (const given of SCOPES) {
      const key = server.key(given);
      for (const { method, url, scope } of server.server.routes()) {
        const status = await statusOf(server, urlOf(url), { port, method, key });
        const expected = scopesGrant([given], scope) ? 'let in' : 403;
        expect({ given, method, url, got: status === 403 ? 403 : status === 401 ? 401 : 'let in' }).toEqual({
          given,
          method,
          url,
          got: expected,
        });
      }
    }
  });

  it('R19: gives each call the scope that it is meant to have', async () => {
    await using server = await setup();
    const scopes = Object.fromEntries(
      server.server.routes().map(({ method, url, scope }) => [`${method} ${url}`, scope]),
    );
    expect(scopes).toMatchObject({
      'POST /jobs': 'submit',
      'GET /jobs': 'read',
      'GET /jobs/:ref': 'read',
      'GET /jobs/:ref/logs': 'read',
      'GET /jobs/:ref/result': 'read',
      'DELETE /jobs/:ref': 'admin',
      'POST /jobs/:ref/retry': 'admin',
      'POST /jobs/cancel': 'admin',
      'POST /jobs/retry': 'admin',
      'GET /events': 'read',
      'GET /healthz': 'open',
      'GET /readyz': 'open',
      'GET /openapi.json': 'read',
      'GET /stats': 'read',
    });
  });

  it('answers every wrong key in the same words', async () => {
    const { server, port } = await overTcp();
    await using _server = server;
    const good = server.key('read');
    const wrong = [
      server.key('read', { revoked_at: NOW - 1 }),
      server.key('read', { expires_at: NOW }),
      good.slice(0, -1),
      'x',
      `${good}x`,
    ];
    const other = server.key('admin');
    server.reads.key_rows.clear();
    const answers = [];
    for (const key of [...wrong, other]) answers.push(await server.ask('/jobs', { port, key }));
    answers.push(
      await server.ask('/jobs', { port }),
      await server.ask('/jobs', { port, headers: { authorization: 'Basic eA==' } }),
    );
    for (const { status, json, headers } of answers) {
      expect(status).toBe(401);
      expect(json).toEqual(answers[0]?.json);
      expect(headers['www-authenticate']).toBe('Bearer realm="promptd"');
    }
  });

  it('answers 429 after too many failures, and goes on answering who has a key', async () => {
    const { server, port } = await overTcp({ limits: { auth_failures_per_minute: 3 } });
    await using _server = server;
    const key = server.key('read');
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await server.ask('/jobs', { port, key: 'wrong' })).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await server.ask('/jobs', { port, key })).status).toBe(200);
  });

  it('tells nobody without a key what exists', async () => {
    const { server, port } = await overTcp();
    await using _server = server;
    expect((await server.ask('/nothing', { port })).status).toBe(401);
    expect(await server.ask('/nothing', { port, key: server.key('read') })).toMatchObject({
      status: 404,
      json: { code: 'NotFound' },
    });
    expect((await server.ask('/jobs/%zz', { port })).status).toBe(400);
  });

  it('reads no body of a request that it refuses', async () => {
    const { server, port } = await overTcp();
    await using _server = server;
    const answer = await server.ask('/jobs', {
      port,
      method: 'POST',
      body: 'x'.repeat(500_000),
      key: server.key('read'),
    });
    expect(answer).toMatchObject({ status: 403, json: { code: 'Forbidden' } });
  });

  it('tells prepare by which door a job came', async () => {
    const { server, port } = await overTcp();
    await using _server = server;
    const job = { prompt: { file: 'data/x' }, configuration: {} };
    const tcp = await server.post('/jobs', job, { port, key: server.key('submit') });
    expect(tcp).toMatchObject({ status: 422, json: { code: 'LinkOverTcp' } });
    expect(await server.post('/jobs', job)).toMatchObject({ status: 422, json: { code: 'InvalidJob' } });
  });
});

describe('Host and Origin', () => {
  const hostOf = async (
    server: Setup,
    port: number,
    headers: Record<string, string>,
    method = 'GET',
  ): Promise<string> => {
    const { json, status } = await server.ask('/healthz', { port, headers, method });
    return status === 403 ? String(json['code']) : 'passed';
  };

  it('R19: serves its own names with its own port, and no other', async () => {
    const { server, port } = await overTcp({ allowed_hosts: ['queue.example:8443', 'Jobs.example'] });
    await using _server = server;
    for (const host of [
      `localhost:${port}`,
      `LOCALHOST:${port}`,
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      'queue.example:8443',
      'jobs.example',
      `jobs.example:${port}`,
    ]) {
      expect([host, await hostOf(server, port, { host })]).toEqual([host, 'passed']);
    }
    for (const host of [
      'localhost',
      `localhost:${port + 1}`,
      `evil.example:${port}`,
      'queue.example',
      `localhost.evil.example:${port}`,
    ]) {
      expect([host, await hostOf(server, port, { host })]).toEqual([host, 'WrongHost']);
    }
  });

  it('refuses requests that pages of other sites make a browser send', async () => {
    const { server, port } = await overTcp();
    await using _server = server;
    const host = `localhost:${port}`;
    expect(await hostOf(server, port, { host, origin: `http://${host}` })).toBe('passed');
    for (const origin of [
      'http://evil.example',
      `http://127.0.0.1:${port}`,
      'null',
      `http://localhost:${port + 1}`,
    ]) {
      expect([origin, await hostOf(server, port, { host, origin })]).toEqual([origin, 'WrongOrigin']);
    }
    const key = server.key('admin');
    const site = async (method: string, value: string): Promise<number> => {
      const headers = { host, 'sec-fetch-site': value };
      return (await server.ask('/jobs/none', { port, key, method, headers })).status;
    };
    expect(await site('DELETE', 'cross-site')).toBe(403);
    expect(await site('DELETE', 'same-site')).toBe(403);
    expect(await site('DELETE', 'same-origin')).toBe(404);
    expect(await site('GET', 'cross-site')).toBe(404);
  });
});

describe('the Unix socket', () => {
  it('R19: is opened by its owner alone, and is the key itself', async () => {
    await using server = await setup();
    const facts = lstatSync(server.socket);
    expect(facts.isSocket()).toBe(true);
    expect(facts.mode & 0o777).toBe(0o600);
    expect((await server.submit('a')).status).toBe(201);
    expect((await server.ask('/jobs/a', { method: 'DELETE' })).status).toBe(200);
  });

  it('leaves the umask of the process as it was', async () => {
    await using server = await setup();
    const file = path.join(server.directory, 'file');
    writeFileSync(file, '', { mode: 0o666 });
    expect(lstatSync(file).mode & 0o777).toBe(0o666 & ~UMASK);
  });

  it('R8: never replaces a file that is there', async () => {
    await using server = await setup();
    await expect(server.server.listenSocket(server.socket)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect((await server.ask('/healthz')).status).toBe(200);
  });

  it('says that a path is too long for a socket', async () => {
    await using server = await setup();
    const long = path.join(server.directory, 'x'.repeat(100), 'http.sock');
    await expect(server.server.listenSocket(long)).rejects.toMatchObject({
      code: 'InvalidConfig',
      hint: 'Set state_dir to a shorter path.',
    });
  });
});

describe('what every answer carries', () => {
  it('lets no browser guess its type, frame it, or run what it says', async () => {
    await using server = await setup();
    for (const url of ['/jobs', '/jobs/none', '/healthz', '/nothing']) {
      const { headers } = await server.ask(url);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['content-security-policy']).toContain("default-src 'self'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['content-type']).not.toContain('html');
    }
  });

  it('R19: tells an error of its own under an id, and keeps what happened for the log', async () => {
    await using server = await setup();
    server.reads.runs = () => {
      throw new Error('SELECT secret FROM /home/me/queue.db');
    };
    const answer = await server.ask('/jobs');
    expect(answer).toMatchObject({ status: 500, json: { code: 'Internal' } });
    expect(answer.text).not.toMatch(/secret|queue\.db|at /);
    const [line] = server.lines;
    expect(line).toMatchObject({
      level: 'error',
      fields: { route: '/jobs', err: expect.any(Error) as Error },
    });
    expect(answer.json['detail']).toContain((line!.fields as { id: string }).id);
  });
});
