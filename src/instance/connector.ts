/**
 * Keeps an instance connected: one session at a time, for ever.
 *
 * ```
 *           ┌──────────────── backoff: full jitter, 0.2 s × 2ⁿ up to 5 s ◀───────────────┐
 *           ▼                                                                          │
 *   locate, connect ──▶ hello ──▶ welcome ──▶ connected ──▶ the session ends ──────────┤
 *           │             ├──▶ refuse NameInUse (a long pause), or any other ──────────┤
 *           │             ├──▶ refuse WrongToken, WrongProtocol ──▶ given up           │
 *           └─────────────┴──▶ no answer ──────────────────────────────────────────────┘
 * ```
 */
import type { Clock, Random, Timer, Timers } from '../core/ports/clock.ts';
import type { Transport } from '../core/ports/transport.ts';
import { FROM_SCHEDULER, PROTOCOL_VERSION, type FromInstance, type FromScheduler } from '../wire/messages.ts';
import { WireSession, type SessionEnd, type SessionLimits } from '../wire/session.ts';

export type InstanceSession = WireSession<FromScheduler, FromInstance>;
export type Hello = Omit<Extract<FromInstance, { t: 'hello' }>, 't' | 'protocol' | 'token'>;
export type Welcome = Extract<FromScheduler, { t: 'welcome' }>;

const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 5_000;
/** Another process has the name: it will not be gone in a moment. */
const NAME_IN_USE_MS = 10_000;

export interface ConnectorOptions {
  readonly locate: () => Promise<{ readonly host: string; readonly port: number }>;
  readonly token: () => Promise<string>;
  readonly hello: () => Hello;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits: SessionLimits;
  /** To the connection, and again to the welcome. */
  readonly connect_timeout_ms: number;
  readonly onWelcome: (session: InstanceSession, welcome: Welcome) => void;
  readonly onMessage: (message: FromScheduler) => void;
  /** The session that was welcomed is over, or a try has failed; the next one is `retry_ms` away. */
  readonly onDisconnected: (reason: string, retry_ms: number) => void;
  readonly onGivenUp: (code: 'WrongToken' | 'WrongProtocol', message: string) => void;
}

export class Connector {
  readonly #options: ConnectorOptions;
  #state: 'idle' | 'connecting' | 'greeting' | 'connected' | 'waiting' | 'stopped' = 'idle';
  #session: InstanceSession | null = null;
  #timer: Timer | null = null;
  #failures = 0;
  #connected_at = 0;
  #refusal: Extract<FromScheduler, { t: 'refuse' }> | null = null;
  #onOver: () => void = () => undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** The session that was welcomed and is open. */
  get session(): InstanceSession | null {
    return this.#state === 'connected' && this.#session?.open === true ? this.#session : null;
  }

  start(): void {
    if (this.#state === 'idle') void this.#connect();
  }

  /** No session after this one. Says a last word; resolves when what was sent has left and the session is over. */
  stop(last?: FromInstance): Promise<void> {
    const welcomed = this.#state === 'connected';
    this.#state = 'stopped';
    this.#timer?.cancel();
    const session = this.#session;
    if (session === null) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onOver = resolve;
    if (welcomed) session.end(last);
    else session.destroy();
    return promise;
  }

  async #connect(): Promise<void> {
    this.#state = 'connecting';
    this.#refusal = null;
    const { locate, token, transport, connect_timeout_ms } = this.#options;
    try {
      const [at, secret] = await Promise.all([locate(), token()]);
      const connection = await transport.connect({
        host: at.host,
        port: at.port,
        timeout_ms: connect_timeout_ms,
      });
      // Stopped while it waited.
      if (this.#state === 'connecting')
        this.#greet(new WireSession({ ...this.#options, connection, incoming: FROM_SCHEDULER }), secret);
      else connection.destroy();
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : 'the scheduler could not be reached');
    }
  }

  #greet(session: InstanceSession, token: string): void {
    this.#state = 'greeting';
    this.#session = session;
    this.#timer = this.#options.timers.after(this.#options.connect_timeout_ms, () => session.destroy());
    session.onMessage((message) => this.#hear(session, message));
    session.onEnd((end) => this.#ended(end));
    session.send({ t: 'hello', protocol: PROTOCOL_VERSION, token, ...this.#options.hello() });
  }

  #hear(session: InstanceSession, message: FromScheduler): void {
    if (message.t === 'refuse') {
      this.#refusal = message;
      session.end();
    } else if (this.#state === 'connected') {
      this.#options.onMessage(message);
    } else if (message.t === 'welcome') {
      this.#timer?.cancel();
      this.#state = 'connected';
      this.#connected_at = this.#options.clock.monotonic();
      session.raiseLimit();
      this.#options.onWelcome(session, message);
    } else {
      session.destroy();
    }
  }

  #ended(end: SessionEnd): void {
    this.#timer?.cancel();
    this.#session = null;
    this.#onOver();
    const refusal = this.#refusal;
    if (refusal === null) {
      this.#failed(this.#state === 'greeting' && end.code === 'destroyed' ? 'no welcome came' : end.message);
    } else if (refusal.code === 'WrongToken' || refusal.code === 'WrongProtocol') {
      if (this.#state === 'stopped') return;
      this.#state = 'stopped';
      this.#options.onGivenUp(refusal.code, refusal.message);
    } else {
      this.#failed(`${refusal.code}: ${refusal.message}`, refusal.code === 'NameInUse');
    }
  }

  #failed(reason: string, slowly = false): void {
    if (this.#state === 'stopped') return;
    const { clock, timers, random } = this.#options;
    // A session that lived for a while was a success; one that ends at once, again and again, is not.
    const lived = this.#state === 'connected' && clock.monotonic() - this.#connected_at >= BACKOFF_MAX_MS;
    this.#failures = lived ? 0 : this.#failures + 1;
    const longest_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures, 10));
    const retry_ms = Math.round(slowly ? NAME_IN_USE_MS * (1 + random.next()) : longest_ms * random.next());
    this.#state = 'waiting';
    this.#options.onDisconnected(reason, retry_ms);
    // The listener may have stopped us.
    if (this.#isStopped()) return;
    this.#timer = timers.after(retry_ms, () => void this.#connect());
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }
}
