import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import type { Prepare } from '../../src/http/http-options.ts';
import { prepare } from './fake-prepare.ts';
import { NOW } from './fake-reads.ts';
import { setup } from './setup.ts';

const CONFIGURATION = { LLM_name: 'simulator:parrot' };
const job = (name: string, more: object = {}): object => ({
  name,
  prompt: `about ${name}`,
  configuration: CONFIGURATION,
  ...more,
});
const ndjson = { headers: { 'content-type': 'application/x-ndjson' }, method: 'POST' };

describe('one job', () => {
  it('R19: answers 201 with the job, and 200 when it is sent again', async () => {
    await using server = await setup();
    const first = await server.submit('faq-17', { batch: 'faq', key: 'law/17', metadata: { gold: 'B' } });
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({
      name: 'faq-17',
      run: 1,
      batch: 'faq',
      key: 'law/17',
      metadata: { gold: 'B' },
      state: 'queued',
      created: true,
      answered_before: false,
      shared_with: null,
      endpoint: 'simulator',
      model: 'parrot',
      live: null,
      submitted_at: new Date(NOW).toISOString(),
      links: { self: '/jobs/faq-17@1', result: '/jobs/faq-17@1/result' },
    });
    const again = await server.submit('faq-17');
    expect(again.status).toBe(200);
    expect(again.json).toMatchObject({ name: 'faq-17', run: 1, created: false });
  });

  it('R6: says that the same work is under way under another name, or was answered before', async () => {
    await using server = await setup();
    await server.submit('a', { prompt: 'the same' });
    const shared = await server.submit('b', { prompt: 'the same' });
    expect(shared).toMatchObject({
      status: 201,
      json: { state: 'blocked', shared_with: 'a@1', reason: { code: 'SameAs' } },
    });
    server.scheduler.start('a');
    server.scheduler.finish('a', 'an answer');
    const known = await server.submit('a', { prompt: 'the same' });
    expect(known).toMatchObject({
      status: 200,
      json: { answered_before: true, state: 'completed', reason: null },
    });
  });

  it('tells warnings about a job that it accepts', async () => {
    await using server = await setup();
    const answer = await server.submit('a', { configuration: { ...CONFIGURATION, odd: 1 } });
    expect(answer).toMatchObject({
      status: 201,
      json: { warnings: ['configuration.odd is passed on as it is'] },
    });
  });

  it('R19: refuses a job that is not valid with path, line, column, what was expected, got and to do', async () => {
    await using server = await setup();
    const body = '{\n  "prompt": "x",\n  "configuration": {\n    "seed": "7"\n  }\n}';
    const answer = await server.ask('/jobs', { method: 'POST', body });
    expect(answer.status).toBe(422);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json).toMatchObject({
      type: 'urn:promptd:error:InvalidJob',
      status: 422,
      code: 'InvalidJob',
      errors: [
        {
          path: 'configuration.seed',
          line: 4,
          column: 5,
          expected: 'an integer',
          got: 'a text',
          hint: 'Leave out the quotes.',
        },
      ],
    });
    expect(server.reads.rows.size).toBe(0);
  });

  it('refuses a text that is no JSON, or no UTF-8, with the place', async () => {
    await using server = await setup();
    const cut = await server.ask('/jobs', { method: 'POST', body: '{"prompt": "x",\n "configuration": ' });
    expect(cut).toMatchObject({ status: 422, json: { code: 'InvalidJob', errors: [{ line: 2 }] } });
    const bytes = Buffer.concat([Buffer.from('{"prompt": "'), Buffer.from([0xff]), Buffer.from('"}')]);
    const latin = await server.ask('/jobs', { method: 'POST', body: bytes });
    expect(latin).toMatchObject({
      status: 422,
      json: { errors: [{ expected: 'text in UTF-8', got: 'the byte 0xff', column: 13 }] },
    });
    const nothing = await server.ask('/jobs', { method: 'POST', body: '' });
    expect(nothing.status).toBe(422);
  });

  it('answers 409 NameTaken with the fields that differ, and makes the next run where it is asked to', async () => {
    await using server = await setup();
    await server.submit('faq-17');
    const taken = await server.submit('faq-17', { prompt: 'something else' });
    expect(taken).toMatchObject({
      status: 409,
      json: {
        code: 'NameTaken',
        hint: expect.stringContaining('"if_exists": "new_run"') as string,
        errors: [{ path: 'name' }],
      },
    });
    expect(taken.json['detail']).toMatch(/^"faq-17" exists with another prompt \(differs: prompt/);
    const next = await server.submit('faq-17', { prompt: 'something else', if_exists: 'new_run' });
    expect(next).toMatchObject({ status: 201, json: { run: 2 } });
  });

  it('tells what the scheduler refuses: overload, a full disk, a shutdown', async () => {
    await using server = await setup();
    for (const [code, status] of [
      ['Overloaded', 503],
      ['DiskLow', 507],
      ['StoreBusy', 503],
      ['ShuttingDown', 503],
    ] as const) {
      server.scheduler.failure = new Problem(code, 'not now');
      expect(await server.submit('a')).toMatchObject({ status, json: { code, detail: 'not now' } });
    }
    // A problem that came over a thread boundary has lost its class, not its code.
    server.scheduler.failure = Object.assign(new Error('not now'), {
      code: 'DiskLow',
      hint: 'Free some.',
      faults: [],
    });
    expect(await server.submit('a')).toMatchObject({
      status: 507,
      json: { code: 'DiskLow', hint: 'Free some.' },
    });
    expect(server.reads.rows.size).toBe(0);
  });
});

describe('many jobs', () => {
  it('R19: accepts an array in order and counts what became of it', async () => {
    await using server = await setup();
    await server.submit('a');
    const answer = await server.post('/jobs', [job('a'), job('b'), job('c', { prompt: 'about b' })]);
    expect(answer).toMatchObject({
      status: 201,
      json: {
        created: 1,
        known: 1,
        shared: 1,
        answered_before: 0,
        jobs: [{ name: 'a', run: 1, state: 'queued' }, { name: 'b' }, { name: 'c', state: 'blocked' }],
      },
    });
    expect((await server.post('/jobs', [job('a'), job('b')])).status).toBe(200);
    expect(await server.post('/jobs', [])).toMatchObject({ status: 200, json: { jobs: [] } });
  });

  it('accepts NDJSON, empty lines and a missing last newline included', async () => {
    await using server = await setup();
    const body = `${JSON.stringify(job('a'))}\n\n${JSON.stringify(job('b'))}\r\n${JSON.stringify(job('ü', { name: 'c', prompt: 'ü' }))}`;
    const answer = await server.ask('/jobs', { ...ndjson, body });
    expect(answer).toMatchObject({
      status: 201,
      json: { created: 3, jobs: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] },
    });
  });

  it('refuses the whole lot for one bad line, names the line of each, and leaves no trace', async () => {
    await using server = await setup();
    const lines = [job('a'), '', job('b', { configuration: { seed: '7' } }), '{"prompt": 1,', job('c')];
    const body = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
    const answer = await server.ask('/jobs', { ...ndjson, body });
    expect(answer.status).toBe(422);
    const errors = answer.json['errors'] as { path: string; line: number; column: number }[];
    expect(errors[0]).toMatchObject({
      path: 'jobs[1].configuration.seed',
      line: 3,
      column: body.split('\n')[2]!.indexOf('"seed"') + 1,
    });
    expect(errors[1]).toMatchObject({ line: 4 });
    expect(errors[1]?.path).toMatch(/^jobs\[2\]/);
    expect(server.reads.rows.size).toBe(0);
  });

  it('names the element of an array with its line and column', async () => {
    await using server = await setup();
    const body = `[\n  ${JSON.stringify(job('a'))},\n  {"prompt": "x", "configuration": {"seed": "7"}}\n]`;
    const answer = await server.ask('/jobs', { method: 'POST', body });
    const at = { path: 'jobs[1].configuration.seed', line: 3, column: 37 };
    expect(answer).toMatchObject({ status: 422, json: { errors: [at] } });
  });

  it('leaves out what is wrong with ?on_invalid=skip, and says what and why', async () => {
    await using server = await setup();
    await server.submit('taken');
    const lot = [job('a'), job('b', { prompt: 5 }), job('taken', { prompt: 'other' }), job('c')];
    const answer = await server.post('/jobs?on_invalid=skip', lot);
    expect(answer).toMatchObject({
      status: 201,
      json: {
        created: 2,
        jobs: [{ name: 'a' }, { name: 'c' }],
        refused: [
          { index: 1, errors: [{ path: 'jobs[1].prompt' }] },
          { index: 2, errors: [{ code: 'NameTaken', path: 'jobs[2].name' }] },
        ],
      },
    });
    expect(await server.post('/jobs?on_invalid=skip', [job('b', { prompt: 5 })])).toMatchObject({
      status: 200,
      json: { jobs: [] },
    });
    expect((await server.post('/jobs?on_invalid=maybe', [])).status).toBe(400);
  });

  it('refuses the whole lot for a name that is taken', async () => {
    await using server = await setup();
    await server.submit('taken');
    const answer = await server.post('/jobs', [job('a'), job('taken', { prompt: 'other' })]);
    expect(answer).toMatchObject({
      status: 409,
      json: { code: 'NameTaken', errors: [{ path: 'jobs[1].name' }] },
    });
    expect(server.reads.run('a', null)).toBeNull();
  });
});

describe('limits of a submission', () => {
  it('answers 413 above submission_jobs_max, job_bytes_max and submission_bytes_max', async () => {
    await using server = await setup({
      limits: { submission_jobs_max: 2, job_bytes_max: 200, submission_bytes_max: 1_000 },
    });
    const many = await server.post('/jobs', [job('a'), job('b'), job('c')]);
    expect(many).toMatchObject({ status: 413, json: { code: 'TooManyJobs', hint: 'Split the submission.' } });
    const long = job('long', { prompt: 'x'.repeat(300) });
    expect(await server.post('/jobs', long)).toMatchObject({ status: 413, json: { code: 'TooLarge' } });
    expect(await server.post('/jobs', [job('a'), long])).toMatchObject({
      status: 413,
      json: { errors: [{ path: 'jobs[1]' }] },
    });
    const body = `${JSON.stringify(job('a'))}\n${JSON.stringify(long)}`;
    expect(await server.ask('/jobs', { ...ndjson, body })).toMatchObject({
      status: 413,
      json: { errors: [{ path: 'jobs[1]', line: 2 }] },
    });
    const huge = await server.post('/jobs', job('huge', { prompt: 'x'.repeat(5_000) }));
    expect(huge).toMatchObject({ status: 413, json: { code: 'TooLarge' } });
    expect(server.reads.rows.size).toBe(0);
  });

  it('takes what is below them, megabytes included', async () => {
    await using server = await setup();
    const prompt = 'x'.repeat(3_000_000);
    expect((await server.post('/jobs', job('big', { prompt }))).status).toBe(201);
    const body = `${JSON.stringify(job('b1', { prompt }))}\n${JSON.stringify(job('b2', { prompt: `${prompt}y` }))}`;
    expect(await server.ask('/jobs', { ...ndjson, body })).toMatchObject({
      status: 201,
      json: { created: 1, shared: 1 },
    });
  });

  it('stops reading a body without a declared length at the limit, and still answers', async () => {
    await using server = await setup({ limits: { submission_bytes_max: 10_000 } });
    const headers = { 'transfer-encoding': 'chunked', 'content-type': 'application/json' };
    const answer = await server.ask('/jobs', {
      method: 'POST',
      headers,
      body: Buffer.alloc(2_000_000, 0x20),
    });
    expect(answer).toMatchObject({ status: 413, json: { code: 'TooLarge' } });
  });

  it('answers 503 where the bodies that arrive at once are more than the memory they are given', async () => {
    await using server = await setup({ limits: { http_bodies_bytes_max: 1_000 } });
    const answer = await server.post('/jobs', job('a', { prompt: 'x'.repeat(5_000) }));
    expect(answer).toMatchObject({
      status: 503,
      json: { code: 'Overloaded' },
      headers: { 'retry-after': '1' },
    });
    expect((await server.submit('b')).status).toBe(201);
  });

  it('takes JSON and NDJSON alone, and no encoded body', async () => {
    await using server = await setup();
    const body = JSON.stringify(job('a'));
    const form = await server.ask('/jobs', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(form).toMatchObject({
      status: 400,
      json: { code: 'InvalidRequest', hint: expect.stringContaining('application/json') as string },
    });
    const packed = await server.ask('/jobs', {
      method: 'POST',
      body,
      headers: { 'content-encoding': 'gzip' },
    });
    expect(packed).toMatchObject({ status: 400, json: { code: 'InvalidRequest' } });
    expect((await server.ask('/jobs', { method: 'POST' })).status).toBe(400);
  });

  it('names at most faults_shown_max faults and looks no further', async () => {
    let looked = 0;
    const counted: Prepare = (value, from) => {
      looked++;
      return prepare(value, from);
    };
    await using server = await setup({ prepare: counted, limits: { faults_shown_max: 3 } });
    const answer = await server.post(
      '/jobs',
      Array.from({ length: 500 }, () => ({})),
    );
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toHaveLength(3);
    expect(looked).toBeLessThan(500);
  });
});
