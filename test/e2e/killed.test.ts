/** kill -9 in the middle of the work. What was in flight on a killed instance may be asked again; nothing else. */
import { describe, expect, it } from 'vitest';
import { mixedJobs, setup, until } from './machine.ts';

const COUNT = 200;
const jobs = mixedJobs(COUNT).map((job) => ({ ...job, batch: 'mixed' }));

describe('kill -9', () => {
  it('R8 R26: of serve in the middle of 200 jobs: all complete, none is asked twice', async () => {
    const machine = await setup();
    machine.model.script(/./, { tokens: 3, token_delay_ms: 8 });
    const first = await machine.serve();
    await first.client.submitMany(jobs);
    await until('a third of the answers', () => machine.model.stats().answered > COUNT / 3);
    await first.kill();
    const second = await machine.serve();
    // The client knows nothing of the crash: it hands in everything again, and everything is known.
    const again = await second.client.submitMany(jobs);
    expect(again.created).toBe(0);
    await until(
      'the batch to end',
      async () => (await second.client.batch('mixed', { wait: 10 })).ended === COUNT,
    );
    expect((await second.client.batch('mixed')).counts).toMatchObject({ completed: COUNT });
    expect(machine.model.stats().total).toBe(COUNT);
    expect(await second.stop()).toBe(0);
    expect(await machine.files('results')).toHaveLength(COUNT);
  });

  it('R23: of the instance in the middle of 200 jobs: all complete, only what was in flight is asked again', async () => {
    const machine = await setup();
    machine.model.script(/./, { tokens: 3, token_delay_ms: 8 });
    const serving = await machine.serve();
    await serving.client.submitMany(jobs);
    await until('a third of the answers', () => machine.model.stats().answered > COUNT / 3);
    const [pid] = await machine.localInstances();
    process.kill(pid ?? 0, 'SIGKILL');
    await until(
      'the batch to end',
      async () => (await serving.client.batch('mixed', { wait: 10 })).ended === COUNT,
    );
    expect((await serving.client.batch('mixed')).counts).toMatchObject({ completed: COUNT });
    const { prompts, open_max } = machine.model.stats();
    const twice = Object.values(prompts).filter((count) => count > 1);
    expect(Object.keys(prompts)).toHaveLength(COUNT);
    expect(twice.every((count) => count === 2)).toBe(true);
    expect(twice.length).toBeLessThanOrEqual(open_max);
    expect(await serving.stop()).toBe(0);
    expect(await machine.files('results')).toHaveLength(COUNT);
  });
});
