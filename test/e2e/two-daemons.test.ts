/** G26: one server for one workspace. Whoever comes second says who holds it, ends with a code of its own, and changes nothing. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { tryLock } from '../../src/stores/sqlite/file-lock.ts';
import { SERVE_LOCK } from '../../src/app/server-info.ts';
import { endServerOf, setup, type Finished, type Machine } from './machine.ts';
import { until } from '../support/until.ts';

const ROUNDS = 10;
/** At once; one of them serves, so that each round is five races that are lost. */
const RACERS = 6;

interface Served {
  readonly pid: number;
}

async function serverFile(machine: Machine): Promise<Served | null> {
  const text = await readFile(machine.path('.promptd', 'server.json'), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Served);
}

/** Path, kind, size, time of change and content of everything in the workspace. A socket has no content. */
async function everything(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const lines = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs, size, mode } = await stat(path);
    const hash = entry.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : '';
    return `${path} ${mode} ${entry.isDirectory() ? '' : `${size} ${mtimeMs}`} ${hash}`;
  });
  return (await Promise.all(lines)).toSorted();
}

it('F87: of a second server leaves every file of the workspace as it is', async () => {
  const machine = await setup();
  const serving = await machine.serve();
  await serving.client.submit({
    name: 'first',
    prompt: 'Who serves?',
    configuration: { LLM_name: 'ollama:test-model' },
  });
  await until('the log to be copied after the answer', async () => {
    const { state } = await serving.client.job('first', { wait: 5 });
    return state === 'completed' && (await stat(machine.path('.promptd', 'queue.db-wal'))).size === 0;
  });
  const before = await everything(machine.root);
  const second = await machine.promptd('serve');
  expect(second.code).toBe(EXIT.conflict);
  expect(second.stderr).toContain(
    `Another promptd serves this workspace (pid ${serving.process.pid}, http://127.0.0.1:`,
  );
  expect(second.stderr).toContain('Nothing was changed.');
  expect(second.stdout).toBe('');
  expect(await everything(machine.root)).toEqual(before);
  expect((await serving.client.job('first')).state).toBe('completed');
  expect(await serving.stop()).toBe(0);
});

it(`F87: ${ROUNDS * (RACERS - 1)} start races have one winner each, and losers that say so`, async () => {
  const machine = await setup();
  for (let round = 0; round < ROUNDS; round += 1) {
    const ended: Finished[] = [];
    const racers = Array.from({ length: RACERS }, async () => {
      ended.push(await machine.promptd('serve', '--slots', '0'));
    });
    await until('all but one to give up', () => ended.length >= RACERS - 1, 60_000);
    for (const { code, stderr } of ended) {
      expect(stderr).toContain('Another promptd serves this workspace');
      expect(code).toBe(EXIT.conflict);
    }
    await until('the winner to serve', async () => (await serverFile(machine)) !== null, 60_000);
    const client = machine.client();
    const name = `round-${round}`;
    const { state } = await client.submit({
      name,
      prompt: name,
      configuration: { LLM_name: 'ollama:test-model' },
    });
    expect(state).toBe('queued');
    process.kill((await serverFile(machine))?.pid ?? 0, 'SIGTERM');
    await Promise.all(racers);
    expect(ended.at(-1)?.code).toBe(0);
  }
  const serving = await machine.serve();
  for (let round = 0; round < ROUNDS; round += 1)
    await until(`round ${round} to be answered`, async () => {
      const { state } = await serving.client.job(`round-${round}`, { wait: 5 });
      return state === 'completed';
    });
  expect(machine.model.stats().total).toBe(ROUNDS);
  expect(await serving.stop()).toBe(0);
}, 180_000);

it('R20 F87: a run whose server is refused, since somebody holds the workspace for a moment and serves nobody, starts another', async () => {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  await mkdir(machine.path('.promptd'));
  const held = tryLock(machine.path('.promptd', SERVE_LOCK));
  const run = machine.promptd('run', '-m', 'simulator:any', '-p', 'Who serves?');
  const said = async (): Promise<string> =>
    readFile(machine.path('.promptd', 'detached.err'), 'utf8').catch(() => '');
  await until('its server to be refused', async () => (await said()).includes('WorkspaceHeld'));
  held?.release();
  expect(await run).toMatchObject({ code: EXIT.ok });
});

it('R20: a server whose server.json somebody has deleted goes on, and is asked by whoever finds it answering', async () => {
  const machine = await setup();
  const serving = await machine.serve();
  await rm(machine.path('.promptd', 'server.json'));
  const run = await machine.promptd('run', '-m', 'simulator:any', '-p', 'Who serves?');
  expect([run.code, run.stderr.includes('Started a server')]).toEqual([EXIT.ok, false]);
  expect(await serving.stop()).toBe(0);
});
