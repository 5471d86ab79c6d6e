/** System calls of real processes that fail, by strace from outside: what the kernel says is what is heard. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';
import { failCalls, needsStrace } from './strace.ts';

const SYNCS = ['fsync', 'fdatasync'];

function job(name: string) {
  return { name, prompt: `question ${name}`, configuration: { LLM_name: 'ollama:test-model' } };
}

async function refusalOf(promise: Promise<unknown>): Promise<Problem> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof Problem) return error;
  throw new Error(`expected a Problem, got ${String(error)}`);
}

async function lastFatal(machine: Machine): Promise<string> {
  const log = await readFile(machine.path('.promptd', 'logs', 'serve.log'), 'utf8');
  const fatal = log.split('\n').findLast((line) => line.includes('"fatal"'));
  return (JSON.parse(fatal ?? '{}') as { message?: string }).message ?? '';
}

describe('a failed fsync', { timeout: 180_000 }, () => {
  it('R26: of a commit ends the server at the first, nobody is told that it was done, and what was accepted is there', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    const first = await machine.serve();
    await first.client.submit(job('accepted'));
    await until('its end', async () => (await first.client.stats()).states.completed === 1);
    await until('its file', async () => (await first.client.stats()).unpublished === 0);
    const exited = once(first.process, 'exit');
    const tracer = await failCalls(first.process.pid ?? 0, {
      calls: SYNCS,
      error: 'EIO',
      paths: [machine.path('.promptd', 'queue.db-wal')],
    });
    await expect(first.client.submit(job('unsure'))).rejects.toThrow();
    expect(await exited).toEqual([1, null]);
    // Asked once: the kernel forgets what it could not write, and would say "done" the second time.
    expect(await tracer.failed()).toHaveLength(1);
    expect(await lastFatal(machine)).toMatch(/disk I\/O error/);
    const second = await machine.serve();
    expect((await second.client.job('accepted')).state).toBe('completed');
    await second.client.submit(job('unsure'));
    await until('the other', async () => (await second.client.job('unsure')).state === 'completed');
    expect(machine.model.stats().total).toBe(2);
  });

  it('R9: of a folder of files ends the server, and the next one writes what may be lost again', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    const first = await machine.serve();
    const exited = once(first.process, 'exit');
    const tracer = await failCalls(first.process.pid ?? 0, {
      calls: SYNCS,
      error: 'EIO',
      paths: [machine.path('results')],
    });
    await first.client.submit(job('answered'));
    expect(await exited).toEqual([1, null]);
    expect(await tracer.failed()).toHaveLength(1);
    expect(await lastFatal(machine)).toMatch(/fsync of .*results failed; what was written there may be lost/);
    const second = await machine.serve();
    await until('the file', async () => (await second.client.stats()).unpublished === 0);
    expect((await second.client.job('answered')).state).toBe('completed');
    expect(await machine.files('results')).toHaveLength(1);
    expect(machine.model.stats().total).toBe(1);
  });

  it('R8: of a spool ends the instance before it says anything; a new one does the work', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    machine.model.script(/./, { hold: 'headers' });
    const { client } = await machine.serve();
    const [pid] = await machine.localInstances();
    await client.submit(job('spooled'));
    await until('the question', () => machine.model.requests.length === 1);
    const tracer = await failCalls(pid ?? 0, {
      calls: SYNCS,
      error: 'EIO',
      paths: [
        machine.path('.promptd', 'spool'),
        machine.path('.promptd', 'spool', 'outcomes-0000000001.spool'),
      ],
    });
    machine.model.script(/./, {});
    machine.model.release();
    await until('the instance to end', async () => !(await machine.localInstances()).includes(pid ?? 0));
    expect(await tracer.failed()).toHaveLength(1);
    await until('the answer', async () => (await client.job('spooled')).state === 'completed', 60_000);
    const attempts = (await client.job('spooled', { with: ['attempts'] })).with?.attempts ?? [];
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'succeeded']);
  });
});

describe('a write that finds no room', { timeout: 180_000 }, () => {
  it('R26: in the log of the database is answered 507 until it works again', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    const { client, process } = await machine.serve();
    const tracer = await failCalls(process.pid ?? 0, {
      calls: ['pwrite64'],
      error: 'ENOSPC',
      paths: [machine.path('.promptd', 'queue.db-wal')],
    });
    const refusal = await refusalOf(client.submit(job('refused')));
    expect([refusal.code, refusal.status]).toEqual(['DiskLow', 507]);
    await expect(client.job('refused')).rejects.toMatchObject({ code: 'NotFound' });
    expect((await client.stats()).trouble?.code).toBe('DiskLow');
    await tracer.end();
    await until('it to be taken', () => client.submit(job('refused')).then(Boolean, () => false));
    await until('the answer', async () => (await client.job('refused')).state === 'completed');
    expect((await client.stats()).trouble).toBe(null);
  });

  it('R8: in the spool keeps the answer on the instance, which takes nothing new, until there is room', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    machine.model.script(/./, { hold: 'headers' });
    const { client } = await machine.serve();
    const [pid] = await machine.localInstances();
    await client.submit(job('kept'));
    await until('the question', () => machine.model.requests.length === 1);
    const tracer = await failCalls(pid ?? 0, {
      calls: ['pwrite64'],
      error: 'ENOSPC',
      paths: [machine.path('.promptd', 'spool', 'outcomes-0000000001.spool')],
    });
    machine.model.script(/./, {});
    machine.model.release();
    await until('the spool to wait', async () =>
      (await client.instances()).some(({ state }) => state === 'draining'),
    );
    expect((await client.job('kept')).state).toBe('running');
    await client.submit(job('later'));
    await tracer.end();
    await until('both', async () => (await client.stats()).states.completed === 2);
    expect(Object.values(machine.model.stats().prompts)).toEqual([1, 1]);
  });
});

describe('a database that another program holds', { timeout: 120_000 }, () => {
  it('R26: is answered 503 StoreBusy, said in its own words, and goes on when that program lets go', async () => {
    const machine = await setup();
    const { client } = await machine.serve();
    const other = new DatabaseSync(machine.path('.promptd', 'queue.db'));
    onTestFinished(() => void (other.isOpen && other.close()));
    other.exec('BEGIN EXCLUSIVE');
    const refusal = await refusalOf(client.submit(job('refused')));
    expect([refusal.code, refusal.status]).toEqual(['StoreBusy', 503]);
    const { trouble } = await client.stats();
    expect(trouble?.code).toBe('StoreBusy');
    expect(trouble?.message).toMatch(/another program holds the database.*goes on by itself when that ends/);
    // Reading waits for nobody.
    await expect(client.job('refused')).rejects.toMatchObject({ code: 'NotFound' });
    other.exec('ROLLBACK');
    other.close();
    await until('it to be taken', () => client.submit(job('refused')).then(Boolean, () => false));
    await until('the answer', async () => (await client.job('refused')).state === 'completed');
    expect((await client.stats()).trouble).toBe(null);
  });
});

/** Takes almost every further descriptor from a process; gives back the way to end that. Skips the test where it may not. */
function starve(context: TestContext, pid: number, left: number): () => void {
  const limit = (count: number): boolean =>
    spawnSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`]).status === 0;
  const open = readdirSync(`/proc/${pid}/fd`).map(Number);
  const before = Number(/Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]);
  if (!limit(Math.max(...open) + 1 + left)) context.skip('prlimit is not installed, or may not be used here');
  return () => void limit(before);
}

describe('a server without a free descriptor', { timeout: 120_000 }, () => {
  it('R26: lives, keeps the connections that it has, and catches up by itself', async (ctx) => {
    if (!existsSync('/proc/self/fd')) ctx.skip('this system has no /proc');
    const machine = await setup();
    machine.model.script(/./, { hold: 'headers' });
    const { client, process } = await machine.serve();
    await client.submit(job('early'));
    await until('its question', () => machine.model.requests.length === 1);
    await until('its job file', async () => (await client.stats()).unpublished === 0);
    const { port } = new URL(
      JSON.parse(await readFile(machine.path('.promptd', 'server.json'), 'utf8')).url as string,
    );
    const feed = starve(ctx, process.pid ?? 0, 0);
    onTestFinished(feed);
    const strangers = Array.from({ length: 40 }, () =>
      createConnection(Number(port), '127.0.0.1').on('error', () => undefined),
    );
    onTestFinished(() => strangers.forEach((socket) => socket.destroy()));
    machine.model.release();
    await until('the answer', async () => (await client.job('early')).state === 'completed');
    expect(process.exitCode).toBe(null);
    strangers.forEach((socket) => socket.destroy());
    feed();
    await until('its file', async () => (await machine.files('results')).length === 1);
    machine.model.script(/./, {});
    await client.submit(job('late'));
    await until('the other', async () => (await client.job('late')).state === 'completed');
    expect(process.exitCode).toBe(null);
  });
});

describe('folders that are removed while a server runs', { timeout: 120_000 }, () => {
  it('R9: are made again, and nothing that is published later is lost', async () => {
    const machine = await setup();
    const { client, process } = await machine.serve();
    await client.submit(job('before'));
    await until('its file', async () => (await machine.files('results')).length === 1);
    for (const folder of ['results', 'jobs', '.promptd/tmp', '.promptd/logs'])
      await rm(machine.path(folder), { recursive: true });
    await client.submit(job('after'));
    await until('its file', async () => {
      const files = await machine.files('results').catch(() => []);
      return files.some((file) => file.endsWith('_after.json'));
    });
    await until('rest', async () => (await client.stats()).unpublished === 0);
    expect(await machine.files('jobs')).toEqual(['after.json']);
    expect(process.exitCode).toBe(null);
  });

  it('R9 R14: are named by status, by what stands in their place too, until that is mended', async () => {
    const machine = await setup({ config: { watch: { enabled: true } } });
    const { client } = await machine.serve();
    const status = async () => (await machine.promptd('status')).stdout;
    await client.submit(job('before'));
    await until('its file', async () => (await machine.files('results')).length === 1);
    expect(await status()).not.toContain('trouble');
    await rename(machine.path('jobs'), machine.path('elsewhere'));
    await until('the trouble', async () => (await client.stats()).trouble !== null);
    expect(await status()).toContain('trouble   FolderRefused: Files of jobs/ wait: the folder is not there');
    await rename(machine.path('elsewhere'), machine.path('jobs'));
    await until('no trouble', async () => (await client.stats()).trouble === null);

    await mkdir(machine.path('jobs', 'taken.json'));
    await client.submit(job('taken'));
    await until('the trouble', async () => (await client.stats()).trouble !== null);
    expect(await status()).toContain(
      `trouble   FolderRefused: Files wait to be written: ${machine.path('jobs', 'taken.json')}: expected nothing or a file`,
    );
  });
});
