/**
 * Keeps one local instance running as a child of `serve`. Where an earlier child still lives (its server was killed), that
 * one comes back by itself and no second is started; a child that ends is started again, ever more slowly if it keeps ending.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../core/errors.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { SPOOL_HELD } from './instance-process.ts';
import { processGone } from './process-gone.ts';
import { tryLock } from '../stores/sqlite/file-lock.ts';

const RESTART_MIN_MS = 500;
const RESTART_MAX_MS = 30_000;
const HELD_AGAIN_MS = 2_000;
const GONE_LOOK_MS = 20;
/** A child that lived this long did not die of its start. */
const HEALTHY_MS = 10_000;

export interface LocalInstance {
  /**
   * Asks it to end gracefully, kills it at the deadline. Resolves when it is gone. `adopted`: the pid of the child of an
   * earlier server, where that is connected in the place of one of ours; asked for only where we have none.
   */
  stop(deadline_ms: number, adopted: () => Promise<number | null>): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

export function keepLocalInstance(
  layout: WorkspaceLayout,
  slots: number,
  note: (fields: object, message: string) => void,
): LocalInstance {
  if (slots === 0) return { stop: () => Promise.resolve(), kill: () => undefined };
  let child: ChildProcess | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopping = false;
  let wait_ms = RESTART_MIN_MS;
  const again = (ms: number): void => {
    timer = setTimeout(begin, ms);
  };
  function begin(): void {
    timer = null;
    if (stopping) return;
    if (!isFree(layout, note)) return again(HELD_AGAIN_MS);
    const started = Date.now();
    child = spawnInstance(layout.root, slots);
    child.once('error', (error) => note({ error: error.message }, 'the local instance could not be started'));
    child.once('exit', (code, signal) => {
      child = null;
      if (stopping) return;
      if (code !== SPOOL_HELD) note({ code, signal }, 'the local instance ended; it is started again');
      wait_ms = Date.now() - started > HEALTHY_MS ? RESTART_MIN_MS : Math.min(wait_ms * 2, RESTART_MAX_MS);
      again(code === SPOOL_HELD ? HELD_AGAIN_MS : wait_ms);
    });
  }
  begin();
  return {
    async stop(deadline_ms, adopted) {
      stopping = true;
      if (timer !== null) clearTimeout(timer);
      if (child !== null) return endChild(child, deadline_ms);
      const pid = await adopted();
      return pid === null ? undefined : endProcess(pid, deadline_ms);
    },
    kill() {
      stopping = true;
      child?.kill('SIGKILL');
    },
  };
}

async function endChild(child: ChildProcess, deadline_ms: number): Promise<void> {
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), deadline_ms);
  await exited;
  clearTimeout(late);
}

async function endProcess(pid: number, deadline_ms: number): Promise<void> {
  const began = Date.now();
  signalTo(pid, 'SIGTERM');
  while (!processGone(pid)) {
    if (Date.now() - began > deadline_ms) signalTo(pid, 'SIGKILL');
    await sleep(GONE_LOOK_MS);
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in this moment.
  }
}

/** A disk that does not let the lock be looked at is looked at again: this runs in a timer, where nobody would catch. */
function isFree(layout: WorkspaceLayout, note: (fields: object, message: string) => void): boolean {
  try {
    const lock = tryLock(join(layout.spool, 'lock.db'));
    lock?.release();
    return lock !== null;
  } catch (error) {
    note({ error: messageOf(error) }, 'the spool cannot be locked; it is tried again');
    return false;
  }
}

function spawnInstance(root: string, slots: number): ChildProcess {
  const main = fileURLToPath(new URL(`./local-instance-child${extname(import.meta.url)}`, import.meta.url));
  // A group of its own: Ctrl-C at the terminal is for serve, which then asks its child to end.
  return spawn(process.execPath, [...process.execArgv, main, root, String(slots)], {
    cwd: root,
    stdio: 'ignore',
    detached: true,
  });
}
