/** Every platform that a language model of the AI SDK speaks: one way of calling, and a {@link Platform} for what differs. */
import type { LanguageModelV4, LanguageModelV4StreamPart, LanguageModelV4Usage } from '@ai-sdk/provider';
import type { AttemptObserver } from '../core/attempt.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import {
  ProviderError,
  type Provider,
  type ProviderAnswer,
  type ProviderCall,
} from '../core/ports/provider.ts';
import type { Usage } from '../core/usage.ts';
import { aiSdkCall, mergedBody, warningSentence } from './ai-sdk-call.ts';
import { AnswerText } from './answer-text.ts';
import { refuseUntaken } from './attachments.ts';
import { Exchange, type Connections } from './exchange.ts';
import { invalidAnswer, refusedByLibrary, type Upstream } from './failures.ts';
import { namingModels } from './naming-models.ts';
import { failureOfLibrary } from './network-failures.ts';
import type { CountPlaces, Platform } from './platform.ts';

/** Making a model compiles schemas, so models are kept; a list of names that never ends must not fill the memory. */
const MODELS_KEPT_MAX = 200;

export class AiSdkProvider implements Provider {
  readonly #connections: Connections;
  readonly #platform: Platform;
  readonly #models = new Map<string, LanguageModelV4>();
  /** A model is shared by calls, its fetch is not: the call's own signal leads from one to the other. */
  readonly #exchanges = new WeakMap<AbortSignal, Exchange>();

  constructor(connections: Connections, platform: Platform) {
    this.#connections = connections;
    this.#platform = platform;
  }

  async call(call: ProviderCall, observer: AttemptObserver, signal: AbortSignal): Promise<ProviderAnswer> {
    const { endpoint, base_url, api_key, model, result_bytes_max } = call;
    const upstream: Upstream = { endpoint, base_url, api_key, model };
    const platform = this.#platform;
    let merged: JsonObject = {};
    const exchange = this.#exchange(upstream, signal, {
      framing: 'sse',
      result_bytes_max,
      rewrite: (body) => mergedBody(platform.body, body, merged),
    });
    return exchange.during(
      async () => {
        refuseUntaken(call.messages, platform.attachments, upstream);
        const built = aiSdkCall(platform, call, exchange.signal);
        merged = built.merged;
        const { stream } = await (await this.#model(upstream, model)).doStream(built.options);
        const answer = new AnswerText(upstream, observer, result_bytes_max);
        const read = await readStream(stream, platform, upstream, answer);
        // Where the model stands in the path, the body does not name it.
        const parameters_sent = { model, ...exchange.parametersSent };
        const altered = platform.altered?.(call, parameters_sent) ?? [];
        return { ...read, parameters_sent, warnings: [...built.warnings, ...read.warnings, ...altered] };
      },
      (error) =>
        namingModels(providerErrorOf(error, upstream), upstream, this, this.#connections.timers, signal),
    );
  }

  async models(
    endpoint: EndpointConfig,
    base_url: string,
    api_key: string | null,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const upstream: Upstream = { endpoint, base_url, api_key, model: null };
    const { result_bytes_max } = LIMITS;
    const exchange = this.#exchange(upstream, signal, { framing: null, result_bytes_max });
    const { path, headers = {}, names } = this.#platform.models;
    return exchange.during(
      async () => {
        const response = await exchange.fetch(`${withoutSlash(base_url)}${path}`, { headers });
        const list = (await response.json()) as Json;
        const found = isJsonObject(list) ? names(list) : null;
        if (found === null) throw new ProviderError(invalidAnswer(upstream, 'that is no list of models'));
        return found;
      },
      (error) => providerErrorOf(error, upstream),
    );
  }

  #exchange(
    upstream: Upstream,
    signal: AbortSignal,
    more: Pick<ConstructorParameters<typeof Exchange>[0], 'framing' | 'result_bytes_max' | 'rewrite'>,
  ): Exchange {
    const { key_header, library_headers, body } = this.#platform;
    const exchange = new Exchange({
      connections: this.#connections,
      upstream,
      signal,
      key_header,
      library_headers,
      prompt_fields: body.prompt,
      ...more,
    });
    this.#exchanges.set(exchange.signal, exchange);
    return exchange;
  }

  async #model(upstream: Upstream, name: string): Promise<LanguageModelV4> {
    const refusal = this.#platform.refusesModel?.(name) ?? null;
    if (refusal !== null) throw new ProviderError(refusedByLibrary(upstream, refusal));
    const base_url = withoutSlash(upstream.base_url);
    const key = `${base_url}\n${name}`;
    const kept = this.#models.get(key);
    if (kept !== undefined) return kept;
    const make = await this.#platform.load();
    const model = make({ base_url, model: name, fetch: async (input, init) => this.#fetch(input, init) });
    if (this.#models.size >= MODELS_KEPT_MAX) this.#models.clear();
    this.#models.set(key, model);
    return model;
  }

  async #fetch(...[input, init]: Parameters<typeof globalThis.fetch>): Promise<Response> {
    const exchange = init?.signal == null ? undefined : this.#exchanges.get(init.signal);
    if (exchange === undefined)
      throw new Error('a request without an exchange: the AI SDK did not hand its signal on');
    return exchange.fetch(input, init);
  }
}

function withoutSlash(base_url: string): string {
  return base_url.replace(/\/+$/, '');
}

type ReadAnswer = Omit<ProviderAnswer, 'parameters_sent'>;

async function readStream(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  platform: Platform,
  upstream: Upstream,
  answer: AnswerText,
): Promise<ReadAnswer> {
  let model_answered: string | null = null;
  let told: JsonObject = {};
  const warnings: string[] = [];
  for await (const part of stream) {
    if (part.type === 'text-delta') answer.addText(part.delta);
    else if (part.type === 'reasoning-delta') answer.addReasoning(part.delta);
    else if (part.type === 'stream-start') warnings.push(...part.warnings.map(warningSentence));
    else if (part.type === 'raw' && isJsonObject(part.rawValue)) {
      const { model, usage } = platform.tells(part.rawValue);
      if (typeof model === 'string') model_answered = model;
      if (isJsonObject(usage)) told = updated(told, usage);
    } else if (part.type === 'error') throw providerErrorOf(part.error, upstream);
    else if (part.type === 'finish') {
      const { unified, raw } = part.finishReason;
      if (unified === 'interrupted') break;
      if (unified === 'error')
        throw new ProviderError(invalidAnswer(upstream, `the answer ended with ${raw ?? 'an error'}`));
      const finish_reason = unified.replace('-', '_');
      const { text, reasoning } = answer;
      const usage = usageOf(told, part.usage, platform.counts);
      return { text, reasoning, model_answered, finish_reason, usage, warnings };
    }
  }
  throw new ProviderError(invalidAnswer(upstream, 'the answer ended before it was done'));
}

/** A null takes back nothing that was said before. */
function updated(told: JsonObject, usage: JsonObject): JsonObject {
  const news = Object.entries(usage).filter(([name, value]) => value !== null || told[name] === undefined);
  return { ...told, ...Object.fromEntries(news) };
}

/** What we threw ourselves may be wrapped by the SDK; an error of its own is about a call that it cannot make, or an answer. */
function providerErrorOf(error: unknown, upstream: Upstream): ProviderError {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    if (at instanceof ProviderError) return at;
  }
  const failure =
    error instanceof Error && CANNOT_SAY.has(error.name)
      ? refusedByLibrary(upstream, error.message)
      : failureOfLibrary(upstream, error);
  return new ProviderError(failure, error);
}

/** Names of the SDK's errors for calls that it cannot put into the platform's words, e.g. a system message in the middle. */
const CANNOT_SAY: ReadonlySet<string> = new Set([
  'AI_InvalidArgumentError',
  'AI_InvalidPromptError',
  'AI_UnsupportedFunctionalityError',
]);

/**
 * Counts as the SDK makes them (it knows what each platform counts in), but only those that the platform said: the SDK makes
 * a 0 of the others.
 */
function usageOf(told: JsonObject, counted: LanguageModelV4Usage, places: Platform['counts']): Usage | null {
  const raw = Object.keys(told).length > 0 ? told : (counted.raw as JsonObject | undefined);
  if (raw === undefined) return null;
  const { inputTokens, outputTokens } = counted;
  return {
    input: count(raw, places.input, inputTokens.total),
    cached: count(raw, places.cached, inputTokens.cacheRead),
    output: count(raw, places.output, outputTokens.total),
    reasoning: count(raw, places.reasoning, outputTokens.reasoning),
    raw,
  };
}

function count(raw: JsonObject, places: CountPlaces, counted: number | undefined): number | null {
  for (const path of places) {
    const said = path.reduce<Json | undefined>((at, key) => (isJsonObject(at) ? at[key] : undefined), raw);
    if (typeof said === 'number') return counted ?? said;
  }
  return null;
}
