/** A disk of a few MiB that is really full for a while. What was accepted is kept, what is refused hears why. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import type { Client } from '../../src/client/client.ts';
import { setup } from './machine.ts';
import { until } from '../support/until.ts';
import { onSmallDisk } from './small-disk.ts';

const MIB = 1024 * 1024;

function job(name: string, prompt_bytes: number) {
  const prompt = `${name} ${'x'.repeat(prompt_bytes)}`;
  return { name, prompt, configuration: { LLM_name: 'ollama:test-model', temperature: 0 } };
}

/** Submits until one is refused; the log of the database has some room of its own that it uses again. */
async function submitUntilRefused(client: Client): Promise<{ accepted: string[]; refusal: Problem }> {
  const accepted: string[] = [];
  for (let n = 0; n < 200; n += 1) {
    const name = `more-${n}`;
    try {
      await client.submit(job(name, 200_000));
      accepted.push(name);
    } catch (error) {
      if (error instanceof Problem) return { accepted, refusal: error };
      throw error;
    }
  }
  throw new Error('200 jobs of 200 kB were accepted on a full disk');
}

describe('a full disk', { timeout: 180_000 }, () => {
  it('R26: refuses with 507, loses nothing that was accepted, and goes on by itself once there is room', async (ctx) => {
    const machine = await setup();
    const disk = await onSmallDisk(ctx, machine, 32 * MIB);
    machine.model.script(/./, { hold: 'headers' });
    const { client, process } = await machine.serve();
    const early = Array.from({ length: 16 }, (_, i) => `early-${i}`);
    for (const name of early) await client.submit(job(name, 100));
    await until('all to be asked', () => machine.model.requests.length === early.length);

    await disk.fill();
    const { accepted, refusal } = await submitUntilRefused(client);
    expect([refusal.code, refusal.status]).toEqual(['DiskLow', 507]);
    expect((await client.stats()).trouble?.code).toBe('DiskLow');
    expect(process.exitCode).toBe(null);
    // Answers come in while there is room for nothing: they wait on the instance, spool and all.
    machine.model.script(/./, {});
    machine.model.release();
    await until('the answers', () => machine.model.stats().answered >= early.length);
    expect(process.exitCode).toBe(null);

    await disk.free();
    const names = [...early, ...accepted];
    for (const name of names)
      await until(`${name} to end`, async () => (await client.job(name)).state === 'completed', 60_000);
    await until('the trouble to end', async () => (await client.stats()).trouble === null);
    await client.submit(job('afterwards', 100));
    await until('its end', async () => (await client.job('afterwards')).state === 'completed');
    await until('all files', async () => (await client.stats()).unpublished === 0, 60_000);
    const files = (await machine.files('results')).map((file) => file.replace(/^\d+_/, ''));
    expect(files.toSorted()).toEqual([...names, 'afterwards'].map((name) => `${name}.json`).toSorted());
    expect(await machine.files('.promptd/tmp')).toEqual([]);
    // Nobody asked twice for what was waiting for room.
    expect(Object.values(machine.model.stats().prompts).filter((count) => count !== 1)).toEqual([]);
  });

  it('R26: at a start is said in a sentence; with room again it starts and has everything', async (ctx) => {
    const machine = await setup();
    const disk = await onSmallDisk(ctx, machine, 16 * MIB);
    const first = await machine.serve();
    await first.client.submit(job('kept', 100));
    await until('its end', async () => (await first.client.job('kept')).state === 'completed');
    expect(await first.stop()).toBe(0);
    await disk.fill();
    const { code, stderr } = await machine.promptd('serve');
    expect(stderr).toMatch(/^507 DiskLow: The disk has no room left to open .*queue\.db\./);
    expect(stderr).toMatch(/[Ff]ree (some )?space/);
    expect(code).toBe(7);
    await disk.free();
    const { client } = await machine.serve();
    expect((await client.job('kept')).state).toBe('completed');
    expect(machine.model.requests.length).toBe(1);
  });

  it('G17: is not waited for: below disk_free_min_bytes new jobs are refused, what runs is finished, and room opens it again', async (ctx) => {
    const machine = await setup();
    const disk = await onSmallDisk(ctx, machine, 32 * MIB, 8 * MIB);
    machine.model.script(/./, { hold: 'headers' });
    const { client } = await machine.serve();
    await client.submit(job('running', 100));
    await until('it to be asked', () => machine.model.requests.length === 1);

    await disk.fillUpTo(6 * MIB);
    await until('the server to notice', async () => (await client.stats()).trouble?.code === 'DiskLow');
    await expect(client.submit(job('late', 100))).rejects.toMatchObject({ code: 'DiskLow', status: 507 });
    const status = await machine.promptd('status');
    expect(status.stdout).toMatch(/trouble +DiskLow: The disk of .* has \d MiB free/);
    machine.model.release();
    await until('its end', async () => (await client.job('running')).state === 'completed');
    await until('its file', async () => (await client.stats()).unpublished === 0);
    expect((await machine.files('results')).map((file) => file.replace(/^\d+_/, ''))).toEqual([
      'running.json',
    ]);

    await disk.free();
    await until('the server to take jobs', async () => (await client.stats()).trouble === null);
    machine.model.script(/./, {});
    await client.submit(job('late', 100));
    await until('its end', async () => (await client.job('late')).state === 'completed');
    const log = await readFile(machine.path('.promptd', 'logs', 'serve.log'), 'utf8');
    expect(log).toMatch(/new work is taken from 8 MiB on[^]*jobs are taken again/);
  });
});
