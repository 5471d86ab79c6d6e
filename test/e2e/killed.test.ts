/** kill -9 in the middle of the work. What was in flight on a killed instance may be asked again; nothing else. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { mixedJobs, setup } from './machine.ts';
import { until } from '../support/until.ts';

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

  it('R23: of an instance of this machine, whose work goes on elsewhere without waiting for the end of its term', async () => {
    const machine = await setup({ env: { PROMPTD_SLOTS: '0' } });
    machine.model.script('What of far?', [{ stall: 'headers' }, {}]);
    const serving = await machine.serve({ instance: false });
    const { client } = serving;
    const far = await machine.instance('far', client, ['--slots', '1']);
    await client.submit({
      name: 'far',
      prompt: 'What of far?',
      configuration: { LLM_name: 'ollama:test-model' },
    });
    await machine.model.arrived('What of far?');
    await machine.instance('near', client, ['--slots', '1']);
    const killed_at = performance.now();
    far.kill('SIGKILL');
    await machine.model.arrived('What of far?', 2);
    // It takes some 20 ms; what a busy machine adds is still far from a term.
    expect(performance.now() - killed_at).toBeLessThan(LIMITS.lease_ttl_ms / 2);
    await until('the answer', async () => (await client.job('far', { wait: 5 })).state === 'completed');
    const { with: details } = await client.job('far', { with: ['attempts'] });
    expect(details?.attempts?.map(({ outcome, reason_code }) => [outcome, reason_code])).toEqual([
      ['lost', 'InstanceLost'],
      ['succeeded', null],
    ]);
    expect(await serving.stop()).toBe(0);
  });
});
