/**
 * Keeps one local instance running as a child of `serve`. Where an earlier child still lives (its server was killed), that
 * one comes back by itself and no second is started; a child that ends is started again, ever more slowly if it keeps ending.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { environment } from './environment.ts';
import { SPOOL_HELD } from './instance-process.ts';
import { tryLock } from '../stores/sqlite/file-lock.ts';

const RESTART_MIN_MS = 500;
const RESTART_MAX_MS = 30_000;
const HELD_AGAIN_MS = 2_000;
/** A child that lived this long did not die of its start. */
const HEALTHY_MS = 10_000;

export interface LocalInstance {
  /** Asks the child to end gracefully, kills it at the deadline. Resolves when it is gone. */
  stop(deadline_ms: number): Promise<void>;
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
    async stop(deadline_ms) {
      stopping = true;
      if (timer !== null) clearTimeout(timer);
      if (child === null) return;
      const running = child;
      const exited = new Promise<void>((resolve) => running.once('exit', () => resolve()));
      running.kill('SIGTERM');
      const late = setTimeout(() => running.kill('SIGKILL'), deadline_ms);
      await exited;
      clearTimeout(late);
    },
    kill() {
      stopping = true;
      child?.kill('SIGKILL');
    },
  };
}

/** A disk that does not let the lock be looked at is looked at again: this runs in a timer, where nobody would catch. */
function isFree(layout: WorkspaceLayout, note: (fields: object, message: string) => void): boolean {
  try {
    const lock = tryLock(join(layout.spool, 'lock.db'));
    lock?.release();
    return lock !== null;
  } catch (error) {
    note(
      { error: error instanceof Error ? error.message : String(error) },
      'the spool cannot be locked; it is tried again',
    );
    return false;
  }
}

function spawnInstance(root: string, slots: number): ChildProcess {
  const main = fileURLToPath(new URL(`./local-instance-child${extname(import.meta.url)}`, import.meta.url));
  // The code that is compiled for serve serves its child as well, which is there three times as soon.
  const cache = getCompileCacheDir();
  // A group of its own: Ctrl-C at the terminal is for serve, which then asks its child to end.
  return spawn(process.execPath, [...process.execArgv, main, root, String(slots)], {
    cwd: root,
    stdio: 'ignore',
    detached: true,
    env: { ...environment(), ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }) },
  });
}
