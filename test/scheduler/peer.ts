/** An instance that says what a test tells it to: the wire is real, the mind is the test's. */
import type { AttemptFailure, AttemptOrder, AttemptRef, AttemptReport } from '../../src/core/attempt.ts';
import type { AnswerMeta } from '../../src/core/rows.ts';
import type { MemoryNetwork } from '../../src/transport/memory.ts';
import { FROM_SCHEDULER, type FromInstance, type FromScheduler } from '../../src/wire/messages.ts';
import { WireSession, type SessionEnd } from '../../src/wire/session.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { FRAMES, PORT } from './terms.ts';

type Of<T extends FromScheduler['t']> = Extract<FromScheduler, { t: T }>;
export type Hello = Omit<Extract<FromInstance, { t: 'hello' }>, 't'>;
export type Held = Extract<FromInstance, { t: 'holding' }>['held'][number];

const TIMINGS = { queued_ms: null, build_ms: 1, first_token_ms: 2, call_ms: 3 };
export const META: AnswerMeta = {
  model: 'm',
  model_answered: 'm-1',
  endpoint: 'e',
  endpoint_kind: 'simulator',
  parameters_sent: {},
  finish_reason: 'stop',
  warnings: [],
  usage: { input: 3, cached: null, output: 5, reasoning: null, raw: {} },
  timings: TIMINGS,
  cost: null,
};

const HELLO: Hello = {
  protocol: 2,
  version: '0.0.0',
  name: 'gpu-1',
  process_id: 'process-1',
  pid: 4711,
  token: 'token',
  slots: 4,
  endpoints: ['e'],
  needs: [''],
  held: 0,
};

function refOf(of: AttemptRef): AttemptRef {
  return { name: of.name, run: of.run, attempt: of.attempt, digest: of.digest };
}

export class Peer {
  readonly heard: FromScheduler[] = [];
  readonly #session: WireSession<FromScheduler, FromInstance>;
  readonly hello: Hello;
  /** Orders are accepted as they come. */
  accepts = true;
  end: SessionEnd | null = null;
  #seq = 0;

  constructor(session: WireSession<FromScheduler, FromInstance>, hello: Hello) {
    this.#session = session;
    this.hello = hello;
    session.onMessage((message) => this.#hear(message));
    session.onEnd((end) => {
      this.end = end;
    });
  }

  /** Connects and says hello; nothing more. */
  static async greet(network: MemoryNetwork, clock: FakeClock, wish: Partial<Hello> = {}): Promise<Peer> {
    const connecting = network.connect({ host: 'memory', port: PORT, timeout_ms: 1_000 });
    await clock.settle();
    const connection = await connecting;
    const limits = FRAMES;
    const session = new WireSession<FromScheduler, FromInstance>({
      connection,
      incoming: FROM_SCHEDULER,
      clock,
      timers: clock,
      limits,
    });
    session.raiseLimit();
    const peer = new Peer(session, { ...HELLO, ...wish });
    session.send({ t: 'hello', ...peer.hello });
    await clock.settle();
    return peer;
  }

  /** Connects, says hello and what it holds: from now on it gets work. */
  static async attach(
    network: MemoryNetwork,
    clock: FakeClock,
    wish: Partial<Hello> = {},
    held: readonly Held[] = [],
  ): Promise<Peer> {
    const peer = await Peer.greet(network, clock, { ...wish, held: held.length });
    peer.say({ t: 'holding', held: [...held], last: true });
    await clock.settle();
    return peer;
  }

  say(message: FromInstance): void {
    this.#session.send(message);
  }

  of<T extends FromScheduler['t']>(t: T): Of<T>[] {
    return this.heard.filter((message): message is Of<T> => message.t === t);
  }

  get welcome(): Of<'welcome'> {
    const [welcome] = this.of('welcome');
    if (welcome === undefined)
      throw new Error(`${this.hello.name} was not welcomed: ${JSON.stringify(this.heard)}`);
    return welcome;
  }

  /** Orders that came, in order. */
  get orders(): AttemptOrder[] {
    return this.of('dispatch').flatMap((message) => message.orders as AttemptOrder[]);
  }

  /** `name#attempt` of the orders that came. */
  get dispatched(): string[] {
    return this.orders.map((order) => `${order.name}#${order.attempt}`);
  }

  get aborted(): string[] {
    return this.of('abort').flatMap(({ attempts, reason }) =>
      attempts.map((one) => `${one.name}#${one.attempt} ${reason}`),
    );
  }

  get acknowledged(): string[] {
    return this.of('acknowledge').flatMap(({ attempts }) =>
      attempts.map((one) => `${one.name}#${one.attempt}`),
    );
  }

  /** What became of each outcome, in order. */
  get taken(): string[] {
    return this.of('acknowledge').flatMap(({ attempts }) =>
      attempts.map((one) => `${one.name}#${one.attempt} ${one.how}`),
    );
  }

  get gone(): string[] {
    return this.of('renewed').flatMap((message) => message.gone.map((one) => `${one.name}#${one.attempt}`));
  }

  /** The latest order of a name. */
  order(name: string): AttemptOrder {
    const order = this.orders.findLast((one) => one.name === name);
    if (order === undefined) throw new Error(`${name} was not dispatched to ${this.hello.name}`);
    return order;
  }

  held(name: string, more: Partial<Held> = {}): Held {
    return { ...refOf(this.order(name)), store_id: this.welcome.store_id, spooled: false, ...more };
  }

  beat(held: readonly AttemptRef[], draining = false): void {
    this.#seq += 1;
    this.say({ t: 'heartbeat', seq: this.#seq, held: held.map(refOf), draining });
  }

  report(of: AttemptRef, more: Partial<AttemptReport>): void {
    const report = {
      ...refOf(of),
      store_id: this.heard.some(({ t }) => t === 'welcome') ? this.welcome.store_id : 'unknown',
      outcome: 'succeeded',
      answer: null,
      failure: null,
      timings: TIMINGS,
      log: '',
      ...more,
    } as const;
    this.say({ t: 'outcome', report } as unknown as FromInstance);
  }

  answer(name: string, text = `answer of ${name}`, of: AttemptRef = this.order(name)): void {
    this.report(of, { answer: { text, meta: META } });
  }

  fail(name: string, failure: Partial<AttemptFailure> = {}, of: AttemptRef = this.order(name)): void {
    const blamed = {
      blame: 'transient',
      reason_code: 'ProviderError',
      message: 'broken',
      scope: 'endpoint',
      retry_after_ms: null,
      ...failure,
    } as const;
    this.report(of, { outcome: blamed.blame === 'throttled' ? 'rate_limited' : 'errored', failure: blamed });
  }

  cancelled(name: string): void {
    this.report(this.order(name), { outcome: 'cancelled' });
  }

  /** Ends the connection without a word. */
  hangUp(): void {
    this.#session.destroy();
  }

  #hear(message: FromScheduler): void {
    this.heard.push(message);
    if (message.t === 'dispatch' && this.accepts)
      this.say({ t: 'accept', attempts: message.orders.map(refOf) });
  }
}
