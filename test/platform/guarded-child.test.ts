/** One child as its guard has it: what it printed is read, however busy the guard was when it ended. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { ChildEnd } from '../../src/core/ports/children.ts';
import { GuardedChild } from '../../src/platform/guarded-child.ts';

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 30_000 });

interface Run {
  readonly ended: Promise<{ readonly printed: string; readonly end: ChildEnd }>;
  readonly pid: Promise<number>;
  readonly kill: () => void;
}

interface Hooks {
  readonly output?: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void> | void;
  readonly exited?: () => void;
  readonly output_bytes_max?: number;
}

async function folderOfTest(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promptd-test-'));
  onTestFinished(async () => rm(folder, { recursive: true }));
  return folder;
}

function run(folder: string, script: string, { output, exited, output_bytes_max = 1_000 }: Hooks = {}): Run {
  const ended = Promise.withResolvers<{ printed: string; end: ChildEnd }>();
  const pid = Promise.withResolvers<number>();
  let printed = '';
  const child = new GuardedChild({
    spec: {
      argv: ['sh', '-c', script],
      env: { PATH: process.env['PATH'] ?? '' },
      cwd: folder,
      output_bytes_max,
    },
    folder,
    started: pid.resolve,
    exited: async () => exited?.(),
    output: async (stream, bytes) => {
      if (stream === 'stdout') printed += Buffer.from(bytes).toString();
      await output?.(stream, bytes);
    },
    ended: (end) => ended.resolve({ printed, end }),
  });
  void child.start();
  return { ended: ended.promise, pid: pid.promise, kill: () => child.kill(0) };
}

/** Nothing else of this process runs meanwhile. */
function holdUp(isOver: () => boolean): void {
  const began = performance.now();
  while (!isOver()) if (performance.now() - began > 10_000) throw new Error('it was never over');
}

function busyFor(ms: number): void {
  const until = performance.now() + ms;
  holdUp(() => performance.now() > until);
}

function isDead(pid: number): boolean {
  return !existsSync(`/proc/${pid}/stat`) || / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

const EXITED: ChildEnd = { kind: 'exited', code: 0 };

/**
 * Two programs whose end is seen in one look, in which only what the first has printed was there to be read: the second runs
 * `script` meanwhile, and ends. Gives that one.
 */
async function endedUnread(folder: string, script: string, hooks: Hooks): Promise<Run> {
  let second = 0;
  const first = run(folder, 'while [ ! -e began ]; do :; done; echo one', {
    output: () => {
      writeFileSync(path.join(folder, 'go'), '');
      holdUp(() => isDead(second));
    },
  });
  const pid = await first.pid;
  const other = run(folder, `while [ ! -e go ]; do :; done; ${script}`, hooks);
  second = await other.pid;
  writeFileSync(path.join(folder, 'began'), '');
  holdUp(() => isDead(pid));
  expect(await first.ended).toEqual({ printed: 'one\n', end: EXITED });
  return other;
}

it('R17 F31: what it printed is read before it is over, also where nothing could be read for long after its end', async () => {
  const { ended } = await endedUnread(await folderOfTest(), 'echo two', {
    exited: () => queueMicrotask(() => busyFor(500)),
  });
  expect(await ended).toEqual({ printed: 'two\n', end: EXITED });
});

const MIB = 1024 * 1024;

/** Runs on when its program has ended: out of its group, and nobody sweeps here. It ends with the test's folder. */
function runaway(script: string): string {
  return `setsid sh -c 'echo $$ > runaway; ${script}' & while [ ! -s runaway ]; do :; done;`;
}

function endRunaway(folder: string): void {
  try {
    process.kill(-Number(readFileSync(path.join(folder, 'runaway'), 'latin1')), 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

it('F31: what it printed is read to its end, however long it takes to hand on what came before', async () => {
  // More than is read at once: the rest waits in the pipe while the beginning is handed on, for longer than any silence.
  const { ended } = await endedUnread(await folderOfTest(), 'head -c 100000 /dev/zero', {
    output: async () => sleep(600),
    output_bytes_max: 100_000,
  });
  const { printed, end } = await ended;
  expect([printed.length, end]).toEqual([100_000, EXITED]);
});

it('F30: what comes after its exit is read to its end, however much that is', async () => {
  const folder = await folderOfTest();
  const child = run(folder, runaway(`while [ ! -e go ]; do :; done; head -c ${5 * MIB} /dev/zero`), {
    exited: () => writeFileSync(path.join(folder, 'go'), ''),
    output_bytes_max: 5 * MIB,
  });
  const { printed, end } = await child.ended;
  expect([printed.length, end]).toEqual([5 * MIB, EXITED]);
});

it('F30: what it printed is read to its end, though somebody whom it left behind floods its stderr meanwhile', async () => {
  const folder = await folderOfTest();
  onTestFinished(() => endRunaway(folder));
  const flooded = Promise.withResolvers<void>();
  let noise = 0;
  const child = run(
    folder,
    `${runaway('while [ ! -e go ]; do :; done; exec cat /dev/zero >&2')} head -c 100000 /dev/zero`,
    {
      exited: () => writeFileSync(path.join(folder, 'go'), ''),
      output: async (stream, bytes) => {
        noise += stream === 'stderr' ? bytes.length : 0;
        if (noise > 1.9 * MIB) flooded.resolve();
        // So long that much more than is heard of it has come.
        if (stream === 'stdout') await flooded.promise.then(async () => sleep(300));
      },
      output_bytes_max: 100_000,
    },
  );
  const { printed, end } = await child.ended;
  expect([printed.length, end]).toEqual([100_000, EXITED]);
});

it('R17 F30: is over soon after its exit, though somebody whom it left behind never falls silent', async () => {
  const folder = await folderOfTest();
  onTestFinished(() => endRunaway(folder));
  const child = run(folder, runaway('while :; do echo x; sleep 0.02; done'), { output_bytes_max: MIB });
  const { end } = await child.ended;
  expect(end).toEqual(EXITED);
});

it('G12: is not said to have exited where it was killed while its output was still being read', async () => {
  const folder = await folderOfTest();
  onTestFinished(() => endRunaway(folder));
  const exited = Promise.withResolvers<void>();
  const child = run(folder, runaway('while :; do echo x; sleep 0.02; done'), {
    exited: exited.resolve,
    output_bytes_max: MIB,
  });
  await exited.promise;
  child.kill();
  expect((await child.ended).end).toEqual({ kind: 'killed', signal: 'SIGKILL' });
});
