/**
 * Sessions with instances. Everything that only concerns this moment (heartbeats, live states, followed logs) is answered
 * here and passes no turn; what changes the queue becomes an event of the next one.
 */
import { runKey } from '../core/board.ts';
import type { AttemptRef, LiveState } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock, Timers } from '../core/ports/clock.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { FollowEnd, LogPiece } from '../core/ports/scheduler.ts';
import type { Connection } from '../core/ports/transport.ts';
import type { Receipt, TurnEvent } from '../core/turn-events.ts';
import { FROM_INSTANCE, PROTOCOL_VERSION, type FromInstance, type FromScheduler } from '../wire/messages.ts';
import { WireSession, type SessionLimits } from '../wire/session.ts';
import { Deathwatch } from './deathwatch.ts';
import { Follows } from './follows.ts';
import { InstanceSession, type Hello } from './instance-session.ts';
import type { LeaseClock } from './lease-clock.ts';
import { LiveRequests } from './live-requests.ts';
import type { Reports } from './reports.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface GatewayOptions {
  readonly store_id: string;
  readonly leases: LeaseClock;
  readonly reports: Reports;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: SessionLimits;
  /** Instances of this name get the id 0. */
  readonly local_name: string;
  readonly lease_ttl_ms: number;
  readonly heartbeat_ms: number;
  readonly tokenFits: (token: string) => boolean;
  /** True only where a process of this machine is surely gone. */
  readonly processGone: (pid: number) => boolean;
  /** Which machine this is; see `hello` in wire/messages.ts. */
  readonly machine?: string;
  readonly crashpoint: CrashPoint;
  readonly push: (event: TurnEvent) => void;
  readonly ask: (event: TurnEvent) => Promise<Receipt>;
}

/** After so many heartbeats that did not come an instance counts as silent; it counts the answers in the same way. */
const SILENT_BEATS_MAX = 2;

type Wire = WireSession<FromInstance, FromScheduler>;

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #sessions = new Map<number, InstanceSession>();
  readonly #strangers = new Set<Wire>();
  readonly #deathwatch: Deathwatch;
  readonly follows = new Follows();
  readonly #live: LiveRequests;
  #closing = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#deathwatch = new Deathwatch(options.timers, options.processGone, (instance) =>
      this.#processEnded(instance),
    );
    this.#live = new LiveRequests(options.timers);
  }

  session(id: number): InstanceSession | undefined {
    return this.#sessions.get(id);
  }

  /** The pid of a connected instance, where that is a process of this machine. */
  pidHere(id: number): number | null {
    const session = this.#sessions.get(id);
    return session !== undefined && this.#isHere(session.wire, session.hello) ? session.hello.pid : null;
  }

  /** A connection came in: it has a short time and little memory to say who it is. */
  accept(connection: Connection): void {
    const { clock, timers, limits } = this.#options;
    const wire: Wire = new WireSession({ connection, incoming: FROM_INSTANCE, clock, timers, limits });
    if (this.#closing) {
      wire.end({ t: 'refuse', code: 'ShuttingDown', message: 'The server is stopping.' });
      return;
    }
    this.#strangers.add(wire);
    const late = timers.after(
      LIMITS.hello_timeout_ms,
      () => {
        wire.end({
          t: 'refuse',
          code: 'HelloTimeout',
          message: `No hello within ${LIMITS.hello_timeout_ms} ms.`,
        });
      },
      false,
    );
    wire.onEnd(() => {
      late.cancel();
      this.#strangers.delete(wire);
    });
    wire.onMessage((message) => {
      late.cancel();
      if (message.t === 'hello') void this.#greet(wire, message);
      else wire.end({ t: 'refuse', code: 'BadMessage', message: `Expected hello, got ${message.t}.` });
    });
  }

  async #greet(wire: Wire, hello: Hello): Promise<void> {
    const refusal = this.#refusal(hello);
    if (refusal !== null) {
      wire.end(refusal);
      return;
    }
    // Anything said before the welcome is said too early.
    wire.onMessage((message) =>
      wire.end({ t: 'refuse', code: 'BadMessage', message: `Got ${message.t} before the welcome.` }),
    );
    const { name, process_id } = hello;
    this.#options.crashpoint('session.before_greet');
    const receipt = await this.#options
      .ask({ type: 'greet', name, process_id, local: name === this.#options.local_name })
      .catch(() => null);
    if (receipt?.type !== 'greet') {
      wire.destroy();
      return;
    }
    // Somebody else may have come under the name while this one waited for its number.
    const late = this.#refusal(hello);
    if (late !== null) {
      wire.end(late);
      return;
    }
    // From the greeting on nothing is given to its old connection, so that has to go, even where the new one is gone already.
    this.#sessions.get(receipt.id)?.wire.destroy();
    this.#deathwatch.forget(receipt.id);
    if (wire.open) this.#welcome(wire, hello, receipt.id);
    else if (this.#isHere(wire, hello)) this.#deathwatch.watch(receipt.id, hello.pid);
  }

  #refusal(hello: Hello): Extract<FromScheduler, { t: 'refuse' }> | null {
    if (hello.protocol !== PROTOCOL_VERSION) {
      const message = `This server speaks protocol ${PROTOCOL_VERSION}, the instance (promptd ${hello.version}) speaks ${hello.protocol}. Give both the same version of promptd.`;
      return { t: 'refuse', code: 'WrongProtocol', message };
    }
    if (!this.#options.tokenFits(hello.token)) {
      return {
        t: 'refuse',
        code: 'WrongToken',
        message:
          'The instance token is not the one of this server. It lies in .promptd/instance.token there.',
      };
    }
    const other = [...this.#sessions.values()].find((one) => one.hello.name === hello.name);
    // One that was silent for a term is here no more; whether the silence is ours, after a pause, its watch knows.
    if (other === undefined || other.hello.process_id === hello.process_id) return null;
    return {
      t: 'refuse',
      code: 'NameInUse',
      message: `Another instance is connected as "${hello.name}" from ${other.wire.peer}. Give this one another --name.`,
    };
  }

  #welcome(wire: Wire, hello: Hello, id: number): void {
    const { store_id, lease_ttl_ms, heartbeat_ms, clock, timers, limits } = this.#options;
    const session = new InstanceSession(wire, hello, id, limits.frame_bytes_max);
    this.#sessions.set(id, session);
    this.#strangers.delete(wire);
    const silence = new SilenceWatch({
      clock,
      timers,
      term_ms: lease_ttl_ms,
      heardAt: () => wire.heard_at,
      onSilent: () => wire.destroy(),
    });
    wire.onEnd(() => {
      silence.stop();
      this.#ended(session);
    });
    wire.onMessage((message) => this.#hear(session, message));
    if (!wire.open) return;
    wire.raiseLimit();
    wire.send({ t: 'welcome', protocol: PROTOCOL_VERSION, id, store_id, lease_ttl_ms, heartbeat_ms });
  }

  #hear(session: InstanceSession, message: FromInstance): void {
    switch (message.t) {
      case 'holding':
        return this.#holding(session, message);
      case 'heartbeat':
        return this.#heartbeat(session, message);
      case 'accept':
        for (const ref of message.attempts)
          this.#options.leases.accepted(runKey(ref.name, ref.run), ref.attempt, session.id);
        return undefined;
      case 'outcome':
        return this.#options.reports.take(session.id, message.report as Parameters<Reports['take']>[1]);
      case 'state':
        return this.#live.answer(session.id, message.request, message.live);
      case 'log':
        return this.follows.piece(session.id, message.follow, message.offset, message.text);
      case 'leaving':
        // The end of its connection follows, which says as much.
        return undefined;
      default:
        return session.wire.end({ t: 'refuse', code: 'BadMessage', message: `Did not expect ${message.t}.` });
    }
  }

  #holding(session: InstanceSession, message: Extract<FromInstance, { t: 'holding' }>): void {
    if (session.settled) return;
    session.held.push(...message.held);
    if (!message.last) return;
    session.settled = true;
    this.#options.crashpoint('session.before_settle');
    const { process_id, slots, endpoints, needs } = session.hello;
    this.#options.push({
      type: 'settle',
      instance: session.id,
      process_id,
      slots,
      endpoints,
      needs,
      held: session.held.splice(0),
    });
  }

  /** Renews what the heartbeat lists, and nothing else; names what is no longer this instance's. */
  #heartbeat(session: InstanceSession, message: Extract<FromInstance, { t: 'heartbeat' }>): void {
    const gone: AttemptRef[] = [];
    session.heard(message.held);
    for (const { name, run, attempt, digest } of message.held) {
      const renewed = this.#options.leases.renew(runKey(name, run), attempt, session.id);
      if (!renewed) gone.push({ name, run, attempt, digest });
    }
    session.answer({ t: 'renewed', seq: message.seq, gone: session.settled ? gone : [] });
    if (message.draining !== session.draining) {
      session.draining = message.draining;
      this.#options.push({ type: 'drain', instance: session.id, draining: message.draining });
    }
  }

  #ended(session: InstanceSession): void {
    if (this.#sessions.get(session.id) !== session) return;
    this.#sessions.delete(session.id);
    this.follows.gone(session.id);
    this.#live.gone(session.id);
    this.#options.push({ type: 'detach', instance: session.id });
    if (!this.#closing && this.#isHere(session.wire, session.hello))
      this.#deathwatch.watch(session.id, session.hello.pid);
  }

  /** Whether its pid can be looked at from here: the end of a tunnel is on loopback, too. */
  #isHere(wire: Wire, hello: Hello): boolean {
    return isLoopback(wire.peer) && hello.machine === this.#options.machine;
  }

  /** The process of an instance is surely gone, and its leases with it, unless another one is connected under its name. */
  #processEnded(instance: number): void {
    if (!this.#sessions.has(instance)) this.#options.push({ type: 'process_gone', instance });
  }

  /** What an instance says of an attempt; null where it does not within `wait_ms`. */
  live(
    instance: number,
    attempt: AttemptRef,
    wait_ms: number,
  ): Promise<(LiveState & { readonly pid: number | null }) | null> {
    const session = this.#sessions.get(instance);
    if (session === undefined) return Promise.resolve(null);
    return this.#live.ask(instance, wait_ms, (request) =>
      session.wire.send({ t: 'state_request', request, attempt }),
    );
  }

  follow(
    instance: number,
    attempt: AttemptRef,
    offset: number,
    onPiece: (piece: LogPiece) => void,
    stop: AbortSignal,
  ): Promise<FollowEnd> {
    const session = this.#sessions.get(instance);
    if (session === undefined || stop.aborted) return Promise.resolve('gone');
    return new Promise((resolve) => {
      const abandon = (): void => {
        if (this.follows.remove(id)) session.wire.send({ t: 'unfollow', follow: id });
        resolve('gone');
      };
      const end = (how: FollowEnd): void => {
        stop.removeEventListener('abort', abandon);
        resolve(how);
      };
      const id = this.follows.add(
        runKey(attempt.name, attempt.run),
        attempt.attempt,
        instance,
        offset,
        onPiece,
        end,
      );
      stop.addEventListener('abort', abandon, { once: true });
      session.wire.send({ t: 'follow', follow: id, attempt, offset });
    });
  }

  /** The connection to an instance that does not accept is as good as closed. */
  dropConnection(instance: number): void {
    this.#sessions.get(instance)?.wire.destroy();
  }

  /**
   * A lease of this instance was not renewed for a term. Where heartbeats are missing as well, its connection only looks open,
   * though something later than the last of them may have been heard.
   */
  dropSilent(instance: number): void {
    const { clock, heartbeat_ms } = this.#options;
    const session = this.#sessions.get(instance);
    if (session === undefined) return;
    const silent_ms = clock.monotonic() - session.wire.heard_at;
    if (silent_ms >= SILENT_BEATS_MAX * heartbeat_ms) session.wire.destroy();
  }

  /** Says goodbye to everybody; their attempts go on. */
  close(): void {
    this.#closing = true;
    this.#deathwatch.stop();
    for (const wire of this.#strangers) wire.destroy();
    for (const session of this.#sessions.values())
      session.wire.end({ t: 'refuse', code: 'ShuttingDown', message: 'The server is stopping.' });
    this.#live.stop();
  }
}

function isLoopback(peer: string): boolean {
  return /^(127\.|\[?::1\]?|::ffff:127\.|memory)/.test(peer);
}
