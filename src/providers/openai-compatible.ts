/** Servers that speak OpenAI's chat completions (vLLM, llama.cpp, LM Studio, Ollama's /v1), by the AI SDK's language model. */
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
import { AnswerText } from './answer-text.ts';
import { readErrorValue } from './error-body.ts';
import { Exchange, type Connections } from './exchange.ts';
import { failureInStream, invalidAnswer, type Upstream } from './failures.ts';
import { failureOfLibrary } from './network-failures.ts';
import { namingModels } from './naming-models.ts';
import { openaiCall, warningSentence } from './openai-call.ts';

/** Making a model compiles schemas, so models are kept; a list of names that never ends must not fill the memory. */
const MODELS_KEPT_MAX = 200;

export class OpenAICompatibleProvider implements Provider {
  readonly #connections: Connections;
  readonly #models = new Map<string, LanguageModelV4>();
  /** A model is shared by calls, its fetch is not: the call's own signal leads from one to the other. */
  readonly #exchanges = new WeakMap<AbortSignal, Exchange>();

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  async call(call: ProviderCall, observer: AttemptObserver, signal: AbortSignal): Promise<ProviderAnswer> {
    const { endpoint, base_url, api_key, model, result_bytes_max } = call;
    const upstream: Upstream = { endpoint, base_url, api_key, model };
    let merged: JsonObject = {};
    const rewrite = (body: JsonObject): JsonObject =>
      Object.keys(merged).length === 0 ? body : { ...body, ...merged };
    const exchange = new Exchange({
      connections: this.#connections,
      upstream,
      signal,
      framing: 'sse',
      result_bytes_max,
      rewrite,
    });
    try {
      const built = openaiCall(call, exchange.signal);
      merged = built.merged;
      this.#exchanges.set(exchange.signal, exchange);
      const { stream } = await (await this.#model(base_url, model)).doStream(built.options);
      const read = await readStream(stream, upstream, new AnswerText(upstream, observer, result_bytes_max));
      return {
        ...read,
        parameters_sent: exchange.parametersSent,
        warnings: [...built.warnings, ...read.warnings],
      };
    } catch (error) {
      signal.throwIfAborted();
      throw await namingModels(
        providerErrorOf(error, upstream),
        upstream,
        this,
        this.#connections.timers,
        signal,
      );
    } finally {
      exchange.close();
    }
  }

  async models(
    endpoint: EndpointConfig,
    base_url: string,
    api_key: string | null,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const upstream: Upstream = { endpoint, base_url, api_key, model: null };
    const { result_bytes_max } = LIMITS;
    const exchange = new Exchange({
      connections: this.#connections,
      upstream,
      signal,
      framing: null,
      result_bytes_max,
    });
    try {
      const response = await exchange.fetch(`${base_url.replace(/\/+$/, '')}/models`);
      const list = (await response.json()) as Json;
      const data = isJsonObject(list) ? list['data'] : null;
      if (!Array.isArray(data))
        throw new ProviderError(invalidAnswer(upstream, 'its list of models has no "data"'));
      return (data as readonly Json[]).flatMap((one) =>
        isJsonObject(one) && typeof one['id'] === 'string' ? [one['id']] : [],
      );
    } catch (error) {
      signal.throwIfAborted();
      throw providerErrorOf(error, upstream);
    } finally {
      exchange.close();
    }
  }

  async #model(base_url: string, name: string): Promise<LanguageModelV4> {
    const key = `${base_url}\n${name}`;
    const kept = this.#models.get(key);
    if (kept !== undefined) return kept;
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const model = createOpenAICompatible({
      name: 'openai-compatible',
      baseURL: base_url,
      includeUsage: true,
      supportsStructuredOutputs: true,
      fetch: async (input, init) => this.#fetch(input, init),
    }).chatModel(name);
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

type ReadAnswer = Omit<ProviderAnswer, 'parameters_sent'>;

async function readStream(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  upstream: Upstream,
  answer: AnswerText,
): Promise<ReadAnswer> {
  let model_answered: string | null = null;
  const warnings: string[] = [];
  for await (const part of stream) {
    if (part.type === 'text-delta') answer.addText(part.delta);
    else if (part.type === 'reasoning-delta') answer.addReasoning(part.delta);
    else if (part.type === 'stream-start') warnings.push(...part.warnings.map(warningSentence));
    else if (part.type === 'response-metadata') model_answered = part.modelId ?? model_answered;
    else if (part.type === 'error') throw providerErrorOf(part.error, upstream);
    else if (part.type === 'finish') {
      const finish_reason = part.finishReason.unified.replace('-', '_');
      const { text, reasoning } = answer;
      return { text, reasoning, model_answered, finish_reason, usage: usageOf(part.usage), warnings };
    }
  }
  throw new ProviderError(invalidAnswer(upstream, 'the answer ended before it was done'));
}

/** The SDK wraps what it does not know; what we threw ourselves is still inside. */
function providerErrorOf(error: unknown, upstream: Upstream): ProviderError {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    if (at instanceof ProviderError) return at;
  }
  if (error instanceof Error) return new ProviderError(failureOfLibrary(upstream, error), error);
  return new ProviderError(failureInStream(upstream, readErrorValue(error)));
}

/** From what the platform said itself: the SDK makes a 0 of what it did not say. */
function usageOf(usage: LanguageModelV4Usage): Usage | null {
  if (usage.raw === undefined) return null;
  const raw = usage.raw as JsonObject;
  return {
    input: count(raw, 'prompt_tokens'),
    cached: count(raw['prompt_tokens_details'], 'cached_tokens'),
    output: count(raw, 'completion_tokens'),
    reasoning: count(raw['completion_tokens_details'], 'reasoning_tokens'),
    raw,
  };
}

function count(counts: Json | undefined, name: string): number | null {
  const value = isJsonObject(counts) ? counts[name] : null;
  return typeof value === 'number' ? value : null;
}
