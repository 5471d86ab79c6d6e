import { describe, expect, it } from 'vitest';
import { NOW, sha256 } from './fake-reads.ts';
import { type Setup, setup } from './setup.ts';

async function withBatch(count: number): Promise<Setup> {
  const server = await setup();
  const jobs = Array.from({ length: count }, (_, i) => ({
    name: `j${i}`,
    prompt: `${i}`,
    configuration: {},
    batch: 'faq',
  }));
  await server.post('/jobs', jobs);
  return server;
}

describe('batches', () => {
  it('R20: counts a batch by state, with tokens and the time that is left', async () => {
    await using server = await withBatch(4);
    expect((await server.ask('/batches/faq')).json).toMatchObject({
      total: 4,
      ended: 0,
      eta_s: null,
      counts: { queued: 4, failed: 0 },
    });
    server.scheduler.start('j0');
    server.scheduler.finish('j0', 'answer');
    const answer = await server.ask('/batches/faq');
    // One in a second: three seconds for three.
    expect(answer.json).toEqual({
      batch: 'faq',
      created_at: new Date(NOW).toISOString(),
      total: 4,
      ended: 1,
      tokens: { input: 0, output: 0 },
      cost: [],
      cost_unknown: 0,
      eta_s: 3,
      counts: {
        scheduled: 0,
        queued: 3,
        blocked: 0,
        running: 0,
        retrying: 0,
        completed: 1,
        failed: 0,
        cancelled: 0,
      },
    });
    expect((await server.ask('/batches')).json).toMatchObject({ batches: [{ batch: 'faq' }] });
    expect(await server.ask('/batches/none')).toMatchObject({
      status: 404,
      json: { hint: 'Look with: promptd batches' },
    });
    expect((await server.ask('/batches/none?wait=5')).status).toBe(404);
  });

  it('says what a batch cost by currency, without the dust of adding fractions, and of how many answers it is not known', async () => {
    await using server = await withBatch(1);
    const sum = 0.1 + 0.2;
    server.reads.costs.set('faq', [
      { currency: 'EUR', amount: sum },
      { currency: 'USD', amount: 0 },
    ]);
    server.reads.costs_unknown.set('faq', 3);
    expect((await server.ask('/batches/faq')).json).toMatchObject({
      cost: [
        { currency: 'EUR', amount: 0.3 },
        { currency: 'USD', amount: 0 },
      ],
      cost_unknown: 3,
    });
  });

  it('streams one result a line over pages, the null result where there is none', async () => {
    await using server = await withBatch(45);
    for (const name of ['j0', 'j44']) {
      server.scheduler.start(name);
      server.scheduler.finish(name, `answer of ${name}`);
    }
    const answer = await server.ask('/batches/faq/results');
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; result: string | null });
    expect(lines.map(({ name }) => name)).toEqual(Array.from({ length: 45 }, (_, i) => `j${44 - i}`));
    expect(lines.filter(({ result }) => result !== null).map(({ result }) => result)).toEqual([
      'answer of j44',
      'answer of j0',
    ]);
    expect((await server.ask('/batches/none/results')).status).toBe(404);
  });

  it('R8: says of one result that it is not what was accepted, and gives the others', async () => {
    await using server = await withBatch(2);
    for (const name of ['j0', 'j1']) {
      server.scheduler.start(name);
      server.scheduler.finish(name, `answer of ${name}`);
    }
    server.reads.bodies.set(sha256('answer of j0'), 'another');
    const [second, first] = (await server.ask('/batches/faq/results')).text.trimEnd().split('\n');
    expect(JSON.parse(second ?? '')).toMatchObject({ name: 'j1', result: 'answer of j1' });
    expect(JSON.parse(first ?? '')).toMatchObject({
      job: 'j0@1',
      result: null,
      problem: { code: 'Corrupt' },
    });
  });

  it('holds no page while its reader takes the one before', async () => {
    await using server = await withBatch(60);
    let pages = 0;
    const read = server.reads.runs.bind(server.reads);
    server.reads.runs = (...args) => {
      pages++;
      return read(...args);
    };
    for (let i = 0; i < 60; i++) {
      server.scheduler.start(`j${i}`);
      server.scheduler.finish(`j${i}`, `${i}`.padEnd(500_000, 'x'));
    }
    const answer = await server.open('/batches/faq/results');
    answer.pause();
    // Turns enough for all of it, if nothing held it back.
    for (let i = 0; i < 20; i++) await server.ask('/healthz');
    expect(pages).toBeLessThan(3);
    answer.destroy();
  });
});
