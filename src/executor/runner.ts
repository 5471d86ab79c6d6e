/**
 * One attempt as a pipeline of small steps over one record: find the endpoint, choose a server, read its key, call, judge
 * what came, report. A step that finds something wrong throws a {@link ProviderError}, or {@link Interrupted} where a program
 * was ended with its instance; nothing else does.
 */
import { messageOf } from '../core/errors.ts';
import type { AttemptFailure, AttemptObserver, AttemptOrder } from '../core/attempt.ts';
import type { EndpointConfig, EndpointKind } from '../core/endpoints.ts';
import { canonicalJson, isJsonObject, type Json } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import type { Message } from '../core/messages.ts';
import type { AnswerChecker } from '../core/ports/answer-checker.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import {
  ProviderError,
  type Provider,
  type ProviderAnswer,
  type ProviderCall,
} from '../core/ports/provider.ts';
import type { AttemptRunner } from '../core/ports/runner.ts';
import * as fail from './failures.ts';
import { AttemptLog } from './attempt-log.ts';
import { callMessages } from './call-messages.ts';
import { Interrupted } from './interrupted.ts';
import { newAttempt, reportOf, type Attempt, type RunnerReport } from './report.ts';
import { ServerChoice, type ChosenServer } from './server-choice.ts';
import type { CommandRunner, PromptBuilder } from './steps.ts';
import { Watch } from './watch.ts';
import { withoutKey } from './without-key.ts';

export interface RunnerOptions {
  /** The endpoints that this instance serves, by name. */
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  readonly providers: ReadonlyMap<EndpointKind, Provider>;
  /** Null where there is no key; rejects where it cannot be read. */
  readonly secrets: { keyOf(endpoint: EndpointConfig): Promise<string | null> };
  readonly clock: Clock;
  readonly timers: Timers;
  readonly result_bytes_max: number;
  /** Where scripts run; null on an instance without a workspace. */
  readonly prompts: PromptBuilder | null;
  readonly commands: CommandRunner | null;
  readonly checker: AnswerChecker;
}

/** Who is asked: a platform's provider, or the command of the job. */
type Asked = Pick<Provider, 'call'>;

/** How long a provider may take to let go of an aborted call; what is left of the grace is for the report's way. */
const LET_GO_MS = LIMITS.cancel_grace_ms / 2;

export function createRunner(options: RunnerOptions): AttemptRunner {
  return new Runner(options);
}

class Runner implements AttemptRunner {
  readonly #options: RunnerOptions;
  readonly #servers = new ServerChoice();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  async run(order: AttemptOrder, observer: AttemptObserver, signal: AbortSignal): Promise<RunnerReport> {
    const { clock, timers } = this.#options;
    observer.phase('building');
    const watch = new Watch({ clock, timers, limits: order, outside: signal });
    const attempt = newAttempt(order, watch, clock);
    const log = new AttemptLog(attempt, observer);
    try {
      attempt.answer = await unlessHanging(this.#answer(attempt, observer, log), watch.signal, timers);
    } catch (error) {
      const isStopped = watch.reason !== null || error instanceof Interrupted;
      attempt.failure = isStopped ? null : failureOf(error, attempt);
    } finally {
      watch.close();
      attempt.ended_at = clock.monotonic();
      observer.phase('ending');
    }
    const report = reportOf(attempt);
    log.ended(report);
    return report;
  }

  async #answer(attempt: Attempt, observer: AttemptObserver, log: AttemptLog): Promise<Attempt['answer']> {
    const { endpoint, provider } = this.#resolve(attempt.order);
    const server = this.#servers.choose(endpoint);
    try {
      attempt.api_key = await this.#keyOf(endpoint);
      await this.#checkSchema(attempt.order, null, log);
      const messages = await this.#messagesOf(attempt, observer);
      const call = this.#callOf(attempt, endpoint, server, messages);
      log.calling(call);
      const answer = await this.#call(provider, call, attempt, observer);
      judge(answer, endpoint, this.#options.result_bytes_max);
      await this.#checkSchema(attempt.order, answer, log);
      return { ...answer, kind: endpoint.kind };
    } finally {
      server.release();
    }
  }

  #resolve(order: AttemptOrder): { readonly endpoint: EndpointConfig; readonly provider: Asked } {
    const { endpoint: name, command, argv } = order;
    const endpoint = this.#options.endpoints.get(name);
    if (endpoint === undefined)
      throw new ProviderError(fail.unknownEndpoint(name, [...this.#options.endpoints.keys()]));
    if (command !== null || argv !== null) {
      const { commands } = this.#options;
      if (commands === null) throw new ProviderError(fail.noWorkspace());
      return {
        endpoint,
        provider: { call: (call, observer, signal) => commands.run(order, call, observer, signal) },
      };
    }
    const provider = this.#options.providers.get(endpoint.kind);
    if (provider === undefined) throw new ProviderError(fail.noProvider(endpoint));
    return { endpoint, provider };
  }

  async #keyOf(endpoint: EndpointConfig): Promise<string | null> {
    if (endpoint.api_key_env === null && endpoint.api_key_file === null) return null;
    let key: string | null;
    try {
      key = await this.#options.secrets.keyOf(endpoint);
    } catch (error) {
      throw new ProviderError(fail.noKey(endpoint, messageOf(error)), error);
    }
    if (key === null || key === '') throw new ProviderError(fail.noKey(endpoint, null));
    return key;
  }

  /** Those that came with the order, or those that scripts make of its recipe. */
  async #messagesOf(attempt: Attempt, observer: AttemptObserver): Promise<readonly Message[]> {
    const { order, watch } = attempt;
    if (order.recipe === null) return order.messages;
    if (this.#options.prompts === null) throw new ProviderError(fail.noWorkspace());
    const messages = await this.#options.prompts.build(order, order.recipe, observer, watch.signal);
    attempt.prompt = canonicalJson(messages as unknown as Json);
    return messages;
  }

  /** The schema is sent along, but not every model keeps to it. One that is none is found before anybody is paid. */
  async #checkSchema(order: AttemptOrder, answer: ProviderAnswer | null, log: AttemptLog): Promise<void> {
    const schema = order.parameters['response_schema'];
    if (!isJsonObject(schema)) return;
    const verdict = await this.#options.checker.check(schema, answer?.text ?? null);
    if (verdict.kind === 'matches') return;
    if (answer !== null) log.refused(answer);
    throw new ProviderError(fail.schemaMismatch(order.endpoint, verdict));
  }

  #callOf(
    { order, api_key }: Attempt,
    endpoint: EndpointConfig,
    server: ChosenServer,
    messages: readonly Message[],
  ): ProviderCall {
    const { model, parameters, extra, job } = order;
    const inDrawer = order.drawers[endpoint.kind];
    const drawer = isJsonObject(inDrawer) ? inDrawer : {};
    const { result_bytes_max } = this.#options;
    return {
      endpoint,
      base_url: server.base_url,
      api_key,
      model,
      messages: callMessages(messages, order.attachments),
      parameters,
      extra,
      drawer,
      job,
      result_bytes_max,
    };
  }

  async #call(
    provider: Asked,
    call: ProviderCall,
    attempt: Attempt,
    observer: AttemptObserver,
  ): Promise<ProviderAnswer> {
    const { watch, clock } = attempt;
    watch.signal.throwIfAborted();
    observer.phase('calling');
    attempt.asked_at = clock.monotonic();
    watch.asked();
    const answer = await provider.call(call, heardBy(attempt, observer), watch.signal);
    watch.answered();
    attempt.came = answer;
    return answer;
  }
}

/** What a provider tells: every piece is a sign of life, reasoning (told as the phase `streaming`) too. */
function heardBy(attempt: Attempt, observer: AttemptObserver): AttemptObserver {
  const alive = (): void => {
    attempt.watch.piece();
    if (attempt.first_piece_at !== null) return;
    attempt.first_piece_at = attempt.clock.monotonic();
    observer.phase('streaming');
  };
  // A provider that does not let go of an aborted call is not listened to any more.
  const isOver = (): boolean => attempt.watch.reason !== null || attempt.ended_at !== null;
  return {
    phase: (phase) => {
      if (phase === 'streaming' && !isOver()) alive();
    },
    text: (piece) => {
      if (isOver()) return;
      alive();
      attempt.tokens += 1;
      observer.text(piece);
    },
    log: (stream, text) => {
      if (!isOver()) observer.log(stream, text);
    },
    // One that is over may leave a process that is still being ended.
    process: (pid, now) => observer.process?.(pid, now),
  };
}

/** Settles as `work` does, but rejects at the latest some time after the signal aborts. */
async function unlessHanging<T>(work: Promise<T>, signal: AbortSignal, timers: Timers): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: Timer | null = null;
    const onAbort = (): void => {
      timer = timers.after(LET_GO_MS, () => reject(new Error('the call did not end after it was aborted')));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
    });
  });
}

/** An answer that is none after all. An empty text is one: the model had nothing to say. */
function judge(answer: ProviderAnswer, endpoint: EndpointConfig, result_bytes_max: number): void {
  if (answer.finish_reason === 'content_filter') throw new ProviderError(fail.contentFiltered(endpoint.name));
  const bytes = Buffer.byteLength(answer.text) + Buffer.byteLength(answer.reasoning ?? '');
  if (bytes > result_bytes_max)
    throw new ProviderError(fail.answerTooLarge(endpoint.name, bytes, result_bytes_max));
}

/** Providers keep the key out of what they say; an error that nobody expected may carry it. */
function failureOf(error: unknown, { order, api_key }: Attempt): AttemptFailure {
  if (error instanceof ProviderError) return error.failure;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return fail.broken(order.endpoint, withoutKey(text, api_key));
}
