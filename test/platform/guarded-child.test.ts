/** One child as its guard has it: what it printed is read, however busy the guard was when it ended. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { ChildEnd } from '../../src/core/ports/children.ts';
import { GuardedChild } from '../../src/platform/guarded-child.ts';

interface Run {
  readonly ended: Promise<{ readonly printed: string; readonly end: ChildEnd }>;
  readonly pid: Promise<number>;
}

interface Hooks {
  readonly output?: () => void;
  readonly exited?: () => void;
}

async function folderOfTest(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promptd-test-'));
  onTestFinished(async () => rm(folder, { recursive: true }));
  return folder;
}

function run(folder: string, script: string, { output, exited }: Hooks = {}): Run {
  const ended = Promise.withResolvers<{ printed: string; end: ChildEnd }>();
  const pid = Promise.withResolvers<number>();
  let printed = '';
  const child = new GuardedChild({
    spec: {
      argv: ['sh', '-c', script],
      env: { PATH: process.env['PATH'] ?? '' },
      cwd: folder,
      output_bytes_max: 1_000,
    },
    folder,
    started: pid.resolve,
    exited: async () => exited?.(),
    output: async (stream, bytes) => {
      if (stream === 'stdout') printed += Buffer.from(bytes).toString();
      output?.();
    },
    ended: (end) => ended.resolve({ printed, end }),
  });
  void child.start();
  return { ended: ended.promise, pid: pid.promise };
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

it('R17 F31: what it printed is read before it is over, also where nothing could be read for long after its end', async () => {
  const folder = await folderOfTest();
  const go = path.join(folder, 'go');
  const began = path.join(folder, 'began');
  let second = 0;
  // The end of both is seen in one look, in which only what the first has printed was there to be read.
  const first = run(folder, 'while [ ! -e began ]; do :; done; echo one', {
    output: () => {
      writeFileSync(go, '');
      holdUp(() => isDead(second));
    },
  });
  const pid = await first.pid;
  const other = run(folder, 'while [ ! -e go ]; do :; done; echo two', {
    exited: () => queueMicrotask(() => busyFor(500)),
  });
  second = await other.pid;
  writeFileSync(began, '');
  holdUp(() => isDead(pid));
  expect(await first.ended).toEqual({ printed: 'one\n', end: { kind: 'exited', code: 0 } });
  expect(await other.ended).toEqual({ printed: 'two\n', end: { kind: 'exited', code: 0 } });
});
