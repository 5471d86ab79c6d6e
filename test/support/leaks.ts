// Fails a test file that leaves something running: a timer, a socket, a server, a watcher, a worker or a child.
//
// Vitest has a detector of its own (`detectAsyncLeaks`), which is not used here for three reasons: it passes over
// sockets and TLS sockets, it takes a promise that never settles for a leak, and what it finds fails no run.
import { createHook } from 'node:async_hooks';
import { afterAll } from 'vitest';

/** Closing takes a moment (a socket says goodbye, a killed child is reaped); whatever is left after it leaked. */
const GRACE_MS = 1_000;
const POLL_MS = 5;

const WATCHED: ReadonlySet<string> = new Set([
  'FSEVENTWRAP',
  'PIPESERVERWRAP',
  'PIPEWRAP',
  'PROCESSWRAP',
  'STATWATCHER',
  'TCPSERVERWRAP',
  'TCPWRAP',
  'Timeout',
  'UDPWRAP',
  'WORKER',
]);

interface Handle {
  readonly hasRef?: () => boolean | null;
  readonly getsockname?: (address: { address?: string; port?: number }) => number;
  readonly pid?: number;
  readonly _idleTimeout?: number;
}

interface Opened {
  readonly type: string;
  readonly handle: WeakRef<Handle>;
  readonly trace: Error;
}

// Taken before any test can replace them by fake ones.
const { setTimeout } = globalThis;
const opened = new Map<number, Opened>();
let isOwnTimer = false;

createHook({
  init(asyncId, type, _triggerId, resource) {
    if (!WATCHED.has(type) || isOwnTimer) return;
    opened.set(asyncId, { type, handle: new WeakRef(resource), trace: new Error(type) });
  },
  destroy(asyncId) {
    opened.delete(asyncId);
  },
  // Promises are not watched, and following them would make every await ten times as slow.
  trackPromises: false,
}).enable();

async function sleep(delay_ms: number): Promise<void> {
  await new Promise((resolve) => {
    isOwnTimer = true;
    setTimeout(resolve, delay_ms);
    isOwnTimer = false;
  });
}

/** Which of several handles of a type it is: the address of a socket, the pid of a child, the delay of a timer. */
function details(handle: Handle): string {
  if (handle.pid !== undefined) return ` (pid ${handle.pid})`;
  if (handle._idleTimeout !== undefined) return ` (${handle._idleTimeout} ms)`;
  const local: { address?: string; port?: number } = {};
  handle.getsockname?.(local);
  return local.address === undefined ? '' : ` (${local.address}:${local.port})`;
}

/** The lines of a stack that are code of ours or of a library: those of Node itself say nothing. */
function frames(trace: Error): string[] {
  const lines = (trace.stack ?? '').split('\n').slice(1);
  return lines.filter((line) => !/node:|<anonymous>|\/test\/support\/leaks\.ts/.test(line));
}

function isOfTheRunner(frame: string | undefined): boolean {
  return frame !== undefined && /node_modules\/(vitest|@vitest|vite)\//.test(frame);
}

/** What would keep the process alive. An unreferenced handle does not, so an idle keep-alive socket is no leak. */
function leaks(): string[] {
  const found: string[] = [];
  for (const { type, handle, trace } of opened.values()) {
    const left = handle.deref();
    const stack = frames(trace);
    if (left?.hasRef?.() !== true || isOfTheRunner(stack[0])) continue;
    const where = stack.slice(0, 2).filter((frame) => !isOfTheRunner(frame));
    found.push(
      [`${type}${details(left)}, opened${where.length > 0 ? '' : ' inside Node'}`, ...where].join('\n  '),
    );
  }
  return found;
}

afterAll(async () => {
  for (let waited_ms = 0; waited_ms < GRACE_MS && leaks().length > 0; waited_ms += POLL_MS)
    await sleep(POLL_MS);
  const left = leaks();
  opened.clear();
  if (left.length > 0) {
    throw new Error(`This file leaves ${left.length} open after its last test:\n  ${left.join('\n  ')}`);
  }
});
