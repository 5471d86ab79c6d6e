/**
 * The guard: a process of its own between an instance and the programs of users, `node child-guard.ts FOLDER
 * MARK`. It is alive as long as its instance: when the channel to that closes, however it came, every group is killed, and all
 * that has left its group, and the folder is removed.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuardNews, GuardOrder } from './guard-messages.ts';
import { GuardedChild } from './guarded-child.ts';
import { CHILD_MARK, endAllMarked } from './marked-processes.ts';
import { Strays } from './strays.ts';

/** Killed processes are gone in no time, unless a disk or a debugger holds them. */
const LAST_WAIT_MS = 2_000;

const [, , folder = '', mark = ''] = process.argv;
const strays = new Strays();
const children = new Map<number, GuardedChild>();
let whenEmpty: () => void = () => undefined;

/** Resolves when it is on its way. Nobody hears a guard whose instance is gone. */
function tell(news: GuardNews): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve();
    process.send(news, undefined, undefined, () => resolve());
  });
}

function begin(id: number, spec: Extract<GuardOrder, { type: 'spawn' }>['spec']): void {
  const child = new GuardedChild({
    spec,
    folder,
    started: (pid) => void tell({ type: 'started', id, pid }),
    exited: async (pid, lived_ms) => strays.end({ mark: spec.env[CHILD_MARK] ?? '', pid, lived_ms }),
    output: (type, bytes) => tell({ type, id, bytes }),
    ended: (end) => {
      children.delete(id);
      void tell({ type: 'ended', id, end });
      if (children.size === 0) whenEmpty();
    },
  });
  children.set(id, child);
  void child.start();
}

async function end(): Promise<void> {
  const empty = new Promise<void>((resolve) => {
    whenEmpty = resolve;
  });
  for (const child of children.values()) child.kill(0);
  if (children.size > 0) await Promise.race([empty, sleep(LAST_WAIT_MS)]);
  await endAllMarked(mark);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
  process.exit(0);
}

process.on('message', (order: GuardOrder) => {
  if (order.type === 'ping') return void tell({ type: 'pong' });
  const { id } = order;
  if (order.type === 'spawn') begin(id, order.spec);
  else if (order.type === 'write') children.get(id)?.write(order.bytes);
  else if (order.type === 'close_stdin') children.get(id)?.closeStdin();
  else children.get(id)?.kill(order.grace_ms);
});
process.once('disconnect', () => void end());
// Signals that reach a whole service are for its instance, which then ends its children as it sees fit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// The instance was gone before we listened.
if (!process.connected) void end();
