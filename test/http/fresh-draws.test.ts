import { describe, expect, it } from 'vitest';
import { type Setup, setup } from './setup.ts';

async function completed(server: Setup, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await server.submit(name);
    complete(server, name);
  }
}

function complete(server: Setup, name: string): void {
  server.scheduler.start(name);
  server.scheduler.finish(name, `answer of ${name}`);
}

const job = (name: string, more: object = {}): object => ({
  name,
  prompt: 'the same',
  configuration: {},
  ...more,
});

describe('POST /jobs/{ref}/rerun', () => {
  it('R9: asks what is stored as the next run, with new options, and leaves the first answer', async () => {
    await using server = await setup();
    await completed(server, 'a');
    const answer = await server.post('/jobs/a/rerun', { options: { priority: 7, timeout: '20m' } });
    expect(answer).toMatchObject({
      status: 201,
      json: {
        name: 'a',
        run: 2,
        created: true,
        state: 'queued',
        options: { priority: 7, attempt_timeout_ms: 1_200_000 },
      },
    });
    const [first, second] = await Promise.all(
      ['a@1', 'a@2'].map(async (ref) => server.ask(`/jobs/${ref}?with=spec,prompt,request`)),
    );
    const parts = (one: typeof first) => one?.json['with'] as Record<string, Record<string, unknown>>;
    expect(parts(second)['spec']).toEqual(parts(first)['spec']);
    expect(parts(second)['prompt']).toEqual(parts(first)['prompt']);
    const { fresh, ...request } = parts(second)['request']!;
    expect(request).toEqual(parts(first)['request']);
    expect(fresh).toMatch(/^[0-9a-f]{16}$/);
    expect((await server.ask('/jobs/a@1/result')).json['result']).toBe('answer of a');
  });

  it.each(['failed', 'cancelled'] as const)('R9: takes a run that is %s, too', async (state) => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.change('a', { state, leads: false, finished_at: 1 });
    expect(await server.ask('/jobs/a/rerun', { method: 'POST' })).toMatchObject({
      status: 201,
      json: { run: 2 },
    });
  });

  it('R6: answers 409 while the run is under way, and 404 where there is none', async () => {
    await using server = await setup();
    await server.submit('a');
    expect(await server.post('/jobs/a/rerun', {})).toMatchObject({
      status: 409,
      json: { code: 'WrongState', detail: 'a@1 is queued; only a run that has ended is asked again' },
    });
    expect((await server.post('/jobs/none/rerun', {})).status).toBe(404);
    expect(server.reads.runsOf('a', 9)).toHaveLength(1);
  });

  it('R6: sent again with the same word is the same draw; without one, each is another', async () => {
    await using server = await setup();
    await completed(server, 'a');
    const again = { fresh: 'second opinion' };
    expect(await server.post('/jobs/a/rerun', again)).toMatchObject({ status: 201, json: { run: 2 } });
    expect(await server.post('/jobs/a/rerun', again)).toMatchObject({
      status: 200,
      json: { run: 2, created: false },
    });
    complete(server, 'a');
    expect(await server.post('/jobs/a/rerun', again)).toMatchObject({ status: 200, json: { run: 2 } });
    expect(await server.post('/jobs/a/rerun', {})).toMatchObject({ status: 201, json: { run: 3 } });
  });

  it('R20: takes a run by its number, and refuses words that it does not know', async () => {
    await using server = await setup();
    await completed(server, 'a');
    await server.submit('a', { prompt: 'other', if_exists: 'new_run' });
    expect(await server.post('/jobs/a@1/rerun', {})).toMatchObject({ status: 201, json: { run: 3 } });
    expect((await server.post('/jobs/a/rerun', { option: {} })).status).toBe(400);
    expect((await server.post('/jobs/a/rerun', { fresh: '' })).status).toBe(400);
  });

  it('R8: says Corrupt where what was asked is not there', async () => {
    await using server = await setup();
    await completed(server, 'a');
    server.reads.bodies.clear();
    expect(await server.post('/jobs/a/rerun', {})).toMatchObject({ status: 500, json: { code: 'Corrupt' } });
  });
});

describe('POST /jobs/rerun', () => {
  it('R20: asks all that a selection fits and that have ended once more, each once, page by page', async () => {
    await using server = await setup({ limits: { page_runs_max: 2 } });
    await completed(server, 'a', 'b', 'c', 'd', 'e');
    await server.submit('waits');
    const answer = await server.post('/jobs/rerun', { fresh: 'w' });
    expect(answer).toMatchObject({ status: 200, json: { counts: { created: 5 } } });
    expect(server.reads.runsOf('waits', 9)).toHaveLength(1);
    for (const name of ['a', 'e']) expect(server.reads.runsOf(name, 9)).toHaveLength(2);
  });

  it('R20: tells of each name what became of it, in their order', async () => {
    await using server = await setup();
    await completed(server, 'a', 'b');
    await server.submit('waits');
    const names = ['waits', 'a', 'none', 'b@1'];
    const { json } = await server.post('/jobs/rerun', { names, options: { priority: 2 } });
    expect(json).toMatchObject({
      counts: { wrong_state: 1, created: 2, not_found: 1 },
      jobs: [
        { name: 'waits', run: 1, verdict: 'wrong_state' },
        { name: 'a', run: 2, verdict: 'created' },
        { name: 'none', verdict: 'not_found', state: null },
        { name: 'b', run: 2, verdict: 'created' },
      ],
    });
  });

  it('R6: of jobs that are the same work asks one, and the others share it', async () => {
    await using server = await setup();
    await server.post('/jobs', [job('a'), job('b')]);
    for (const name of ['a', 'b'])
      server.scheduler.change(name, { state: 'failed', leads: false, finished_at: 1 });
    const { json } = await server.post('/jobs/rerun', { names: ['a', 'b'] });
    expect(json['counts']).toEqual({ created: 1, shared: 1 });
  });
});

describe('POST /jobs?fresh=', () => {
  it('R9: makes the next run of names that are known, and shares inside the word alone', async () => {
    await using server = await setup();
    await server.post('/jobs', [job('a')]);
    const lot = [job('a'), job('b')];
    expect(await server.post('/jobs?fresh=w', lot)).toMatchObject({
      status: 201,
      json: {
        created: 1,
        shared: 1,
        jobs: [
          { name: 'a', run: 2 },
          { name: 'b', run: 1 },
        ],
      },
    });
    const again = await server.post('/jobs?fresh=w', lot);
    expect(again).toMatchObject({ status: 200, json: { created: 0, known: 2 } });
    expect(again.json).not.toHaveProperty('next_runs');
    expect((await server.post('/jobs?fresh=', lot)).status).toBe(400);
  });
});

describe('a next run', () => {
  it('R9: is told with what differs from the run before, of many the first twenty', async () => {
    await using server = await setup();
    const names = Array.from({ length: 25 }, (_, i) => `j${i}`);
    await server.post(
      '/jobs',
      names.map((name) => job(name, { prompt: name })),
    );
    const changed = names.map((name) =>
      job(name, { prompt: name, configuration: { seed: 1 }, if_exists: 'new_run' }),
    );
    const { json } = await server.post('/jobs', [...changed, job('new', { if_exists: 'new_run' })]);
    const told = json['next_runs'] as { total: number; some: object[] };
    expect(told.total).toBe(25);
    expect(told.some).toHaveLength(20);
    expect(told.some[0]).toEqual({ name: 'j0', run: 2, differs: ['configuration.seed'] });
    const one = await server.post('/jobs', job('new', { prompt: 'other', if_exists: 'new_run' }));
    expect(one.json).toMatchObject({ run: 2, differs: ['prompt'] });
    expect((await server.submit('first')).json).not.toHaveProperty('differs');
  });
});

describe('equal jobs in one lot', () => {
  const warnings = async (server: Setup, ...jobs: readonly object[]): Promise<unknown> =>
    (await server.post('/jobs', jobs)).json['warnings'];

  it('R6: cause one warning for the whole lot, which says how many and what to do', async () => {
    await using server = await setup();
    expect(await warnings(server, job('a'), job('b'), job('c'), job('d', { prompt: 'other' }))).toEqual([
      '2 jobs are the same work as another of this submission (b and a) and get its answer. For a draw of each, give them "sample": 0, 1, 2, … in their configuration.',
    ]);
  });

  it.each([
    ['a temperature of 0', { temperature: 0 }, false],
    ['a seed', { seed: 7 }, false],
    ['a sample', { sample: 1 }, false],
    ['a temperature above 0', { temperature: 0.7 }, true],
  ])('R6: with %s: %o, warns: %s', async (_title, configuration, warns) => {
    await using server = await setup();
    const told = await warnings(server, job('a', { configuration }), job('b', { configuration }));
    expect(told !== undefined).toBe(warns);
  });

  it('R6: say nothing where one of them was submitted before', async () => {
    await using server = await setup();
    await server.post('/jobs', [job('a')]);
    expect(await warnings(server, job('b'))).toBeUndefined();
  });
});
