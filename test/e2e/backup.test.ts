/** docs/backup.md, typed as it stands there, beside a server at work; and what is put back is looked at. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobIn } from '../../src/client/job-in.ts';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc, section } from '../docs/tables.ts';
import { until } from '../support/until.ts';
import { BIN, endServerOf, type Finished, Machine, type Serving, setup } from './machine.ts';

const PAGE = readDoc('docs/backup.md');
/** Results that are there before anything is copied. */
const BEFORE = 20;
const CONFIGURATION = { LLM_name: 'ollama:test-model' };

/** The commands under a heading. */
function commandsOf(heading: string): string {
  const block = blocksOf(section(PAGE, heading)).find(({ info }) => info === 'sh');
  if (block === undefined) throw new Error(`docs/backup.md shows nothing to type under ${heading}`);
  return block.text;
}

/** Types what stands under a heading. */
async function type(machine: Machine, heading: string): Promise<Finished> {
  const bin = machine.path('bin');
  await mkdir(bin, { recursive: true });
  await writeFile(path.join(bin, 'promptd'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, {
    mode: 0o755,
  });
  const env = {
    ...process.env,
    NO_COLOR: '1',
    PATH: [bin, path.dirname(process.execPath), process.env['PATH']].join(path.delimiter),
    ...places(machine),
  };
  return new Promise((resolve) => {
    execFile('bash', ['-ec', commandsOf(heading)], { cwd: machine.root, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

function places(machine: Machine) {
  return {
    WORKSPACE: machine.path('busy'),
    BACKUP: machine.path('backup'),
    RESTORED: machine.path('restored'),
  };
}

/** Another workspace in the machine's own folder. */
function at(machine: Machine, root: string): Machine {
  return new Machine(root, machine.model, {}, machine.onFinished);
}

/** What each file in a folder says. */
async function contents(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).toSorted();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(path.join(folder, name), 'utf8')] as const),
    ),
  );
}

async function statesIn(machine: Machine, workspace: string): Promise<Map<string, string>> {
  const { stdout } = await machine.promptd('ls', '--all', '--json', '--workspace', workspace);
  const lines = stdout.trim().split('\n');
  return new Map(
    lines.map((line) => {
      const { name, state } = JSON.parse(line) as { name: string; state: string };
      return [name, state];
    }),
  );
}

interface Busy {
  readonly machine: Machine;
  readonly serving: Serving;
  /** Stops handing in jobs; resolves when every one has ended and all files are there. */
  rest(): Promise<void>;
}

/** A workspace in a folder of its own, and a server that gets a job after the other, some of which fail. */
async function busy(): Promise<Busy> {
  const outer = await setup();
  const { WORKSPACE } = places(outer);
  for (const folder of ['data', 'prompts', 'commands'])
    await mkdir(path.join(WORKSPACE, folder), { recursive: true });
  const config = await readFile(outer.path('promptd.config.json'), 'utf8');
  await writeFile(path.join(WORKSPACE, 'promptd.config.json'), config);
  const machine = at(outer, WORKSPACE);
  const serving = await machine.serve();
  let isDone = false;
  const handIn = async (): Promise<void> => {
    for (let n = 0; !isDone; n += 1) {
      const jobs = ['5_job', 'a.b', 'x_1_2', 'fails'].map((name): JobIn => {
        const prompt =
          name === 'fails' ? `fails ${n}\n@server {"status": 400, "error": "no"}` : `${name} ${n}`;
        return { name: `${name}-${n}`, prompt, configuration: CONFIGURATION };
      });
      await serving.client.submitMany(jobs);
      // One lot after the other: what is waited for at the end stays small on a machine that has other work.
      await serving.client.job(`x_1_2-${n}`, { wait: 5 });
    }
  };
  const handing = handIn();
  await until('it to be at work', async () => (await machine.files('results')).length >= BEFORE);
  const rest = async (): Promise<void> => {
    isDone = true;
    await handing;
    await until('everything to end', async () => {
      const { states, unpublished } = await serving.client.stats();
      const waiting =
        (states.queued ?? 0) + (states.running ?? 0) + (states.retrying ?? 0) + (states.blocked ?? 0);
      return waiting === 0 && unpublished === 0;
    });
  };
  outer.onFinished(() => {
    isDone = true;
  });
  return { machine: outer, serving, rest };
}

// A dozen processes one after the other, beside a server that is kept busy.
describe('a copy of a server at work', { timeout: 180_000 }, () => {
  it('F90 R8: of its files is put back elsewhere by rebuild: what had ended has, and nothing is asked again', async () => {
    const { machine, serving, rest } = await busy();
    const { WORKSPACE, BACKUP, RESTORED } = places(machine);
    expect(await type(machine, '## Copy while it runs')).toMatchObject({ code: 0 });
    // Once more, as every night.
    expect(await type(machine, '## Copy while it runs')).toMatchObject({ code: 0 });
    await rest();
    expect(await serving.stop()).toBe(0);
    const asked = machine.model.requests.length;

    const restored = await type(machine, '## Restore from the files');
    expect(restored).toMatchObject({ code: 0, stdout: '' });
    machine.onFinished(() => endServerOf(RESTORED));
    const [results, ended] = [
      await contents(path.join(BACKUP, 'results')),
      await contents(path.join(BACKUP, 'ended')),
    ];
    expect(results.size).toBeGreaterThanOrEqual(BEFORE);
    const [original, original_ended] = [
      await contents(path.join(WORKSPACE, 'results')),
      await contents(path.join(WORKSPACE, 'ended')),
    ];
    for (const [file, text] of [...results, ...ended])
      expect((original.get(file) ?? original_ended.get(file)) === text, file).toBe(true);
    const states = await statesIn(machine, RESTORED);
    expect(states.size).toBe(results.size + ended.size);
    expect([...states.values()].filter((state) => state === 'completed')).toHaveLength(results.size);
    expect(await contents(path.join(RESTORED, 'results'))).toEqual(results);
    // Every result has its job's file beside it, so it may be asked once more at any time.
    const jobs = new Set(await readdir(path.join(RESTORED, 'jobs')));
    expect([...states.keys()].filter((name) => !jobs.has(`${name}.json`))).toEqual([]);
    expect(machine.model.requests.length).toBe(asked);
  });

  it('F90 R26: with its database, copied last, is put back as it was: every answer is known, with its attempts', async () => {
    const { machine, serving, rest } = await busy();
    const { RESTORED, BACKUP } = places(machine);
    expect(await type(machine, '## Copy while it runs')).toMatchObject({ code: 0 });
    expect(await type(machine, '## Copy the database as well')).toMatchObject({ code: 0 });
    await rest();
    expect(await serving.stop()).toBe(0);

    const restored = await type(machine, '## Restore with the database');
    // What ended between the two copies is known, and its file is not in the copy: that is told, and nothing else.
    const told = restored.stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '');
    expect(told.filter((line) => !/^(results|ended|jobs)\/\S+: missing: /.test(line))).toEqual([]);
    expect(restored.code).toBe(told.length === 0 ? 0 : 13);
    const copied = (await readdir(path.join(BACKUP, 'results'))).length;
    const again = at(machine, RESTORED);
    const { client, stop } = await again.serve();
    const { states } = await client.stats();
    expect(states.completed).toBeGreaterThanOrEqual(copied);
    expect((await client.job('a.b-0', { with: ['attempts'] })).with?.attempts).toHaveLength(1);
    expect(
      await client.submit({ name: 'a.b-0', prompt: 'a.b 0', configuration: CONFIGURATION }),
    ).toMatchObject({
      state: 'completed',
      created: false,
    });
    expect(await stop()).toBe(0);
  });

  it('F90 R8: that is older than the results beside it is told by verify, changes none of them, and rebuild counts them all', async () => {
    const { machine, serving, rest } = await busy();
    const { WORKSPACE, BACKUP } = places(machine);
    await mkdir(BACKUP);
    expect(await type(machine, '## Copy the database as well')).toMatchObject({ code: 0 });
    const { client } = serving;
    await client.submit({ name: 'newer', prompt: 'after the copy', configuration: CONFIGURATION });
    await rest();
    const known = (await client.counts(['state'])).reduce((sum, { runs }) => sum + runs, 0);
    expect(await serving.stop()).toBe(0);
    const before = await contents(path.join(WORKSPACE, 'results'));

    const database = path.join(WORKSPACE, '.promptd', 'queue.db');
    await rm(database);
    await writeFile(database, await readFile(path.join(BACKUP, 'queue.db')));
    const told = await machine.promptd('verify', '--workspace', WORKSPACE);
    expect(told.code).toBe(13);
    expect(told.stdout).toMatch(/^results\/\d+_newer\.json: unknown: /m);
    const old = at(machine, WORKSPACE);
    const again = await old.serve();
    await again.client.submit({ name: 'newer', prompt: 'after the copy', configuration: CONFIGURATION });
    expect(await again.client.job('newer', { wait: 30 })).toMatchObject({ state: 'completed' });
    expect(await again.stop()).toBe(0);
    const after = await contents(path.join(WORKSPACE, 'results'));
    for (const [file, text] of before) expect(after.get(file) === text, file).toBe(true);

    const asked = machine.model.requests.length;
    await rm(path.join(WORKSPACE, '.promptd'), { recursive: true });
    machine.onFinished(() => endServerOf(WORKSPACE));
    expect((await machine.promptd('rebuild', '--workspace', WORKSPACE)).stderr).toContain('with an answer');
    const states = await statesIn(machine, WORKSPACE);
    expect(states.size).toBeGreaterThanOrEqual(known);
    expect(states.get('newer')).toBe('completed');
    expect(machine.model.requests.length).toBe(asked);
  });
});
