/** Adding a job depends on nothing that is queued or running. */
import { describe, expect, it } from 'vitest';
import { endServerOf, mixedJobs, setup } from './machine.ts';
import { until } from '../support/until.ts';

describe('adding a job', () => {
  it('R7 R18: works while every slot waits for a remote model that does not answer', async () => {
    const machine = await setup();
    machine.model.script(/./, { hold: 'headers' });
    const { client } = await machine.serve();
    await client.submitMany(mixedJobs(100).map((job) => ({ ...job, batch: 'stuck' })));
    await machine.model.until(() => machine.model.stats().open === 32);
    const added = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        client.submit({
          name: `late-${i}`,
          prompt: `late ${i}`,
          configuration: { LLM_name: 'simulator:any' },
        }),
      ),
    );
    expect(added.every((job) => job.created)).toBe(true);
    // What has room elsewhere does not wait behind what has none.
    await Promise.all(added.map(({ name }) => client.job(name, { wait: 20 })));
    expect((await client.job('late-49')).state).toBe('completed');
    expect((await client.batch('stuck')).counts).toMatchObject({ completed: 0, running: 32, queued: 68 });
    expect((await client.job('mixed-99')).reason?.code).toBe('WaitingForSlot');
    machine.model.script(/./, {});
    machine.model.release();
    await until('the stuck ones', async () => (await client.batch('stuck', { wait: 10 })).ended === 100);
  });

  it('R7: works by putting a file into jobs/ while everything is down', async () => {
    const machine = await setup();
    await machine.writeJobs({
      one: { prompt: 'written while nothing ran', configuration: { LLM_name: 'ollama:test-model' } },
      two: { prompt: 'another one', configuration: { LLM_name: 'openai:test-model' } },
    });
    const before = await machine.files('jobs');
    const ran = await machine.promptd('run');
    expect(ran.stdout).toContain('completed 2');
    expect(ran.code).toBe(0);
    await endServerOf(machine.root);
    expect(await machine.files('results')).toEqual([
      expect.stringMatching(/^\d+_(one|two)\.json$/),
      expect.stringMatching(/^\d+_(one|two)\.json$/),
    ]);
    // No second file is made of a job that stands in one.
    expect(await machine.files('jobs')).toEqual(before);
    expect(await machine.files('conflicts/jobs')).toEqual([]);
  });
});
