import { describe, expect, it } from 'vitest';
import { NOW } from './fake-reads.ts';
import { type Setup, setup } from './setup.ts';

async function withJobs(count: number): Promise<Setup> {
  const server = await setup();
  const jobs = Array.from({ length: count }, (_, i) => ({
    name: `job-${i}`,
    prompt: `p${i}`,
    configuration: {},
    batch: i % 2 === 0 ? 'even' : 'odd',
    key: `k${i}`,
    options: { tags: [`t${i % 3}`] },
  }));
  await server.post('/jobs', jobs);
  return server;
}

const names = (answer: { json: Record<string, unknown> }): string[] =>
  (answer.json['jobs'] as { name: string }[]).map(({ name }) => name);

describe('a job that is not there', () => {
  const asked: readonly (readonly [method: string, url: string])[] = [
    ['GET', '/jobs/a'],
    ['GET', '/jobs/a@2'],
    ['GET', '/jobs/a/result'],
    ['GET', '/jobs/a/results'],
    ['GET', '/jobs/a/logs'],
    ['DELETE', '/jobs/a'],
    ['POST', '/jobs/a/retry'],
    ['POST', '/jobs/a/rerun'],
  ];

  it.each(asked)('R14: %s %s says what is with its file, where one stands', async (method, url) => {
    await using server = await setup({ unasked: async (name) => `jobs/${name}.json stands there.` });
    expect(await server.ask(url, { method })).toMatchObject({
      status: 404,
      json: { code: 'NotFound', hint: 'jobs/a.json stands there.' },
    });
  });

  it.each([
    ['no file stands', async () => null],
    ['the folder is slow', () => new Promise<null>(() => undefined)],
    ['the folder cannot be read', () => Promise.reject(new Error('EIO'))],
  ])('R25: is told in time where %s', async (_what, unasked) => {
    await using server = await setup({ unasked });
    expect(await server.ask('/jobs/a')).toMatchObject({
      status: 404,
      json: { detail: 'There is no job "a"', hint: 'Look with: promptd ls' },
    });
  });
});

describe('lists', () => {
  it('R19: lists jobs newest first, page by page', async () => {
    await using server = await withJobs(5);
    const first = await server.ask('/jobs?limit=2');
    expect(names(first)).toEqual(['job-4', 'job-3']);
    const second = await server.ask(`/jobs?limit=2&cursor=${String(first.json['next_cursor'])}`);
    expect(names(second)).toEqual(['job-2', 'job-1']);
    const last = await server.ask(`/jobs?limit=2&cursor=${String(second.json['next_cursor'])}`);
    expect(last.json).toMatchObject({
      next_cursor: null,
      jobs: [{ name: 'job-0', state: 'queued', links: { self: '/jobs/job-0@1' } }],
    });
  });

  it('narrows a list by every filter', async () => {
    await using server = await withJobs(6);
    server.scheduler.change('job-1', {
      state: 'failed',
      reason_code: 'ProviderError',
      reason_message: 'HTTP 500',
    });
    server.scheduler.change('job-3', { submitted_at: NOW + 60_000 });
    const narrowed = async (query: string): Promise<string[]> => names(await server.ask(`/jobs?${query}`));
    expect(await narrowed('state=failed')).toEqual(['job-1']);
    expect(await narrowed('state=failed,completed')).toEqual(['job-1']);
    expect(await narrowed('batch=even')).toEqual(['job-4', 'job-2', 'job-0']);
    expect(await narrowed('reason=ProviderError')).toEqual(['job-1']);
    expect(await narrowed('tag=t2&batch=odd')).toEqual(['job-5']);
    expect(await narrowed('key=k4')).toEqual(['job-4']);
    expect(await narrowed('prefix=job-2')).toEqual(['job-2']);
    expect(await narrowed('model=other')).toEqual([]);
    expect(await narrowed('endpoint=simulator&limit=1')).toEqual(['job-5']);
    expect(await narrowed(`since=${encodeURIComponent(new Date(NOW + 1_000).toISOString())}`)).toEqual([
      'job-3',
    ]);
  });

  it('shows the latest run of a name unless all are asked for', async () => {
    await using server = await setup();
    await server.submit('a');
    await server.submit('a', { prompt: 'other', if_exists: 'new_run' });
    expect((await server.ask('/jobs')).json).toMatchObject({ jobs: [{ name: 'a', run: 2 }] });
    expect((await server.ask('/jobs?latest=false')).json['jobs']).toHaveLength(2);
  });

  it('counts by what it is asked', async () => {
    await using server = await withJobs(5);
    server.scheduler.change('job-1', { state: 'failed', reason_code: 'ProviderError' });
    expect((await server.ask('/jobs/counts')).json).toMatchObject({
      total: 5,
      counts: expect.arrayContaining([
        { by: { state: 'queued' }, runs: 4 },
        { by: { state: 'failed' }, runs: 1 },
      ]) as unknown,
    });
    const answer = await server.ask('/jobs/counts?by=reason,model&state=failed');
    expect(answer.json).toEqual({
      total: 1,
      counts: [{ by: { reason: 'ProviderError', model: 'parrot' }, runs: 1 }],
    });
  });

  it('names what is wrong with a query', async () => {
    await using server = await setup();
    const wrong = async (url: string): Promise<unknown> => {
      const answer = await server.ask(url);
      expect(answer).toMatchObject({ status: 400, json: { code: 'InvalidRequest' } });
      return (answer.json['errors'] as unknown[])[0];
    };
    expect(await wrong('/jobs?statee=queued')).toMatchObject({
      path: 'query.statee',
      expected: expect.stringContaining('state') as string,
    });
    expect(await wrong('/jobs?state=queud')).toMatchObject({ path: 'query.state', got: '"queud"' });
    expect(await wrong('/jobs?limit=many')).toMatchObject({ path: 'query.limit' });
    expect(await wrong('/jobs?since=yesterday')).toMatchObject({
      path: 'query.since',
      expected: expect.stringContaining('RFC 3339') as string,
    });
    expect(await wrong('/jobs?cursor=x')).toMatchObject({ path: 'query.cursor' });
    expect(await wrong('/jobs/counts?by=colour')).toMatchObject({ path: 'query.by' });
    expect(await wrong('/jobs/-bad')).toMatchObject({ path: 'path.ref' });
    expect(await wrong('/jobs/a?with=everything')).toMatchObject({ path: 'query.with' });
  });
});

describe('one job', () => {
  it('R19: answers the latest run of a name, a given run, or 404', async () => {
    await using server = await setup();
    const long = `n${'x'.repeat(199)}`;
    await server.submit(long);
    await server.submit(long, { prompt: 'other', if_exists: 'new_run' });
    expect((await server.ask(`/jobs/${long}`)).json).toMatchObject({ run: 2 });
    expect((await server.ask(`/jobs/${long}@1`)).json).toMatchObject({ run: 1 });
    expect((await server.ask(`/jobs/${long}%401`)).json).toMatchObject({ run: 1 });
    expect(await server.ask('/jobs/other')).toMatchObject({
      status: 404,
      json: { code: 'NotFound', hint: 'Look with: promptd ls' },
    });
    expect((await server.ask(`/jobs/${long}@3`)).status).toBe(404);
  });

  it('adds the attempts, the spec, the prompt and the runs where they are asked for', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    server.scheduler.log('a', 'hello');
    server.scheduler.finish('a', 'answer');
    const answer = await server.ask('/jobs/a?with=attempts,spec,prompt,runs');
    expect(answer.json['with']).toEqual({
      attempts: [
        expect.objectContaining({
          attempt: 1,
          outcome: 'succeeded',
          started_at: new Date(NOW).toISOString(),
          kept_answer: null,
        }),
      ],
      spec: { type: 'llm', prompt: 'about a', configuration: { LLM_name: 'simulator:parrot' } },
      prompt: [{ role: 'user', content: 'about a' }],
      runs: [{ run: 1, state: 'completed', finished_at: new Date(NOW + 1_000).toISOString() }],
    });
    expect(JSON.stringify(answer.json)).not.toContain('log_file');
    expect((await server.ask('/jobs/a?with=runs')).json['with']).not.toHaveProperty('spec');
  });

  it('R25: combines what is stored with what the instance says', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    server.scheduler.alive.set('a', { phase: 'streaming', tokens: 12, elapsed_ms: 345 });
    const answer = await server.ask('/jobs/a');
    expect(answer.json).toMatchObject({
      state: 'running',
      live: { phase: 'streaming', tokens: 12, elapsed_ms: 345 },
    });
    expect(answer.json).not.toHaveProperty('live_missing');
  });

  it('R25: says what it has, and why it has no more, where the instance says nothing in time', async () => {
    await using server = await setup({ limits: { live_state_wait_ms: 30 } });
    await server.submit('a');
    server.scheduler.start('a');
    const answer = await server.ask('/jobs/a');
    expect(answer.json).toMatchObject({
      state: 'running',
      live: null,
      live_missing: expect.stringContaining('within 30 ms') as string,
    });
  });

  it('R25: shows the end of a run that ended while its instance was asked', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    server.scheduler.live = async () => {
      server.scheduler.finish('a', 'done');
      return { phase: 'ending', tokens: 1, elapsed_ms: 1 };
    };
    expect((await server.ask('/jobs/a')).json).toMatchObject({ state: 'completed', live: null });
  });

  it('tells the reason of each state', async () => {
    await using server = await setup();
    await server.submit('a');
    const reason = async (fields: object): Promise<unknown> => {
      server.scheduler.change('a', fields);
      return (await server.ask('/jobs/a')).json['reason'];
    };
    expect(await reason({})).toMatchObject({ code: 'WaitingForSlot' });
    server.scheduler.lane_rows = [
      {
        lane: 1,
        endpoint: 'e',
        model: 'm',
        reason: { code: 'EndpointAuth', message: 'No key.', until: NOW },
      },
    ];
    expect(await reason({ state: 'scheduled', due_at: NOW + 5_000 })).toMatchObject({
      code: 'BeginTime',
      until: new Date(NOW + 5_000).toISOString(),
    });
    expect(await reason({ state: 'retrying', due_at: NOW + 9_000, last_error: 'HTTP 500' })).toEqual({
      code: 'Backoff',
      message: expect.stringMatching(/^HTTP 500\. /) as string,
      until: new Date(NOW + 9_000).toISOString(),
    });
    expect(await reason({ state: 'running', cancel_requested_at: NOW })).toMatchObject({
      code: 'Cancelling',
      since: new Date(NOW).toISOString(),
    });
    expect(
      await reason({
        state: 'failed',
        reason_code: 'TotalTimeout',
        reason_message: 'It took too long.',
        finished_at: NOW,
        cancel_requested_at: null,
      }),
    ).toEqual({
      code: 'TotalTimeout',
      message: 'It took too long.',
      since: new Date(NOW).toISOString(),
    });
    expect(await reason({ state: 'completed' })).toBeNull();
  });

  it('asks the scheduler why lanes wait at most every lanes_cache_ms', async () => {
    let now = 1_000;
    await using server = await setup({ clock: { now: () => NOW, monotonic: () => now } });
    await server.submit('a');
    let asked = 0;
    server.scheduler.lanes = async () => {
      asked++;
      return [
        { lane: 1, endpoint: 'e', model: 'm', reason: { code: 'EndpointAuth', message: `No key. ${asked}` } },
      ];
    };
    now += 1_000;
    const message = async (): Promise<unknown> =>
      ((await server.ask('/jobs/a')).json['reason'] as { message: string }).message;
    expect(await message()).toBe('No key. 1');
    expect(await message()).toBe('No key. 1');
    now += 251;
    expect(await message()).toBe('No key. 2');
  });
});

describe('?wait', () => {
  it('R25: answers when the run ends', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    const looked = watched(server);
    const waiting = server.ask('/jobs/a?wait=30');
    await looked;
    server.scheduler.finish('a', 'answer');
    expect(await waiting).toMatchObject({ status: 200, json: { state: 'completed' } });
  });

  it('loses no end that falls between its first look and its wait', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    const read = server.reads.runById.bind(server.reads);
    let once = true;
    server.reads.runById = (id) => {
      const seen = read(id);
      if (once) {
        once = false;
        server.scheduler.finish('a', 'answer');
      }
      return seen;
    };
    expect((await server.ask('/jobs/a?wait=30')).json).toMatchObject({ state: 'completed' });
  });

  it('answers with what there is when the time is over, and leaves nobody listening', async () => {
    await using server = await setup();
    await server.submit('a');
    expect((await server.ask('/jobs/a?wait=0.02')).json).toMatchObject({ state: 'queued' });
    expect((await server.ask('/jobs/a?wait=-1')).status).toBe(400);
  });

  it('waits for the end of a batch', async () => {
    await using server = await setup();
    await server.submit('a', { batch: 'b' });
    await server.submit('c', { batch: 'b' });
    const looked = new Promise<void>((resolve) => {
      const read = server.reads.batch.bind(server.reads);
      server.reads.batch = (name) => {
        resolve();
        return read(name);
      };
    });
    const waiting = server.ask('/batches/b?wait=30');
    await looked;
    for (const name of ['a', 'c']) {
      server.scheduler.start(name);
      server.scheduler.finish(name, 'answer');
    }
    expect((await waiting).json).toMatchObject({ ended: 2, total: 2, eta_s: 0 });
  });
});

/** Resolves when a request has looked at a run by its id: it listens by then. */
function watched(server: Setup): Promise<void> {
  return new Promise((resolve) => {
    const read = server.reads.runById.bind(server.reads);
    server.reads.runById = (id) => {
      resolve();
      return read(id);
    };
  });
}
