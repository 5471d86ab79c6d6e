import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import type { LotLimits } from '../../src/client/lots.ts';
import { Problem } from '../../src/core/errors.ts';
import { InstantTimers, ScriptedServer, sendJson, sendProblem, temporaryFolder } from './scripted-server.ts';

async function setup(lots: LotLimits = {}) {
  const server = await new ScriptedServer().listen();
  const client = new Client({
    address: { url: server.url, key: 'pd_test' },
    timers: new InstantTimers(),
    lots,
  });
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
    },
  };
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const error = await promise.then(
    () => new Error('it resolved'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

test('sends the key as a bearer and the job as JSON', async () => {
  await using all = await setup();
  all.server.json('POST /jobs', { name: 'a', run: 1 }, 201);
  const job = await all.client.submit({ name: 'a', prompt: 'Größe?', configuration: { LLM_name: 'm' } });
  expect(job).toMatchObject({ name: 'a', run: 1 });
  const [asked] = all.server.asked;
  expect(asked?.headers.authorization).toBe('Bearer pd_test');
  expect(asked?.headers['content-length']).toBe(String(Buffer.byteLength(asked?.body ?? '')));
  expect(JSON.parse(asked?.body ?? '')).toMatchObject({ prompt: 'Größe?' });
});

test('speaks over a Unix socket without a key', async () => {
  await using folder = await temporaryFolder();
  const socket = path.join(folder.path, 's');
  await using server = await new ScriptedServer()
    .json('GET /healthz', { ok: true, version: '1', store_id: 's' })
    .listen({ path: socket });
  const client = new Client({ address: { socket }, timers: new InstantTimers() });
  expect(await client.healthz()).toEqual({ ok: true, version: '1', store_id: 's' });
  expect(server.asked[0]?.headers.authorization).toBeUndefined();
  client.close();
});

test('turns a problem body into a Problem with its faults and exit code', async () => {
  await using all = await setup();
  const errors = [{ code: 'InvalidJob', path: 'prompt', expected: 'a text', got: '7' }];
  all.server.on('POST /jobs', (_asked, response) =>
    sendProblem(response, 422, 'InvalidJob', 'prompt: …', { hint: 'Mend it.', errors }),
  );
  const problem = await problemOf(all.client.submit({ prompt: 7, configuration: {} }));
  expect(problem).toMatchObject({ code: 'InvalidJob', exit: 12, hint: 'Mend it.', faults: errors });
});

test('says so where something else than promptd answers', async () => {
  await using all = await setup();
  all.server.on('GET /stats', (_asked, response) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>');
  });
  const problem = await problemOf(all.client.stats());
  expect(problem.code).toBe('Unreachable');
  expect(problem.message).toBe(
    `${all.server.url}: expected an answer of promptd, got 502 text/html: <h1>Bad Gateway</h1>`,
  );
});

test('names what was tried where nobody listens', async () => {
  await using all = await setup();
  await all.server.close();
  const problem = await problemOf(all.client.healthz());
  expect(problem).toMatchObject({ code: 'Unreachable', exit: 5 });
  expect(problem.message).toBe(`${all.server.url}: nobody listens there (connection refused)`);
  await using folder = await temporaryFolder();
  const client = new Client({
    address: { socket: path.join(folder.path, 'none') },
    timers: new InstantTimers(),
  });
  expect((await problemOf(client.healthz())).message).toContain('no server runs in that workspace');
  client.close();
});

test('sends a call again where the kept connection had been closed meanwhile', async () => {
  await using all = await setup();
  let first = true;
  all.server.on('GET /healthz', (_asked, response) => sendJson(response, { ok: true }));
  all.server.on('GET /stats', (_asked, response) => {
    if (!first) return sendJson(response, { turns: 1 });
    first = false;
    // As a server does that closes idle connections just when the next request is on its way.
    response.socket?.resetAndDestroy();
    return undefined;
  });
  await all.client.healthz();
  expect(await all.client.stats()).toEqual({ turns: 1 });
  expect(all.server.calls('GET /stats')).toHaveLength(2);
});

test('sends a call again also where the socket of the workspace says at once that it was closed', async () => {
  await using folder = await temporaryFolder();
  const socket = path.join(folder.path, 's');
  await using server = await new ScriptedServer().json('GET /stats', { turns: 1 }).listen({ path: socket });
  const kept: ServerResponse[] = [];
  server.on('GET /healthz', (_asked, response) => {
    kept.push(response);
    if (kept.length === 2) for (const one of kept) sendJson(one, { ok: true });
  });
  const client = new Client({ address: { socket }, timers: new InstantTimers() });
  await Promise.all([client.healthz(), client.healthz()]);
  // A server that was stopped for a while closes what was idle for longer, and the client has not heard of it yet.
  for (const { req } of kept) req.socket.destroy();
  expect(await client.stats()).toEqual({ turns: 1 });
  client.close();
});

test('rejects an aborted call with the reason of its signal', async () => {
  await using all = await setup();
  const stop = new AbortController();
  const why = new Error('enough');
  all.server.on('GET /jobs/a', () => stop.abort(why));
  await expect(all.client.job('a', { wait: 30, signal: stop.signal })).rejects.toBe(why);
  await expect(all.client.job('a', { signal: stop.signal })).rejects.toBe(why);
});

test('cuts a long submission into lots and puts their answers together in order', async () => {
  await using all = await setup({ bytes_max: 220 });
  all.server.on('POST /jobs', (asked, response) => {
    const jobs = asked.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string });
    const refused = jobs.flatMap((job, index) => (job.name === 'bad' ? [{ index, errors: [] }] : []));
    const taken = jobs
      .filter((job) => job.name !== 'bad')
      .map(({ name }) => ({ name, run: 1, state: 'queued' }));
    sendJson(
      response,
      { created: taken.length, answered_before: 0, shared: 0, known: 0, jobs: taken, refused },
      201,
    );
  });
  const job = (name: string) => ({ name, prompt: 'x'.repeat(50), configuration: {} });
  const answer = await all.client.submitMany(['a', 'b', 'c', 'bad', 'd'].map(job), { on_invalid: 'skip' });
  expect(all.server.calls('POST /jobs')).toHaveLength(3);
  expect(all.server.asked[0]).toMatchObject({ url: '/jobs?on_invalid=skip' });
  expect(all.server.asked[0]?.headers['content-type']).toBe('application/x-ndjson');
  expect(answer.jobs.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  expect(answer).toMatchObject({ created: 4, refused: [{ index: 3 }] });
});

test('counts the places of faults over all lots', async () => {
  await using all = await setup({ jobs_max: 2 });
  let lots = 0;
  all.server.on('POST /jobs', (_asked, response) => {
    if (lots++ === 0)
      return sendJson(response, { created: 2, answered_before: 0, shared: 0, known: 0, jobs: [] }, 201);
    const errors = [{ code: 'InvalidJob', path: 'jobs[1].prompt', expected: 'a text', got: '7' }];
    return sendProblem(response, 422, 'InvalidJob', 'prompt', { errors });
  });
  const jobs = Array.from({ length: 4 }, () => ({ prompt: 'x'.repeat(50), configuration: {} }));
  const problem = await problemOf(all.client.submitMany(jobs));
  expect(problem.faults[0]?.path).toBe('jobs[3].prompt');
});

test('reads a list page by page, as it is asked for', async () => {
  await using all = await setup();
  all.server.on('GET /jobs', (asked, response) => {
    const cursor = new URL(asked.url, all.server.url).searchParams.get('cursor');
    if (cursor === null) sendJson(response, { jobs: [{ name: 'c' }, { name: 'b' }], next_cursor: '2' });
    else sendJson(response, { jobs: [{ name: 'a' }], next_cursor: null });
  });
  const names: string[] = [];
  for await (const { name } of all.client.jobs({
    state: ['queued', 'failed'],
    since: '2026-01-01T00:00:00Z',
  }))
    names.push(name);
  expect(names).toEqual(['c', 'b', 'a']);
  expect(all.server.asked[0]?.url).toBe(
    '/jobs?state=queued%2Cfailed&since=2026-01-01T00%3A00%3A00Z&limit=500',
  );
});

test('changes many by names or by a filter', async () => {
  await using all = await setup();
  const answers = [{ name: 'a', run: 1, verdict: 'cancelled', state: 'cancelled' }];
  all.server.json('POST /jobs/cancel', { counts: { cancelled: 1 }, jobs: answers });
  all.server.json('POST /jobs/retry', { counts: {}, jobs: [] });
  expect(await all.client.cancelMany({ names: ['a', 'b@2'] })).toEqual(answers);
  await all.client.retryMany({ filter: { batch: 'x', state: ['failed'] } }, { options: { priority: 3 } });
  expect(all.server.asked.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    { names: ['a', 'b@2'] },
    { batch: 'x', state: ['failed'], options: { priority: 3 } },
  ]);
});

test('asks for a run by name and number', async () => {
  await using all = await setup();
  all.server.json('GET /jobs/faq-17@2/result', { job: 'faq-17.json', result: null });
  expect(await all.client.result({ name: 'faq-17', run: 2 })).toEqual({ job: 'faq-17.json', result: null });
  expect((await problemOf(all.client.result('faq-18'))).code).toBe('NotFound');
});

test('reads the results of a batch line by line', async () => {
  await using all = await setup();
  all.server.on('GET /batches/b%20c/results', (_asked, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const text = Buffer.from('{"job":"a","result":"ü"}\n{"job":"b","result":null}\n');
    const border = text.indexOf(0xc3) + 1;
    response.write(text.subarray(0, border));
    setImmediate(() => response.end(text.subarray(border)));
  });
  const results: unknown[] = [];
  for await (const result of all.client.batchResults('b c')) results.push(result);
  expect(results).toEqual([
    { job: 'a', result: 'ü' },
    { job: 'b', result: null },
  ]);
});
