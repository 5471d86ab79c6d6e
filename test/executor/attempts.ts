// What executor tests run: an order, an observer that remembers, and a provider that a test plays by hand.
import type { AttemptObserver, AttemptOrder, LiveState } from '../../src/core/attempt.ts';
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import type { AnswerChecker } from '../../src/core/ports/answer-checker.ts';
import type { Provider, ProviderAnswer, ProviderCall } from '../../src/core/ports/provider.ts';
import { AnswerCheck } from '../../src/executor/answer-check.ts';
import { createRunner, type RunnerOptions } from '../../src/executor/runner.ts';
import { FakeClock } from '../support/fake-clock.ts';

export function orderOf(more: Partial<AttemptOrder> = {}): AttemptOrder {
  return {
    name: 'faq-17',
    run: 2,
    attempt: 3,
    digest: '1:abc',
    type: 'llm',
    endpoint: 'gpu',
    model: 'm',
    messages: [{ role: 'user', content: 'Say something.' }],
    recipe: null,
    attachments: {},
    command: null,
    argv: null,
    job: null,
    parameters: { temperature: 0.2 },
    extra: {},
    drawers: {},
    attempt_timeout_ms: 10_000,
    first_token_timeout_ms: 5_000,
    stall_timeout_ms: 1_000,
    ...more,
  };
}

export function endpointOf(more: Partial<EndpointConfig> = {}): EndpointConfig {
  return {
    name: 'gpu',
    kind: 'openai-compatible',
    base_urls: ['http://gpu1:8000/v1'],
    api_key_env: null,
    api_key_file: null,
    max_concurrent: 16,
    sticky_models: false,
    settings: {},
    ...more,
  };
}

export function answerOf(more: Partial<ProviderAnswer> = {}): ProviderAnswer {
  return {
    text: 'Something.',
    reasoning: null,
    model_answered: 'm-2026',
    finish_reason: 'stop',
    usage: { input: 2, cached: null, output: 1, reasoning: null, raw: {} },
    parameters_sent: { model: 'm', temperature: 0.2 },
    warnings: [],
    ...more,
  };
}

/** One call as the provider got it; the test says what becomes of it. */
export interface HeldCall {
  readonly call: ProviderCall;
  readonly observer: AttemptObserver;
  readonly signal: AbortSignal;
  answer(answer: ProviderAnswer): void;
  fail(error: unknown): void;
}

/** `letsGo: false` makes a provider that does not notice an abort. */
function heldProvider(letsGo = true): { readonly provider: Provider; readonly calls: HeldCall[] } {
  const calls: HeldCall[] = [];
  const provider: Provider = {
    call: async (call, observer, signal) => {
      const held = Promise.withResolvers<ProviderAnswer>();
      if (letsGo) signal.addEventListener('abort', () => held.reject(signal.reason), { once: true });
      calls.push({ call, observer, signal, answer: held.resolve, fail: held.reject });
      return held.promise;
    },
    models: async () => Promise.resolve([]),
  };
  return { provider, calls };
}

export interface Seen {
  readonly observer: AttemptObserver;
  readonly phases: LiveState['phase'][];
  readonly text: string[];
  readonly log: string[];
  readonly processes: string[];
}

export function watched(): Seen {
  const seen: Seen = {
    phases: [],
    text: [],
    log: [],
    processes: [],
    observer: {
      phase: (phase) => void seen.phases.push(phase),
      text: (piece) => void seen.text.push(piece),
      log: (stream, text) => void seen.log.push(`${stream}: ${text}`),
      process: (pid, now) => void seen.processes.push(`${pid} ${now}`),
    },
  };
  return seen;
}

const check = new AnswerCheck();
/** Checks where it is asked, without a thread. */
export const CHECKER: AnswerChecker = {
  check: async (schema, text) => Promise.resolve(check.check(schema, text)),
};

export function setup(
  more: Partial<RunnerOptions> & { readonly endpoint?: EndpointConfig; readonly letsGo?: boolean } = {},
) {
  const { endpoint = endpointOf(), letsGo = true, ...options } = more;
  const clock = new FakeClock();
  const { provider, calls } = heldProvider(letsGo);
  const runner = createRunner({
    endpoints: new Map([[endpoint.name, endpoint]]),
    providers: new Map([[endpoint.kind, provider]]),
    secrets: { keyOf: async () => Promise.resolve(null) },
    clock,
    timers: clock,
    result_bytes_max: 1_000,
    prompts: null,
    commands: null,
    checker: CHECKER,
    ...options,
  });
  const seen = watched();
  const controller = new AbortController();
  const run = async (order: Partial<AttemptOrder> = {}) =>
    runner.run(orderOf(order), seen.observer, controller.signal);
  /** Starts an attempt and gives the call that it made. */
  const start = async (order: Partial<AttemptOrder> = {}) => {
    const report = run(order);
    await clock.settle();
    const call = calls.at(-1);
    if (call === undefined) throw new Error('the provider was not called');
    return { report, call };
  };
  return { clock, calls, runner, seen, run, start, abort: (reason: string) => controller.abort(reason) };
}
