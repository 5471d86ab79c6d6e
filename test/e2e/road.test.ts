/** The road, with real processes: a server, two instances, and a model server that counts what it is asked. */
import { readFile, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { mixedJobs, setup } from './machine.ts';
import { until } from '../support/until.ts';

describe('a server and two instances', () => {
  it('R5 R6 R23: 200 mixed jobs over both protocols complete with exactly 200 requests', async () => {
    const machine = await setup();
    const serving = await machine.serve();
    await machine.instance('second', serving.client, ['--slots', '8']);
    const lot = await serving.client.submitMany(mixedJobs(200).map((job) => ({ ...job, batch: 'mixed' })));
    expect(lot.created).toBe(200);
    await until(
      'the batch to end',
      async () => (await serving.client.batch('mixed', { wait: 10 })).ended === 200,
    );
    const batch = await serving.client.batch('mixed');
    expect(batch.counts).toMatchObject({ completed: 200 });
    expect(machine.model.stats().total).toBe(200);
    const bothWorked = new Set<number | null>();
    for await (const job of serving.client.jobs({ batch: 'mixed' })) bothWorked.add(job.instance);
    expect(bothWorked.size).toBe(2);
    for (const own of ['.promptd', '.promptd/http.sock', '.promptd/admin.key', '.promptd/instance.token']) {
      expect([own, (await stat(machine.path(own))).mode & 0o077]).toEqual([own, 0]);
    }
    expect(await serving.stop()).toBe(0);
    // R8 R9: one whole file for each, published before the graceful stop ended.
    const files = await machine.files('results');
    expect(files).toHaveLength(200);
    const one = JSON.parse(await readFile(machine.path('results', files[0] ?? ''), 'utf8')) as {
      job: string;
      result: string;
    };
    expect(one.job).toMatch(/^mixed-\d+\.json$/);
    expect(one.result.length).toBeGreaterThan(0);
  });

  it('R6 R22: 100 concurrent identical submissions make one run and one request', async () => {
    const machine = await setup();
    const { client } = await machine.serve();
    const job = { name: 'same', prompt: 'the same thing', configuration: { LLM_name: 'ollama:test-model' } };
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.submit(job)));
    expect(new Set(answers.map((answer) => `${answer.name}@${answer.run}`))).toEqual(new Set(['same@1']));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect((await client.job('same', { wait: 20 })).state).toBe('completed');
    expect(machine.model.count('the same thing')).toBe(1);
  });

  it('R6: the same work under 50 names makes one request and 50 results', async () => {
    const machine = await setup();
    const serving = await machine.serve();
    machine.model.script('work shared', { hold: 'headers' });
    const jobs = Array.from({ length: 50 }, (_, i) => ({
      name: `twin-${i}`,
      batch: 'twins',
      prompt: 'work shared by many',
      configuration: { LLM_name: 'openai:test-model' },
    }));
    const lot = await serving.client.submitMany(jobs);
    expect(lot).toMatchObject({ created: 1, shared: 49 });
    await machine.model.arrived('work shared');
    expect((await serving.client.job('twin-7')).reason?.code).toBe('SameAs');
    machine.model.release();
    await until(
      'the twins to end',
      async () => (await serving.client.batch('twins', { wait: 10 })).ended === 50,
    );
    expect(machine.model.stats().total).toBe(1);
    expect(await serving.stop()).toBe(0);
    expect(await machine.files('results')).toHaveLength(50);
  });
});

describe('a running job', () => {
  it('R24: streams its log while it runs, and a late reader gets all of it', async () => {
    const machine = await setup();
    const { client } = await machine.serve();
    machine.model.script('slowly', { tokens: 4, hold: 2 });
    await client.submit({
      name: 'talk',
      prompt: 'speak slowly',
      configuration: { LLM_name: 'ollama:test-model' },
    });
    await machine.model.arrived('slowly');
    const seen: string[] = [];
    let ended = '';
    const following = (async () => {
      for await (const item of client.followLogs('talk')) {
        if (item.kind === 'log') seen.push(item.text);
        else if (item.kind === 'end') ended = item.state;
      }
    })();
    await until('the first line of the log', () => seen.length > 0);
    expect((await client.job('talk')).state).toBe('running');
    machine.model.release();
    await following;
    expect(ended).toBe('completed');
    const late = await client.logs('talk');
    for (const line of seen) expect(late).toContain(line);
    expect(seen.length).toBeGreaterThanOrEqual(2);
  });

  it('R25: says what the instance says of it, beside what the scheduler knows', async () => {
    const machine = await setup();
    const { client } = await machine.serve();
    machine.model.script('live', { tokens: 9, hold: 3 });
    await client.submit({
      name: 'live',
      prompt: 'live state',
      configuration: { LLM_name: 'ollama:test-model' },
    });
    await until('three pieces', async () => ((await client.job('live')).live?.tokens ?? 0) >= 3);
    const job = await client.job('live');
    expect(job).toMatchObject({ state: 'running', instance: 0, attempts: 1, live: { phase: 'streaming' } });
    machine.model.release();
  });

  it('R19: is cancelled within a second, and its upstream request is aborted', async () => {
    const machine = await setup();
    const { client } = await machine.serve();
    machine.model.script('never ends', { stall: 2 });
    await client.submit({
      name: 'endless',
      prompt: 'this never ends',
      configuration: { LLM_name: 'openai:test-model' },
    });
    const request = await machine.model.arrived('never ends');
    const began = performance.now();
    await client.cancel('endless');
    const job = await client.job('endless', { wait: 5 });
    await request.ended;
    expect(job).toMatchObject({ state: 'cancelled', reason: { code: 'Cancelled' } });
    expect(request.state).toBe('aborted');
    expect(performance.now() - began).toBeLessThan(1_000);
    await until('its ended file', async () => (await machine.files('ended')).length === 1);
    expect(await machine.files('results')).toEqual([]);
  });
});
