// The guard with real processes: what becomes of children, of what they start, and of both when somebody is killed.
import { existsSync, readlinkSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Child, ChildEnd, Children, ChildSpec } from '../../src/core/ports/children.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { track } from '../support/children.ts';
import { livingOf } from '../support/processes.ts';
import { until } from '../support/until.ts';
import {
  endMarked,
  environmentOf,
  fixture,
  guardEnvironment,
  livingGroup,
  parentOf,
  PATH,
} from './child-processes.ts';
import { realChildren } from './real-children.ts';

interface Watched {
  readonly child: Child;
  readonly pid: () => number;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

function start(
  children: Children,
  argv: readonly [string, ...string[]],
  more: Partial<ChildSpec> = {},
): Watched {
  let pid = 0;
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  const child = children.spawn(
    { argv, env: { PATH }, cwd: null, output_bytes_max: 1_000_000, ...more },
    {
      started: (it) => {
        pid = it;
      },
      stdout: (piece) => stdout.push(piece),
      stderr: (piece) => stderr.push(piece),
    },
  );
  const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString('utf8');
  return { child, pid: () => pid, stdout: () => text(stdout), stderr: () => text(stderr) };
}

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 30_000 });

const newChildren = realChildren();

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const ready = async ({ stderr }: Watched) => until('the child to be ready', () => stderr().includes('ready'));

describe('a child', () => {
  it('R3: gets argv as it is, and no shell reads it', async () => {
    const argv = ['$HOME', '`id`', 'a b', '*', ';', '', "'", '\n'];
    const run = start(newChildren(), [
      process.execPath,
      '-e',
      'console.log(JSON.stringify(process.argv.slice(1)))',
      ...argv,
    ]);
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(JSON.parse(run.stdout())).toEqual(argv);
  });

  it('talks while it runs, both ways', async () => {
    const run = start(newChildren(), ['cat']);
    run.child.write(Buffer.from('one '));
    await until('an echo', () => run.stdout() === 'one ');
    run.child.write(Buffer.from('two'));
    await until('another', () => run.stdout() === 'one two');
    run.child.closeStdin();
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
  });

  it('F25: is not ended in the middle of its answer by signals that Node would take for an exit with 0', async () => {
    const run = start(newChildren(), [
      'sh',
      '-c',
      'printf half; kill -34 $$; kill -64 $$; printf " and half"',
    ]);
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(run.stdout()).toBe('half and half');
  });

  it('says all that it has to say, however slowly it is heard', async () => {
    const run = start(newChildren(), ['head', '-c', '30000000', '/dev/zero'], {
      output_bytes_max: 30_000_000,
    });
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(run.stdout()).toHaveLength(30_000_000);
  });

  it('may leave what it is given unread', async () => {
    const run = start(newChildren(), [fixture('closes-stdin.sh')]);
    run.child.write(Buffer.alloc(3_000_000));
    run.child.closeStdin();
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    run.child.write(Buffer.from('to nobody'));
    expect(run.stdout()).toBe('done\n');
  });

  it('runs in a fresh folder, which is gone after it', async () => {
    const children = newChildren();
    const [one, two] = [start(children, [fixture('folder.sh')]), start(children, [fixture('folder.sh')])];
    await Promise.all([one.child.ended, two.child.ended]);
    // Nothing but its name is said: the folder was empty.
    expect(one.stdout()).toMatch(/^\/[^\n]+\n$/);
    expect(one.stdout()).not.toBe(two.stdout());
    expect(existsSync(one.stdout().trim())).toBe(false);
  });

  it('runs where it is told to', async () => {
    const cwd = path.dirname(fixture('echo.sh'));
    const run = start(newChildren(), ['pwd'], { cwd });
    await run.child.ended;
    expect(run.stdout()).toBe(`${cwd}\n`);
  });

  it('leads a process group of its own', async () => {
    const children = newChildren();
    const [one, two] = [start(children, [fixture('sleeps.sh')]), start(children, [fixture('sleeps.sh')])];
    await Promise.all([ready(one), ready(two)]);
    expect(livingGroup(one.pid()).map(({ pid }) => pid)).toEqual([one.pid()]);
    one.child.kill(0);
    expect(await one.child.ended).toEqual({ kind: 'killed', signal: 'SIGKILL' });
    expect(livingGroup(two.pid())).toHaveLength(1);
  });
});

describe('what cannot be started', () => {
  it.each<[string, readonly [string, ...string[]], string]>([
    ['a name that is not on the PATH', ['no-such-program'], 'ENOENT'],
    ['a path that leads nowhere', ['/nowhere/program'], 'ENOENT'],
    ['a relative path', ['./echo.sh'], 'ENOENT'],
    ['no name', [''], 'ENOENT'],
    ['a file that nobody may execute', [fixture('not-executable.sh')], 'EACCES'],
    ['a folder', [path.dirname(fixture('echo.sh'))], 'EACCES'],
    ['a text without a first line', [fixture('no-first-line.sh')], 'ENOEXEC'],
    ['a first line with an interpreter that is not there', [fixture('no-interpreter.sh')], 'ENOENT'],
    ['more arguments than the system takes', ['true', 'x'.repeat(3_000_000)], 'E2BIG'],
    ['a zero byte in an argument', ['true', 'a\0b'], 'ERR_INVALID_ARG_VALUE'],
  ])('says so: %s', async (_what, argv, code) => {
    const run = start(newChildren(), argv);
    expect(await run.child.ended).toMatchObject({ kind: 'not_started', code });
    expect(run.pid()).toBe(0);
  });

  it('says so: a folder that is missing', async () => {
    const run = start(newChildren(), ['true'], { cwd: '/nowhere' });
    expect(await run.child.ended).toMatchObject({ kind: 'not_started', code: 'ENOTDIR' });
  });

  it('says so: no folder can be made for them, as on a full disk', async () => {
    vi.stubEnv('TMPDIR', '/nowhere');
    const run = start(newChildren(), ['true']);
    expect(await run.child.ended).toMatchObject({ kind: 'not_started', code: 'ENOENT' });
    vi.unstubAllEnvs();
  });

  it('says so: children that are closed', async () => {
    const children = newChildren();
    await children.close();
    expect(await start(children, ['true']).child.ended).toMatchObject({
      kind: 'not_started',
      code: 'ECANCELED',
    });
  });
});

describe('G16: a child that floods', () => {
  it('is killed at its limit, and no more than that is handed on', async () => {
    const run = start(newChildren(), [fixture('flood.sh')], { output_bytes_max: 300_000 });
    expect(await run.child.ended).toEqual({ kind: 'output_too_large' });
    expect(run.stdout().length).toBeLessThanOrEqual(300_000);
    expect(livingGroup(run.pid())).toEqual([]);
  });

  it('may print as much as its limit', async () => {
    const run = start(newChildren(), ['printf', '12345'], { output_bytes_max: 5 });
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(run.stdout()).toBe('12345');
  });
});

describe('G12: a child that is killed', () => {
  it('is asked first', async () => {
    const run = start(newChildren(), [fixture('polite.sh')]);
    await ready(run);
    run.child.kill(60_000);
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(run.stderr()).toMatch(/goodbye\n$/);
  });

  it('is not asked twice, with all that it has started', async () => {
    const run = start(newChildren(), [fixture('stubborn.sh')]);
    await ready(run);
    await until('its own child', () => livingGroup(run.pid()).length === 2);
    run.child.kill(50);
    run.child.kill(60_000);
    expect(await run.child.ended).toEqual({ kind: 'killed', signal: 'SIGKILL' });
    await until('the group to be gone', () => livingGroup(run.pid()).length === 0);
  });

  it('does not live on where it was killed before it was there', async () => {
    const run = start(newChildren(), ['sleep', '1000']);
    run.child.kill(0);
    expect(await run.child.ended).toMatchObject({ kind: 'killed' });
  });
});

describe('what a child has started', () => {
  it('ends with it, and is not waited for', async () => {
    const run = start(newChildren(), [fixture('grandchildren.sh')]);
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(run.stdout()).toBe('done\n');
    await until('the group to be gone', () => livingGroup(run.pid()).length === 0);
  });

  it('ends with it by its group alone, where it has cleared its environment', async () => {
    const run = start(newChildren(), ['/bin/sh', '-c', 'env -i sleep 600 & echo ready >&2; wait']);
    await ready(run);
    await until('both to run', () => livingGroup(run.pid()).length === 2);
    run.child.kill(0);
    await run.child.ended;
    await until('the group to be gone', () => livingGroup(run.pid()).length === 0);
  });

  it('F30: ends with it, too, where it left the group', async () => {
    const run = start(newChildren(), [fixture('runaway.py')]);
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(livingOf([Number(run.stdout())])).toEqual([]);
  });

  it('F30: ends with no child but its own', async () => {
    const children = newChildren();
    const other = start(children, [fixture('stays.py')]);
    await ready(other);
    const run = start(children, [fixture('runaway.py')]);
    await run.child.ended;
    expect(livingOf([Number(other.stdout())])).toHaveLength(1);
    other.child.closeStdin();
    expect(await other.child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(livingOf([Number(other.stdout())])).toEqual([]);
  });

  it('F30: ends with no child whose mark begins as its own does', async () => {
    const children = newChildren();
    // The marks of a guard's children end in their numbers: this is 1, and the one that stays is 10.
    const first = start(children, ['cat']);
    for (let i = 2; i < 10; i += 1) await start(children, ['true']).child.ended;
    const tenth = start(children, [fixture('stays.py')]);
    await ready(tenth);
    first.child.closeStdin();
    await first.child.ended;
    expect(livingOf([tenth.pid(), Number(tenth.stdout())])).toHaveLength(2);
  });

  it('is not waited for where it ran away with the pipes and without its mark', async () => {
    const run = start(newChildren(), [fixture('runaway.py'), 'bare']);
    expect(await run.child.ended).toEqual({ kind: 'exited', code: 0 });
    const runaway = Number(run.stdout());
    expect(livingOf([runaway])).toHaveLength(1);
    process.kill(runaway, 'SIGKILL');
  });

  it('ends with it where that has a guard of its own, which takes its folder along', async () => {
    const TMPDIR = await mkdtemp(path.join(tmpdir(), 'promptd-nested-'));
    onTestFinished(async () => rm(TMPDIR, { recursive: true }));
    const parent = fileURLToPath(new URL('./guarded-parent.ts', import.meta.url));
    const run = start(newChildren(), [process.execPath, parent, 'nested'], { env: { PATH, TMPDIR } });
    await until('the children of the child', () => run.stdout().endsWith('\n'));
    const pids = JSON.parse(run.stdout()) as number[];
    const guard = parentOf(pids[0]!);
    expect(await readdir(TMPDIR)).toHaveLength(1);
    run.child.kill(0);
    expect(await run.child.ended).toEqual({ kind: 'killed', signal: 'SIGKILL' });
    expect(livingOf([guard, ...pids])).toEqual([]);
    expect(await readdir(TMPDIR)).toEqual([]);
  });
});

describe('the guard', () => {
  it('R3: has an environment of its own, and lends nothing of it', async () => {
    const run = start(newChildren(), ['env'], { env: { PATH, ONE: '1' } });
    await run.child.ended;
    const names = run
      .stdout()
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(new Set(names)).toEqual(new Set(['ONE', 'PATH', 'PROMPTD_CHILD']));
  });

  it('does not heed signals that are meant for its instance', async () => {
    const children = newChildren();
    const run = start(children, [fixture('sleeps.sh')]);
    await ready(run);
    const guard = parentOf(run.pid());
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(guard, signal);
    expect(await start(children, ['true']).child.ended).toEqual({ kind: 'exited', code: 0 });
    expect(parentOf(run.pid())).toBe(guard);
  });

  it('is replaced where it was killed; its children are dead, and said to be', async () => {
    const children = newChildren();
    const runs = [start(children, [fixture('sleeps.sh')]), start(children, [fixture('stubborn.sh')])];
    await Promise.all(runs.map(ready));
    const cwd = readlinkSync(`/proc/${runs[0]!.pid()}/cwd`);
    process.kill(parentOf(runs[0]!.pid()), 'SIGKILL');
    const ends: ChildEnd[] = await Promise.all(runs.map(({ child }) => child.ended));
    expect(ends).toEqual([{ kind: 'guard_lost' }, { kind: 'guard_lost' }]);
    await until('the groups to be gone', () => runs.every((run) => livingGroup(run.pid()).length === 0));
    await until('the folder to be gone', () => !existsSync(cwd));
    expect(await start(children, ['true']).child.ended).toEqual({ kind: 'exited', code: 0 });
  });

  it('R17: is replaced where a child has stopped it: nobody waits for a guard that does not hear', async () => {
    const children = newChildren();
    const run = start(children, [fixture('sleeps.sh')]);
    await ready(run);
    const guard = parentOf(run.pid());
    process.kill(guard, 'SIGSTOP');
    run.child.kill(10);
    expect(await run.child.ended).toEqual({ kind: 'guard_lost' });
    expect(livingOf([guard, run.pid()])).toEqual([]);
    expect(await start(children, ['true']).child.ended).toEqual({ kind: 'exited', code: 0 });
  });

  it('R17: is not given up while what it has said waits to be heard, however long that takes', async () => {
    const children = newChildren();
    const script = 'read go; head -c 300000 /dev/zero; exec sleep 600';
    const all = Array.from({ length: 80 }, () => start(children, ['sh', '-c', script]));
    await until('all of them to run', () => all.every(({ pid }) => pid() > 0));
    const victim = all.at(-1)!;
    // The loop stands still after the kill, and again when the guard has been asked whether it hears.
    for (const { child } of all) child.write(Buffer.from('go\n'));
    victim.child.kill(10);
    setTimeout(() => setImmediate(() => standStill(3_300)), 1_200);
    standStill(1_300);
    expect(await victim.child.ended).toMatchObject({ kind: 'killed' });
    for (const { child } of all) child.kill(0);
    const ends = await Promise.all(all.map(({ child }) => child.ended));
    expect(ends.filter(({ kind }) => kind === 'guard_lost')).toEqual([]);
  });

  it('kills every group at once when its instance was killed, and ends', async () => {
    const mark = `orphans-${systemRandom.id(8)}`;
    onTestFinished(async () => void (await endMarked(mark)));
    const parent = track(
      spawn(process.execPath, [fileURLToPath(new URL('./guarded-parent.ts', import.meta.url)), mark], {
        env: guardEnvironment(),
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    let said = '';
    parent.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    await until('the children of the parent', () => said.endsWith('\n'));
    const pids = JSON.parse(said) as number[];
    const guard = parentOf(pids[0]!);
    const cwd = readlinkSync(`/proc/${pids[0]!}/cwd`);
    expect(pids.map((pid) => livingGroup(pid).length > 0)).toEqual([true, true, true, true]);
    parent.kill('SIGKILL');
    await until('every group to be gone', () => pids.every((pid) => livingGroup(pid).length === 0));
    await until('the guard to be gone', () => environmentOf(guard) === '');
    expect(await endMarked(mark)).toEqual([]);
    expect(existsSync(cwd)).toBe(false);
  });

  it('ends with its children when they are closed', async () => {
    const children = newChildren();
    const runs = [start(children, [fixture('sleeps.sh')]), start(children, [fixture('stubborn.sh')])];
    await Promise.all(runs.map(ready));
    const guard = parentOf(runs[0]!.pid());
    await children.close();
    expect(await runs[1]!.child.ended).toEqual({ kind: 'killed', signal: 'SIGKILL' });
    expect(environmentOf(guard)).toBe('');
    await children.close();
  });
});
