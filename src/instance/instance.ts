/**
 * An instance: a process that runs attempts for a scheduler, near or far (R23). This file joins its parts and answers what
 * the scheduler says; each part has a file of its own: connector (one session, for ever), heart (heartbeats and leases),
 * attempts (what runs), spool and outbox (outcomes until they are acknowledged), followers (logs).
 *
 * ```
 *   start ─▶ open ── drain(), message drain ──▶ draining ── nothing runs, or the deadline ──▶ ending ──▶ ended
 *              └────── stop(), refused for good, the spool failed, orphaned ─────────────────▶ ending ──▶ ended
 * ```
 */
import type { AttemptOrder, AttemptRef, AttemptReport } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock, Random, Timer, Timers } from '../core/ports/clock.ts';
import type { Files } from '../core/ports/files.ts';
import type { AttemptRunner } from '../core/ports/runner.ts';
import type { Transport } from '../core/ports/transport.ts';
import { FRAME_LIMITS, LIST_MAX, type FromScheduler } from '../wire/messages.ts';
import { attemptKey } from './attempt-key.ts';
import { Attempts } from './attempts.ts';
import { Connector, type Hello, type InstanceSession, type Welcome } from './connector.ts';
import type { InstanceEnd, InstanceEvent } from './events.ts';
import { Followers } from './followers.ts';
import { Heart } from './heart.ts';
import { interruptedReport, outcomeFrame } from './outcome-frame.ts';
import { Outbox } from './outbox.ts';
import type { RunningAttempt } from './running-attempt.ts';
import { Spool, type SpoolEntry } from './spool.ts';

export type Need = '' | 'workspace' | 'exec';

export interface InstanceLimits {
  readonly spool_bytes_max: number;
  readonly log_bytes_max: number;
  /** Of one attempt's log in memory; more goes to a file. */
  readonly log_memory_bytes_max: number;
  /** Outcomes under way without an acknowledgement. */
  readonly window_bytes: number;
  readonly resend_ms: number;
  readonly connect_timeout_ms: number;
  readonly frame_timeout_ms: number;
  readonly cancel_grace_ms: number;
  /** How long a drained instance waits for the last acknowledgements; what is missing is sent by the next process. */
  readonly acknowledge_wait_ms: number;
}

const INSTANCE_LIMITS: InstanceLimits = {
  spool_bytes_max: LIMITS.spool_bytes_max,
  log_bytes_max: LIMITS.log_bytes_max,
  log_memory_bytes_max: 256 * 1024,
  window_bytes: 4 * 1024 * 1024,
  resend_ms: 15_000,
  connect_timeout_ms: LIMITS.hello_timeout_ms,
  frame_timeout_ms: LIMITS.frame_timeout_ms,
  cancel_grace_ms: LIMITS.cancel_grace_ms,
  acknowledge_wait_ms: 2_000,
};

/** Beyond the grace of a cancel, for the report to be written. */
const ABORT_MARGIN_MS = 1_000;

export interface InstanceOptions {
  readonly name: string;
  readonly slots: number;
  /** Names of the endpoints it can serve. */
  readonly endpoints: readonly string[];
  readonly needs: readonly Need[];
  /** Both are asked anew at each try to connect. */
  readonly token: () => Promise<string>;
  readonly locate: () => Promise<{ readonly host: string; readonly port: number }>;
  readonly transport: Transport;
  readonly runner: AttemptRunner;
  /** This process alone uses it: the lock is taken by the caller. */
  readonly spool_dir: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly pid: number;
  readonly version: string;
  /** Alone and idle for this long it ends; null: never. */
  readonly orphan_ttl_ms: number | null;
  readonly on: (event: InstanceEvent) => void;
  readonly limits?: Partial<InstanceLimits>;
}

export interface InstanceStats {
  /** Null while it is not connected. */
  readonly id: number | null;
  readonly peer: string | null;
  readonly running: number;
  readonly spooled: number;
  readonly spool_bytes: number;
  readonly slots: number;
  readonly accepting: boolean;
}

export interface Instance {
  /** Opens the spool and begins to connect. Rejects where the spool cannot be opened. */
  start(): Promise<void>;
  /** Takes nothing new, lets what runs end until the deadline, interrupts the rest, brings the outcomes, and ends. */
  drain(deadline_ms: number): Promise<void>;
  /** Interrupts everything, spools the outcomes, and ends without waiting for their acknowledgement. */
  stop(): Promise<void>;
  /** Why it has ended: an {@link InstanceEnd}. Never rejects. */
  readonly ended: Promise<InstanceEnd>;
  stats(): InstanceStats;
}

export function createInstance(options: InstanceOptions): Instance {
  return new RemoteInstance(options);
}

class RemoteInstance implements Instance {
  readonly #options: InstanceOptions;
  readonly #limits: InstanceLimits;
  readonly #process_id: string;
  readonly #attempts: Attempts;
  readonly #followers: Followers;
  readonly #heart: Heart;
  readonly #outbox: Outbox;
  readonly #connector: Connector;
  readonly #ended = Promise.withResolvers<InstanceEnd>();
  /** Cuts short the waits of a drain. */
  readonly #hurry = Promise.withResolvers<void>();
  #spool: Spool | null = null;
  #welcome: Welcome | null = null;
  #draining = false;
  #spool_full = false;
  #ending: Promise<void> | null = null;
  #orphan: Timer | null = null;
  #onAcknowledged: () => void = () => undefined;

  constructor(options: InstanceOptions) {
    const { clock, timers, files } = options;
    this.#options = options;
    this.#limits = { ...INSTANCE_LIMITS, ...options.limits };
    this.#process_id = options.random.id(16);
    this.#followers = new Followers(timers);
    this.#attempts = new Attempts({
      ...this.#limits,
      runner: options.runner,
      clock,
      files,
      log_directory: `${options.spool_dir}/logs`,
      onLogged: (key) => this.#followers.more(key),
      onEnded: (attempt, report) => this.#attemptEnded(attempt, report),
      logRead: (key) => this.#followers.finish(key),
      onEvent: options.on,
    });
    this.#heart = new Heart({
      clock,
      timers,
      lease_ttl_ms: LIMITS.lease_ttl_ms,
      held: () => this.#held().map(({ ref }) => ref),
      running: () => this.#attempts.running.values(),
      draining: () => !this.#accepting,
      onLapsed: (attempt) => this.#attempts.disown(attempt, 'lease_lost'),
    });
    this.#outbox = new Outbox({ clock, ...this.#limits });
    this.#connector = this.#makeConnector();
  }

  get ended(): Promise<InstanceEnd> {
    return this.#ended.promise;
  }

  async start(): Promise<void> {
    const { files, timers, spool_dir, on } = this.#options;
    this.#spool = await Spool.open({
      directory: spool_dir,
      files,
      timers,
      onDurable: (entries) => this.#outbox.durable(entries),
      onFailed: (error) => this.#end('SpoolFailed', error.message),
      onEvent: (event) => {
        on(event);
        if (event.type === 'spool_blocked') this.#lookAtSpool();
      },
    });
    await this.#attempts.prepare();
    on({ type: 'spool_opened', outcomes: this.#spool.entries.size, bytes: this.#spool.bytes });
    this.#spool_full = this.#spool.bytes >= this.#limits.spool_bytes_max;
    this.#watchOrphan();
    if (this.#ending === null) this.#connector.start();
  }

  drain(deadline_ms: number): Promise<void> {
    return (this.#ending ??= this.#windDown(deadline_ms, 'Drained', 'drained'));
  }

  stop(): Promise<void> {
    this.#hurry.resolve();
    return (this.#ending ??= this.#windDown(0, 'Stopped', 'stopped'));
  }

  stats(): InstanceStats {
    const session = this.#connector.session;
    return {
      id: session === null ? null : (this.#welcome?.id ?? null),
      peer: session?.peer ?? null,
      running: this.#attempts.running.size,
      spooled: this.#spool?.entries.size ?? 0,
      spool_bytes: this.#spool?.bytes ?? 0,
      slots: this.#options.slots,
      accepting: this.#accepting,
    };
  }

  get #accepting(): boolean {
    return !this.#draining && !this.#spool_full;
  }

  #makeConnector(): Connector {
    return new Connector({
      ...this.#options,
      hello: () => this.#hello(),
      limits: {
        frame_bytes_before_max: FRAME_LIMITS.before,
        frame_bytes_max: FRAME_LIMITS.after,
        frame_timeout_ms: this.#limits.frame_timeout_ms,
      },
      connect_timeout_ms: this.#limits.connect_timeout_ms,
      onWelcome: (session, welcome) => this.#welcomed(session, welcome),
      onMessage: (message) => this.#hear(message),
      onDisconnected: (reason, retry_ms) => this.#disconnected(reason, retry_ms),
      onGivenUp: (code, message) => {
        this.#disconnected(`${code}: ${message}`, null);
        this.#end(code, message);
      },
    });
  }

  #hello(): Hello {
    const { version, name, pid, slots, endpoints, needs } = this.#options;
    return {
      version,
      name,
      process_id: this.#process_id,
      pid,
      slots,
      endpoints: [...endpoints],
      needs: [...needs],
      held: this.#held().length,
    };
  }

  /** What runs and is wanted, and what lies in the spool or is on its way there. */
  #held(): readonly { readonly ref: AttemptRef; readonly store_id: string; readonly spooled: boolean }[] {
    const held = [];
    for (const attempt of this.#attempts.running.values()) {
      if (attempt.wanted) held.push({ ref: attempt.ref, store_id: attempt.store_id, spooled: false });
    }
    for (const entry of this.#spool?.entries.values() ?? []) {
      held.push({ ref: entry.ref, store_id: entry.store_id, spooled: true });
    }
    return held;
  }

  #welcomed(session: InstanceSession, welcome: Welcome): void {
    this.#welcome = welcome;
    this.#orphan?.cancel();
    this.#orphan = null;
    this.#options.on({ type: 'connected', id: welcome.id, peer: session.peer, store_id: welcome.store_id });
    const held = this.#held().map(({ ref, store_id, spooled }) => ({ ...ref, store_id, spooled }));
    for (let from = 0; from === 0 || from < held.length; from += LIST_MAX) {
      const last = from + LIST_MAX >= held.length;
      session.send({ t: 'holding', held: held.slice(from, from + LIST_MAX), last });
    }
    this.#heart.begin(session, welcome);
    if (this.#spool !== null) this.#outbox.attach(this.#spool, session);
  }

  #disconnected(reason: string, retry_ms: number | null): void {
    this.#heart.end();
    this.#outbox.detach();
    this.#followers.clear();
    this.#options.on({ type: 'disconnected', reason, retry_ms });
    this.#watchOrphan();
  }

  #hear(message: FromScheduler): void {
    switch (message.t) {
      case 'dispatch':
        return this.#dispatched(message.orders);
      case 'abort':
        for (const attempt of this.#runningOf(message.attempts))
          this.#attempts.abort(attempt, message.reason);
        return;
      case 'acknowledge':
        return this.#acknowledged(message.attempts);
      case 'renewed':
        this.#heart.answered(message.seq);
        for (const attempt of this.#runningOf(message.gone)) this.#attempts.disown(attempt, 'superseded');
        return this.#outbox.resendOverdue();
      case 'state_request': {
        const [attempt] = this.#runningOf([message.attempt]);
        const live = attempt === undefined ? null : { ...attempt.live, pid: this.#options.pid };
        this.#connector.session?.send({ t: 'state', request: message.request, live });
        return;
      }
      case 'follow':
        return this.#follow(message.follow, message.attempt, message.offset);
      case 'unfollow':
        return this.#followers.remove(message.follow);
      case 'drain':
        return this.#beginDraining();
      case 'welcome':
      case 'refuse':
        return;
    }
  }

  #runningOf(refs: readonly AttemptRef[]): RunningAttempt[] {
    return refs.flatMap((ref) => this.#attempts.running.get(attemptKey(ref)) ?? []);
  }

  #dispatched(orders: readonly AttemptOrder[]): void {
    const store_id = this.#welcome?.store_id ?? '';
    const accepted: AttemptRef[] = [];
    const refused: AttemptRef[] = [];
    const elsewhere: AttemptOrder[] = [];
    let taken = this.#attempts.taken;
    for (const order of orders) {
      const ref = { name: order.name, run: order.run, attempt: order.attempt, digest: order.digest };
      const key = attemptKey(ref);
      const running = this.#attempts.running.get(key);
      if (running === undefined && this.#spool?.entries.has(key) !== true) {
        if (this.#accepting && taken >= this.#options.slots) {
          refused.push(ref);
          continue;
        }
        if (!this.#accepting) elsewhere.push(order);
        else this.#attempts.start(order, store_id);
        taken += 1;
      }
      running?.own();
      accepted.push(ref);
    }
    if (accepted.length > 0) this.#connector.session?.send({ t: 'accept', attempts: accepted });
    for (const order of elsewhere) this.#spoolReport(interruptedReport(order, store_id));
    if (accepted.length > 0) this.#heart.watch();
    if (refused.length > 0) {
      this.#options.on({ type: 'dispatch_refused', attempts: refused, slots: this.#options.slots });
    }
  }

  #attemptEnded(attempt: RunningAttempt, report: AttemptReport | null): void {
    if (report !== null) this.#spoolReport(report);
    if (this.#attempts.running.size === 0) this.#watchOrphan();
  }

  #spoolReport(report: AttemptReport): void {
    const outcome = outcomeFrame(report);
    this.#spool?.add(outcome.report, outcome.frame);
    this.#lookAtSpool();
  }

  #acknowledged(refs: readonly AttemptRef[]): void {
    for (const ref of refs) {
      const entry = this.#spool?.entries.get(attemptKey(ref));
      if (entry === undefined) continue;
      this.#forget(entry);
      this.#options.on({ type: 'outcome_acknowledged', attempt: entry.ref });
    }
    this.#lookAtSpool();
    if (this.#spool?.entries.size === 0) this.#onAcknowledged();
  }

  #forget(entry: SpoolEntry): void {
    this.#spool?.acknowledge(entry);
    this.#outbox.acknowledged(entry);
  }

  #follow(id: number, ref: AttemptRef, offset: number): void {
    const session = this.#connector.session;
    if (session === null) return;
    const [attempt] = this.#runningOf([ref]);
    if (attempt === undefined) {
      session.send({ t: 'log', follow: id, attempt: ref.attempt, offset, text: '', end: true });
      return;
    }
    const followed = {
      key: attempt.key,
      attempt: ref.attempt,
      get log() {
        return attempt.log_so_far;
      },
    };
    this.#followers.add(id, followed, offset, session);
  }

  #beginDraining(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#options.on({ type: 'draining', reason: 'asked' });
    this.#heart.beat();
  }

  /** A full spool takes no new attempts: the scheduler hears it at once, and again when there is room. */
  #lookAtSpool(): void {
    const spool = this.#spool;
    const full = spool !== null && (spool.blocked || spool.bytes >= this.#limits.spool_bytes_max);
    if (full === this.#spool_full) return;
    this.#spool_full = full;
    this.#options.on(full ? { type: 'draining', reason: 'spool_full' } : { type: 'accepting' });
    this.#heart.beat();
  }

  #watchOrphan(): void {
    const ttl_ms = this.#options.orphan_ttl_ms;
    if (ttl_ms === null || this.#orphan !== null || !this.#isAlone) return;
    this.#orphan = this.#options.timers.after(ttl_ms, () => {
      this.#orphan = null;
      // Outcomes in the spool are no reason to stay: the next process brings them.
      if (this.#isAlone) this.#end('Orphaned', `idle and without a scheduler for ${ttl_ms} ms`);
    });
  }

  get #isAlone(): boolean {
    return this.#connector.session === null && this.#attempts.running.size === 0;
  }

  #end(reason: InstanceEnd, message: string): void {
    this.#hurry.resolve();
    this.#ending ??= this.#windDown(0, reason, message);
  }

  async #windDown(deadline_ms: number, reason: InstanceEnd, message: string): Promise<void> {
    this.#beginDraining();
    const { cancel_grace_ms, acknowledge_wait_ms } = this.#limits;
    await this.#within(deadline_ms, Promise.race([this.#attempts.idle(), this.#hurry.promise]));
    this.#attempts.abortAll('interrupted');
    await this.#within(cancel_grace_ms + ABORT_MARGIN_MS, this.#attempts.idle());
    await this.#within(cancel_grace_ms, this.#spool?.settled() ?? Promise.resolve());
    if (reason === 'Drained' && this.#connector.session !== null) {
      await this.#within(acknowledge_wait_ms, Promise.race([this.#allAcknowledged(), this.#hurry.promise]));
    }
    await this.#close();
    this.#options.on({ type: 'ended', reason, message });
    this.#ended.resolve(reason);
  }

  async #close(): Promise<void> {
    this.#orphan?.cancel();
    this.#heart.stop();
    this.#followers.clear();
    await this.#connector.stop({ t: 'leaving' });
    this.#outbox.detach();
    await this.#attempts.closed();
    await this.#spool?.close().catch(() => undefined);
  }

  #allAcknowledged(): Promise<void> {
    if (this.#spool === null || this.#spool.entries.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAcknowledged = resolve;
    return promise;
  }

  /** Waits for something, but no longer than this. */
  async #within(ms: number, something: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.timers.after(ms, resolve);
    await Promise.race([something, promise]);
    timer.cancel();
  }
}
