/**
 * G19: recovery is idempotent. What a killed server leaves (an attempt that goes on, followers, a retry to come, an answer
 * without its file) is taken up again by the next one; and where that is killed while it does so, again and again, by the last.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ChildProcess } from 'node:child_process';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { recoverSpool } from '../../src/instance/spool-recovery.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { setup, type Machine } from './machine.ts';
import { until } from '../support/until.ts';

const CONFIGURATION = { LLM_name: 'ollama:test-model' };

/** On the way of every start, before an instance is back: nothing is decided there yet. */
const OF_A_START = [
  'start.after_load:1',
  'start.after_restore:1',
  'start.after_listen:1',
  'publisher.after_prepare:1',
  'publisher.after_link:1',
  'publisher.before_unlink:1',
  'publisher.after_sync:1',
  'turn.before_commit:1',
  'store.in_commit:1',
  'turn.after_commit:1',
  'start.before_announce:1',
] as const;

/** While an instance comes back, and what its earlier process ran is decided. */
const OF_A_RETURN = [
  'session.before_greet:1',
  'session.before_settle:1',
  'turn.before_claim:1',
  'turn.before_dispatch:1',
] as const;

async function killedAt(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
}

function ask(client: Client, name: string, prompt = `What of ${name}?`) {
  return client.submit({ name, prompt, configuration: CONFIGURATION });
}

async function answered(client: Client, name: string): Promise<void> {
  await until(`${name} to be answered`, async () => {
    const { state } = await client.job(name, { wait: 5 });
    return state === 'completed';
  });
}

/** Everything that was decided, and nothing of when somebody was last seen. */
function decided(machine: Machine): Record<string, unknown> {
  const db = new DatabaseSync(machine.path('.promptd', 'queue.db'), { readOnly: true });
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const all = (sql: string) =>
      db
        .prepare(sql)
        .all()
        .map((row) => Object.values(row).join(' '));
    return {
      runs: all(
        'SELECT name, run, state, attempt, leads, errors, lost, interrupted, digest FROM jobs ORDER BY id',
      ),
      attempts: all('SELECT job, attempt, outcome FROM attempts ORDER BY job, attempt'),
      results: all('SELECT job, epoch, attempt FROM results ORDER BY job'),
    };
  } finally {
    db.close();
  }
}

describe('a server that is killed while it recovers', () => {
  it(`G19 F07: ends in the same state, killed at ${OF_A_START.length + OF_A_RETURN.length} places of its start, one after the other`, async () => {
    const machine = await setup();
    machine.model.script('What of running?', [{ stall: 'headers' }, {}]);
    const first = await machine.serve({ env: { PROMPTD_CRASH_AT: 'publisher.after_temp:4' } });
    await ask(first.client, 'running');
    await machine.model.arrived('What of running?');
    await ask(first.client, 'follower', 'What of running?');
    // Its answer is committed, and its file is not there: the fourth file is its own, behind those of three jobs.
    await ask(first.client, 'unpublished').catch(() => undefined);
    await killedAt(first.process);
    await machine.endOrphans();
    const left = decided(machine);
    expect(left).toMatchObject({ attempts: ['1 1 ', '3 1 succeeded'] });
    for (const at of OF_A_START) {
      await killedAt(machine.spawn(['serve', '--slots', '0'], { PROMPTD_CRASH_AT: at }));
      expect(decided(machine), `after ${at}`).toEqual(left);
    }
    for (const at of OF_A_RETURN) await killedAt(machine.spawn(['serve'], { PROMPTD_CRASH_AT: at }));
    const last = await machine.serve();
    for (const name of ['running', 'follower', 'unpublished']) await answered(last.client, name);
    expect(machine.model.stats().prompts).toEqual({ 'What of running?': 2, 'What of unpublished?': 1 });
    expect(await last.stop()).toBe(0);
    expect(await machine.files('results')).toHaveLength(3);
    expect(await machine.files('jobs')).toEqual(['follower.json', 'running.json', 'unpublished.json']);
    expect(await machine.files('.promptd/tmp')).toEqual([]);
    expect(decided(machine)).toMatchObject({
      results: [/^1 /, /^2 /, /^3 /].map((row) => expect.stringMatching(row)),
    });
  }, 180_000);

  it('F07: makes its first database in the third start, where the first two were killed in the middle of it', async () => {
    const machine = await setup();
    await killedAt(machine.spawn(['serve'], { PROMPTD_CRASH_AT: 'store.in_migration:1' }));
    await killedAt(machine.spawn(['serve'], { PROMPTD_CRASH_AT: 'store.in_migration:1' }));
    await killedAt(machine.spawn(['serve'], { PROMPTD_CRASH_AT: 'store.after_migration:1' }));
    const serving = await machine.serve();
    await ask(serving.client, 'first');
    await answered(serving.client, 'first');
    expect(await serving.stop()).toBe(0);
  }, 120_000);
});

describe('an outcome', () => {
  async function spooled(machine: Machine): Promise<number> {
    const spool = machine.path('.promptd', 'spool-far');
    return (await recoverSpool(systemFiles, spool, () => undefined)).entries.size;
  }

  async function far(machine: Machine, env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
    const text = await readFile(machine.path('.promptd', 'server.json'), 'utf8');
    const { instances } = JSON.parse(text) as { readonly instances: { readonly port: number } };
    return machine.spawn(
      ['instance', '--connect', `127.0.0.1:${instances.port}`, '--name', 'far', '--slots', '4'],
      env,
    );
  }

  it('F20: that was spooled and not sent is brought by the next process of the instance, killed twice on its way', async () => {
    const machine = await setup({ env: { PROMPTD_SLOTS: '0' } });
    const serving = await machine.serve({ instance: false });
    await until('serve to announce itself', async () =>
      (await machine.files('.promptd')).includes('server.json'),
    );
    const first = await far(machine, { PROMPTD_CRASH_AT: 'instance.after_spool:1' });
    await ask(serving.client, 'kept');
    await killedAt(first);
    expect(await spooled(machine)).toBe(1);
    for (const at of ['instance.after_open:1', 'instance.after_welcome:1']) {
      await killedAt(await far(machine, { PROMPTD_CRASH_AT: at }));
      expect(await spooled(machine)).toBe(1);
    }
    expect(machine.model.count('What of kept?')).toBe(1);
    const last = await far(machine);
    await answered(serving.client, 'kept');
    await until('the spool to be empty', async () => (await spooled(machine)) === 0);
    last.kill('SIGTERM');
    await once(last, 'exit');
    expect(await serving.stop()).toBe(0);
    expect(decided(machine)).toMatchObject({ results: [expect.stringMatching(/^1 \d+ 1$/)] });
    expect(await machine.files('results')).toHaveLength(1);
  }, 120_000);

  it('F22 F38: that was committed and not acknowledged is sent again, answered as known, and forgotten', async () => {
    const machine = await setup();
    const first = await machine.serve({ env: { PROMPTD_CRASH_AT: 'turn.before_acknowledge:1' } });
    await ask(first.client, 'kept').catch(() => undefined);
    await killedAt(first.process);
    expect(decided(machine)).toMatchObject({ attempts: ['1 1 succeeded'], results: [expect.any(String)] });
    const spool = machine.path('.promptd', 'spool');
    const entries = async () => (await recoverSpool(systemFiles, spool, () => undefined)).entries.size;
    expect(await entries()).toBe(1);
    const before = decided(machine);
    const second = await machine.serve();
    await until('the outcome to be forgotten', async () => (await entries()) === 0);
    expect(await second.stop()).toBe(0);
    expect(decided(machine)).toEqual(before);
    expect(machine.model.stats().total).toBe(1);
    expect(await machine.files('results')).toHaveLength(1);
  }, 120_000);
});
