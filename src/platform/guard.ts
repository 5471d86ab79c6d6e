/** The guard as its instance has it: orders to it, news from it, and what becomes of the children when it goes away. */
import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Timer } from '../core/ports/clock.ts';
import type { Child, ChildEnd, ChildEvents, ChildSpec } from '../core/ports/children.ts';
import type { GuardNews, GuardOrder } from './guard-messages.ts';
import { startGuard } from './guard-process.ts';
import { CHILD_MARK, endAllMarked } from './marked-processes.ts';
import { killGroup } from './process-group.ts';
import { systemTimers } from './timers.ts';

/** A guard that has not ended by then is ended. */
const CLOSE_MS = 5_000;
/** A killed child is gone by then; where it is not, it is asked whether the guard still hears, which has so long to answer. */
const KILLED_MS = 1_000;
const PONG_MS = 3_000;
/** From a fork to the environment of what was forked. */
const SPAWN_MS = 100;

interface Running {
  readonly events: ChildEvents;
  readonly end: (end: ChildEnd) => void;
  readonly ended: Promise<ChildEnd>;
  /** Null until the guard has said it. */
  pid: number | null;
  /** Since it was to be killed. */
  late: Timer | null;
}

export class Guard {
  readonly #folder: string;
  readonly #mark: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #running = new Map<number, Running>();
  #last_id = 0;
  #is_gone = false;
  /** The channel is closed from here: the guard ends itself. */
  #is_closing = false;
  #burial: Promise<void> | null = null;
  /** Since it was asked whether it hears. */
  #silence: Timer | null = null;
  #has_spoken = false;

  /** `mark`: what its children's marks begin with, and no other's. */
  constructor(folder: string, mark: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.#mark = mark;
    this.#process = startGuard(folder, mark, env);
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', () => resolve());
      this.#process.once('error', () => resolve());
    });
    this.#process.on('message', (news: GuardNews) => this.#heard(news));
    // What it said before is heard before this.
    this.#process.once('disconnect', () => this.#lost());
    this.#process.on('error', () => this.#lost());
  }

  get is_gone(): boolean {
    return this.#is_gone;
  }

  spawn(spec: ChildSpec, events: ChildEvents): Child {
    const id = ++this.#last_id;
    const env = { ...spec.env, [CHILD_MARK]: `${this.#mark}.${id}` };
    const { promise: ended, resolve } = Promise.withResolvers<ChildEnd>();
    this.#running.set(id, { events, end: resolve, ended, pid: null, late: null });
    this.#order({ type: 'spawn', id, spec: { ...spec, env } });
    return {
      ended,
      write: (bytes) => this.#order({ type: 'write', id, bytes }),
      closeStdin: () => this.#order({ type: 'close_stdin', id }),
      kill: (grace_ms) => this.#kill(id, grace_ms),
    };
  }

  /** Kills what is left. Resolves when the guard is gone, and all that it had. Idempotent. */
  async close(): Promise<void> {
    for (const id of this.#running.keys()) this.#order({ type: 'kill', id, grace_ms: 0 });
    const late = systemTimers.after(CLOSE_MS, () => this.#process.kill('SIGKILL'));
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    this.#is_closing = true;
    this.#silence?.cancel();
    if (this.#process.connected) this.#process.disconnect();
    await this.#exited;
    late.cancel();
    await this.#burial;
    // It could not do so itself.
    if (this.#process.signalCode !== null && this.#burial === null) await this.#bury([]);
  }

  #kill(id: number, grace_ms: number): void {
    this.#order({ type: 'kill', id, grace_ms });
    const child = this.#running.get(id);
    if (child === undefined || (child.late !== null && grace_ms > 0)) return;
    child.late?.cancel();
    child.late = systemTimers.after(Math.max(grace_ms, 0) + KILLED_MS, () => this.#probe());
  }

  /** A guard that a program has stopped (SIGSTOP) kills nobody, and is given up. One that hears has a child that nobody can kill. */
  #probe(): void {
    if (this.#silence !== null || !this.#process.connected) return;
    this.#listen();
    this.#process.send({ type: 'ping' } satisfies GuardOrder, undefined, undefined, () => undefined);
  }

  /** What it said before the answer may wait to be heard, much of it where this loop was held up. Who says something is not stopped. */
  #listen(): void {
    this.#has_spoken = false;
    this.#silence = systemTimers.after(PONG_MS, () => (this.#has_spoken ? this.#listen() : this.#lost()));
  }

  #order(order: Exclude<GuardOrder, { type: 'ping' }>): void {
    // An order for a child that has ended, or to a guard that is gone, has nothing to do.
    if (!this.#running.has(order.id) || !this.#process.connected) return;
    this.#process.send(order, undefined, undefined, () => undefined);
  }

  #heard(news: GuardNews): void {
    this.#has_spoken = true;
    if (news.type === 'pong') {
      this.#silence?.cancel();
      this.#silence = null;
      return;
    }
    const child = this.#running.get(news.id);
    if (child === undefined) return;
    if (news.type === 'started') {
      child.pid = news.pid;
      child.events.started?.(news.pid);
    } else if (news.type === 'ended') {
      this.#running.delete(news.id);
      child.late?.cancel();
      child.end(news.end);
    } else child.events[news.type](news.bytes);
  }

  /** Nobody guards the groups any more: they are killed here, and what was just being spawned is looked for. */
  #lost(): void {
    if (this.#is_gone || this.#is_closing) return;
    this.#is_gone = true;
    this.#process.kill('SIGKILL');
    const lost = [...this.#running.values()];
    this.#running.clear();
    this.#silence?.cancel();
    for (const { late } of lost) late?.cancel();
    for (const { pid } of lost) if (pid !== null) killGroup(pid, 'SIGKILL');
    this.#burial = this.#exited.then(async () => this.#bury(lost));
  }

  /** With a guard that is dead nothing more is spawned, but what it had just spawned may not bear its mark for a moment. */
  async #bury(lost: readonly Running[]): Promise<void> {
    await endAllMarked(this.#mark);
    if (lost.some(({ pid }) => pid === null)) {
      await new Promise<void>((resolve) => void systemTimers.after(SPAWN_MS, resolve));
      await endAllMarked(this.#mark);
    }
    for (const { end } of lost) end({ kind: 'guard_lost' });
    // The guard does this itself where it can.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
  }
}
