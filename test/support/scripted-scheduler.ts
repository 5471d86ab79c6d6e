/** A scheduler that says what a test tells it to, for an instance over a network in memory and in virtual time. */
import type { AttemptObserver, AttemptOrder, AttemptRef } from '../../src/core/attempt.ts';
import type { AttemptRunner } from '../../src/core/ports/runner.ts';
import { createInstance, type InstanceOptions } from '../../src/instance/instance.ts';
import type { InstanceEvent } from '../../src/instance/events.ts';
import type { RunnerReport } from '../../src/instance/outcome-frame.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../src/transport/memory.ts';
import { FROM_INSTANCE, type FromInstance, type FromScheduler } from '../../src/wire/messages.ts';
import { WireSession } from '../../src/wire/session.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryFiles } from './memory-files.ts';
import { SeededRandom } from './seeded-random.ts';

export const LEASE_TTL_MS = 15_000;
export const HEARTBEAT_MS = 5_000;
const FRAMES = {
  frame_bytes_before_max: 16_384,
  frame_bytes_max: 80 * 1024 * 1024,
  frame_timeout_ms: 30_000,
};

type Of<T extends FromInstance['t']> = Extract<FromInstance, { t: T }>;

export class ScriptedScheduler {
  readonly heard: FromInstance[] = [];
  readonly sessions: WireSession<FromInstance, FromScheduler>[] = [];
  /** What a hello is answered with. */
  answer: (hello: Of<'hello'>) => FromScheduler | null = () => ({
    t: 'welcome',
    protocol: 2,
    id: 3,
    store_id: 'store',
    lease_ttl_ms: LEASE_TTL_MS,
    heartbeat_ms: HEARTBEAT_MS,
  });
  /** Whether heartbeats and outcomes are answered by themselves. */
  renews = true;
  acknowledges = true;
  gone: AttemptRef[] = [];

  constructor(network: MemoryNetwork, clock: FakeClock, port: number) {
    void network.listen({ host: 'memory', port }, (connection) => {
      const session = new WireSession<FromInstance, FromScheduler>({
        connection,
        incoming: FROM_INSTANCE,
        clock,
        timers: clock,
        limits: FRAMES,
      });
      this.sessions.push(session);
      session.onMessage((message) => this.#hear(session, message));
    });
  }

  /** Says something on the latest session. */
  say(message: FromScheduler): void {
    this.sessions.at(-1)!.send(message);
  }

  dispatch(...orders: AttemptOrder[]): void {
    this.sessions.at(-1)!.send({ t: 'dispatch', orders });
  }

  of<T extends FromInstance['t']>(t: T): Of<T>[] {
    return this.heard.filter((message): message is Of<T> => message.t === t);
  }

  /** The names of a message's attempts, of the latest one of its kind. */
  held(): string[] {
    return (this.of('heartbeat').at(-1)?.held ?? []).map((ref) => ref.name);
  }

  #hear(session: WireSession<FromInstance, FromScheduler>, message: FromInstance): void {
    this.heard.push(message);
    if (message.t === 'hello') {
      const answer = this.answer(message);
      if (answer === null) return;
      if (answer.t === 'refuse') session.end(answer);
      else session.send(answer);
      session.raiseLimit();
    } else if (message.t === 'heartbeat' && this.renews) {
      session.send({ t: 'renewed', seq: message.seq, gone: this.gone });
    } else if (message.t === 'outcome' && this.acknowledges) {
      const { name, run, attempt, digest, store_id } = message.report;
      session.send({ t: 'acknowledge', attempts: [{ name, run, attempt, digest, store_id, how: 'taken' }] });
    }
  }
}

/** A run of an attempt that a test ends when it likes. */
export interface Play {
  readonly order: AttemptOrder;
  readonly observer: AttemptObserver;
  readonly signal: AbortSignal;
  answer(text?: string): void;
  end(report: Partial<RunnerReport>): void;
  fail(error: Error): void;
}

/** Keeps what it runs until the test says how it ends. An abort ends it after `abort_ms`, as an executor does. */
class ScriptedRunner implements AttemptRunner {
  readonly plays = new Map<string, Play>();
  readonly #clock: FakeClock;
  /** How long an abort takes; null: the runner ignores it. */
  abort_ms: number | null = 10;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  run(order: AttemptOrder, observer: AttemptObserver, signal: AbortSignal): Promise<RunnerReport> {
    const { promise, resolve, reject } = Promise.withResolvers<RunnerReport>();
    const { name, run, attempt, digest } = order;
    const end = (report: Partial<RunnerReport>): void =>
      resolve({
        name,
        run,
        attempt,
        digest,
        outcome: 'cancelled',
        answer: null,
        failure: null,
        timings: TIMINGS,
        ...report,
      });
    const answer = (text = 'hello'): void => end({ outcome: 'succeeded', answer: { text, meta: META } });
    signal.addEventListener('abort', () => {
      const outcome = signal.reason === 'interrupted' ? 'interrupted' : 'cancelled';
      if (this.abort_ms !== null) this.#clock.after(this.abort_ms, () => end({ outcome }));
    });
    this.plays.set(name, { order, observer, signal, answer, end, fail: reject });
    return promise;
  }

  play(name: string): Play {
    const play = this.plays.get(name);
    if (play === undefined) throw new Error(`nothing runs under ${name}`);
    return play;
  }
}

const TIMINGS = { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: 3 };
const META = {
  model: 'm',
  model_answered: null,
  endpoint: 'e',
  endpoint_kind: 'simulator',
  parameters_sent: {},
  finish_reason: 'stop',
  warnings: [],
  usage: null,
  timings: TIMINGS,
  cost: null,
};

export function orderOf(name: string, attempt = 1): AttemptOrder {
  return {
    name,
    run: 1,
    attempt,
    digest: `1:${name}`,
    type: 'llm',
    endpoint: 'e',
    model: 'm',
    messages: [{ role: 'user', content: 'hello' }],
    recipe: null,
    attachments: {},
    command: null,
    argv: null,
    job: null,
    parameters: {},
    extra: {},
    drawers: {},
    attempt_timeout_ms: 1_000,
    first_token_timeout_ms: 1_000,
    stall_timeout_ms: 1_000,
  };
}

export function refTo(name: string, attempt = 1): AttemptRef {
  return { name, run: 1, attempt, digest: `1:${name}` };
}

/** What an outcome is acknowledged with. */
export function ackOf(name: string, store_id = 'store'): AttemptRef & { store_id: string; how: 'taken' } {
  return { ...refTo(name), store_id, how: 'taken' };
}

/** An instance, its scheduler, and everything around both in memory. */
export function stage(
  more: Partial<InstanceOptions> = {},
  network_options: Partial<MemoryNetworkOptions> = {},
) {
  const clock = new FakeClock();
  const network = new MemoryNetwork({ timers: clock, ...network_options });
  const scheduler = new ScriptedScheduler(network, clock, 7434);
  const runner = new ScriptedRunner(clock);
  const files = new MemoryFiles();
  const events: InstanceEvent[] = [];
  const create = (again: Partial<InstanceOptions> = {}) =>
    createInstance({
      name: 'gpu-1',
      slots: 4,
      endpoints: ['e'],
      needs: [''],
      token: async () => 'token',
      locate: async () => ({ host: 'memory', port: 7434 }),
      transport: network,
      runner,
      spool_dir: '/spool',
      files,
      clock,
      timers: clock,
      random: new SeededRandom(1),
      pid: 4711,
      version: '0.0.0',
      orphan_ttl_ms: null,
      on: (event) => events.push(event),
      ...more,
      ...again,
    });
  const types = (): string[] => events.map((event) => event.type);
  return { clock, network, scheduler, runner, files, events, types, create, instance: create() };
}

/** A {@link stage} on which the instance has started and is welcome. */
export async function connected(more: Partial<InstanceOptions> = {}) {
  const all = stage(more);
  await all.instance.start();
  await all.clock.advance(100);
  if (!all.types().includes('connected'))
    throw new Error(`it is not connected: ${JSON.stringify(all.events)}`);
  return all;
}

/** What came, e.g. `faq-1: succeeded`. */
export function outcomes(scheduler: ScriptedScheduler): string[] {
  return scheduler.of('outcome').map(({ report }) => `${report.name}: ${report.outcome}`);
}
