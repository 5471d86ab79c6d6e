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
import type { Acknowledgement, AttemptOrder, AttemptRef, AttemptReport } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import type { Timer } from '../core/ports/clock.ts';
import type { CrashPointName } from '../core/ports/crashpoint.ts';
import type { AbortReason } from '../core/ports/runner.ts';
import { FRAME_LIMITS, LIST_MAX, type FromScheduler } from '../wire/messages.ts';
import { attemptKey, refOf } from './attempt-key.ts';
import { Attempts } from './attempts.ts';
import { Connector, type Hello, type InstanceSession, type Welcome } from './connector.ts';
import type { InstanceEnd } from './events.ts';
import { Followers } from './followers.ts';
import { Heart, type Renewed } from './heart.ts';
import {
  INSTANCE_LIMITS,
  type Instance,
  type InstanceLimits,
  type InstanceOptions,
  type InstanceStats,
} from './instance-options.ts';
import { interruptedReport, outcomeFrame } from './outcome-frame.ts';
import { Outbox } from './outbox.ts';
import type { RunningAttempt } from './running-attempt.ts';
import { Spool } from './spool.ts';
import { windDown } from './wind-down.ts';

export type { Instance, InstanceOptions } from './instance-options.ts';

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
    this.#process_id = options.process_id ?? options.random.id(16);
    this.#followers = new Followers(timers);
    this.#attempts = new Attempts({
      ...this.#limits,
      runner: options.runner,
      clock,
      files,
      log_directory: `${options.spool_dir}/logs`,
      onLogged: (key) => this.#followers.more(key),
      onProcess: () => this.#heart.beatSoon(),
      onEnded: (attempt, report) => this.#attemptEnded(attempt, report),
      logRead: (key) => this.#followers.finish(key),
      onEvent: options.on,
    });
    this.#heart = new Heart({
      clock,
      timers,
      lease_ttl_ms: LIMITS.lease_ttl_ms,
      held: () => this.#renewed(),
      running: () => this.#attempts.running.values(),
      draining: () => !this.#accepting,
      onLapsed: (attempt) => this.#attempts.disown(attempt, 'lease_lost'),
    });
    this.#outbox = new Outbox({
      clock,
      // Behind the bytes, which leave at the end of this round of the loop.
      onSent: () => timers.soon(() => this.#crashpoint('instance.after_send')),
      ...this.#limits,
    });
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
      onDurable: (entries) => {
        this.#crashpoint('instance.after_spool');
        this.#outbox.durable(entries);
      },
      onFailed: (error) => this.#end('SpoolFailed', error.message),
      onEvent: (event) => {
        on(event);
        if (event.type === 'spool_blocked' || event.type === 'spool_writable') this.#lookAtSpool();
      },
    });
    this.#crashpoint('instance.after_open');
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

  #crashpoint(name: CrashPointName): void {
    this.#options.crashpoint?.(name);
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
    const { version, name, pid, machine, slots, endpoints, needs } = this.#options;
    return {
      version,
      name,
      process_id: this.#process_id,
      pid,
      ...(machine === undefined ? {} : { machine }),
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

  /** What a heartbeat lists, and who runs where. */
  #renewed(): readonly Renewed[] {
    const store_id = this.#store_id;
    return this.#held().flatMap((held) => {
      if (held.store_id !== store_id) return [];
      const pid = this.#attempts.running.get(attemptKey(held.ref, store_id))?.pid ?? null;
      return pid === null ? [held.ref] : [{ ...held.ref, pid }];
    });
  }

  get #store_id(): string {
    return this.#welcome?.store_id ?? '';
  }

  #welcomed(session: InstanceSession, welcome: Welcome): void {
    this.#welcome = welcome;
    // Another database leases nothing that was given out before it; an answer that comes all the same may be taken.
    for (const attempt of this.#attempts.running.values())
      if (attempt.store_id !== welcome.store_id) this.#attempts.disown(attempt, 'lease_lost');
    this.#orphan?.cancel();
    this.#orphan = null;
    this.#options.on({ type: 'connected', id: welcome.id, peer: session.peer, store_id: welcome.store_id });
    this.#crashpoint('instance.after_welcome');
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
        this.#crashpoint('instance.before_abort');
        return this.#aborted(message.attempts, message.reason);
      case 'acknowledge':
        return this.#acknowledged(message.attempts);
      case 'renewed':
        this.#heart.answered(message.seq);
        for (const attempt of this.#runningOf(message.gone)) this.#attempts.disown(attempt, 'superseded');
        return this.#outbox.resendOverdue();
      case 'state_request': {
        const [attempt] = this.#runningOf([message.attempt]);
        const live = attempt === undefined ? null : { ...attempt.live, pid: attempt.pid };
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
    return refs.flatMap((ref) => this.#attempts.running.get(attemptKey(ref, this.#store_id)) ?? []);
  }

  /** What was cancelled is still ours until its outcome is known; anything else is not, and its slot may be given anew. */
  #aborted(refs: readonly AttemptRef[], reason: AbortReason): void {
    for (const attempt of this.#runningOf(refs)) {
      if (reason === 'cancelled') this.#attempts.abort(attempt, reason);
      else this.#attempts.disown(attempt, reason);
    }
  }

  #dispatched(orders: readonly AttemptOrder[]): void {
    this.#crashpoint('instance.before_accept');
    const store_id = this.#store_id;
    const accepted: AttemptRef[] = [];
    const refused: AttemptRef[] = [];
    const elsewhere: AttemptOrder[] = [];
    let free = this.#options.slots - this.#attempts.taken;
    for (const order of orders) {
      const key = attemptKey(order, store_id);
      const running = this.#attempts.running.get(key);
      // Said again because the answer was lost: it is answered again.
      const known = running !== undefined || this.#spool?.entries.has(key) === true;
      running?.own();
      if (!known && !this.#accepting) {
        elsewhere.push(order);
      } else if (!known && free <= 0) {
        refused.push(refOf(order));
        continue;
      } else if (!known) {
        free -= 1;
        this.#attempts.start(order, store_id, this.#heart.leased_after);
      }
      accepted.push(refOf(order));
    }
    if (accepted.length > 0) {
      this.#connector.session?.send({ t: 'accept', attempts: accepted });
      this.#options.timers.soon(() => this.#crashpoint('instance.after_accept'));
      this.#heart.watch();
    }
    for (const order of elsewhere) this.#spoolReport(interruptedReport(order, store_id));
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
    this.#crashpoint('instance.before_spool');
    this.#spool?.add(outcome.report, outcome.frame);
    this.#lookAtSpool();
  }

  #acknowledged(refs: readonly Acknowledgement[]): void {
    this.#crashpoint('instance.before_forget');
    for (const ref of refs) {
      const entry = this.#spool?.entries.get(attemptKey(ref, ref.store_id));
      if (entry === undefined) continue;
      this.#spool?.acknowledge(entry);
      this.#outbox.acknowledged(entry);
      this.#options.on({ type: 'outcome_acknowledged', attempt: entry.ref, how: ref.how });
    }
    this.#crashpoint('instance.after_forget');
    this.#lookAtSpool();
    if (this.#spool?.entries.size === 0) this.#onAcknowledged();
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
    await windDown({
      timers: this.#options.timers,
      attempts: this.#attempts,
      deadline_ms,
      cancel_grace_ms: this.#limits.cancel_grace_ms,
      acknowledge_wait_ms: reason === 'Drained' ? this.#limits.acknowledge_wait_ms : 0,
      hurry: this.#hurry.promise,
      durable: () => this.#spool?.settled() ?? Promise.resolve(),
      acknowledged: () => this.#allAcknowledged(),
    });
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

  /** At once where nobody is there who could acknowledge. */
  #allAcknowledged(): Promise<void> {
    if (this.#connector.session === null || this.#spool === null || this.#spool.entries.size === 0) {
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAcknowledged = resolve;
    return promise;
  }
}
