import { describe, expect, it } from 'vitest';
import { setup } from './setup.ts';

describe('cancelling', () => {
  it('R19: answers 200 for a job that waits, 202 for one that runs, 409 for one that has ended, 404 for none', async () => {
    await using server = await setup();
    await server.submit('waits');
    await server.submit('runs');
    server.scheduler.start('runs');
    expect(await server.ask('/jobs/waits', { method: 'DELETE' })).toMatchObject({
      status: 200,
      json: { state: 'cancelled' },
    });
    expect(await server.ask('/jobs/runs', { method: 'DELETE' })).toMatchObject({
      status: 202,
      json: { state: 'running', reason: { code: 'Cancelling' } },
    });
    const ended = await server.ask('/jobs/waits', { method: 'DELETE' });
    expect(ended).toMatchObject({
      status: 409,
      json: { code: 'WrongState', detail: 'waits@1 has ended already: cancelled' },
    });
    expect((await server.ask('/jobs/none', { method: 'DELETE' })).status).toBe(404);
  });

  it('R20: cancels by names, and tells of each', async () => {
    await using server = await setup();
    for (const name of ['a', 'b', 'c']) await server.submit(name);
    server.scheduler.start('b');
    await server.ask('/jobs/c', { method: 'DELETE' });
    const answer = await server.post('/jobs/cancel', { names: ['a', 'b@1', 'c', 'none'] });
    expect(answer).toMatchObject({
      status: 200,
      json: {
        counts: { cancelled: 1, cancelling: 1, already_ended: 1, not_found: 1 },
        jobs: [
          { name: 'a', verdict: 'cancelled' },
          { name: 'b', run: 1, verdict: 'cancelling' },
          { name: 'c' },
          { name: 'none' },
        ],
      },
    });
    expect(await server.post('/jobs/cancel', { names: ['-x'] })).toMatchObject({
      status: 400,
      json: { code: 'InvalidRequest' },
    });
  });

  it('R20: cancels all that a selection fits and that have not ended, page by page, each once', async () => {
    await using server = await setup({ limits: { page_runs_max: 3 } });
    const jobs = Array.from({ length: 10 }, (_, i) => ({
      name: `j${i}`,
      prompt: `${i}`,
      configuration: {},
      batch: i < 8 ? 'x' : 'y',
    }));
    await server.post('/jobs', jobs);
    server.scheduler.start('j0');
    server.scheduler.finish('j0', 'answer');
    const answer = await server.post('/jobs/cancel', { batch: 'x' });
    expect(answer.json['counts']).toEqual({ cancelled: 7 });
    expect(answer.json['jobs']).toHaveLength(7);
    expect(server.scheduler.latest('j9').state).toBe('queued');
    expect((await server.post('/jobs/cancel', { state: ['queued'] })).json['counts']).toEqual({
      cancelled: 2,
    });
    expect((await server.post('/jobs/cancel', { batches: 'x' })).status).toBe(400);
    expect((await server.ask('/jobs/cancel', { method: 'POST' })).status).toBe(400);
  });
});

describe('retrying', () => {
  it('R20: retries a run that failed, with new options', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.change('a', { state: 'failed', leads: false, reason_code: 'TotalTimeout' });
    const body = { options: { priority: 9, timeout: '20m', max_attempts: 2 } };
    expect(await server.post('/jobs/a/retry', body)).toMatchObject({
      status: 200,
      json: { state: 'queued', options: { priority: 9, attempt_timeout_ms: 1_200_000, max_attempts: 2 } },
    });
    expect(await server.ask('/jobs/a/retry', { method: 'POST' })).toMatchObject({
      status: 409,
      json: { code: 'WrongState' },
    });
    expect((await server.ask('/jobs/none/retry', { method: 'POST' })).status).toBe(404);
  });

  it('names what is wrong with the options', async () => {
    await using server = await setup();
    const fault = async (options: object): Promise<unknown> => {
      const answer = await server.post('/jobs/a/retry', { options });
      expect(answer.status).toBe(400);
      return (answer.json['errors'] as unknown[])[0];
    };
    expect(await fault({ timeout: 'soon' })).toMatchObject({ path: 'body.options.timeout', got: '"soon"' });
    expect(await fault({ priorty: 1 })).toMatchObject({ path: 'body.options.priorty' });
    expect(await fault({ max_attempts: 0 })).toMatchObject({
      path: 'body.options.max_attempts',
      expected: expect.stringContaining('an integer') as string,
    });
    const broken = await server.ask('/jobs/a/retry', { method: 'POST', body: '{' });
    expect(broken).toMatchObject({ status: 400, json: { code: 'InvalidRequest' } });
  });

  it('R20: retries all that failed or were cancelled within a selection', async () => {
    await using server = await setup();
    for (const name of ['a', 'b', 'c']) await server.submit(name, { batch: 'x' });
    server.scheduler.change('a', { state: 'failed', leads: false });
    server.scheduler.change('b', { state: 'cancelled', leads: false });
    const answer = await server.post('/jobs/retry', { batch: 'x', options: { priority: 3 } });
    expect(answer.json['counts']).toEqual({ queued: 2 });
    expect(server.scheduler.latest('a')).toMatchObject({ state: 'queued', priority: 3 });
    expect((await server.post('/jobs/retry', { names: ['c'] })).json['counts']).toEqual({ wrong_state: 1 });
  });
});
