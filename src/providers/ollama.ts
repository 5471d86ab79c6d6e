/** Ollama by its own client library. */
import type { ChatRequest, ChatResponse, Ollama } from 'ollama/browser';
import type { AttemptObserver } from '../core/attempt.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import {
  ProviderError,
  type Provider,
  type ProviderAnswer,
  type ProviderCall,
} from '../core/ports/provider.ts';
import type { Usage } from '../core/usage.ts';
import { AnswerText } from './answer-text.ts';
import { refuseUntaken } from './attachments.ts';
import { Exchange, type Connections } from './exchange.ts';
import { invalidAnswer, type Upstream } from './failures.ts';
import { failureOfLibrary } from './network-failures.ts';
import { namingModels } from './naming-models.ts';
import { OLLAMA_TAKES, ollamaBody } from './ollama-body.ts';

export class OllamaProvider implements Provider {
  readonly #connections: Connections;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  async call(call: ProviderCall, observer: AttemptObserver, signal: AbortSignal): Promise<ProviderAnswer> {
    const { endpoint, base_url, api_key, model, result_bytes_max } = call;
    const upstream: Upstream = { endpoint, base_url, api_key, model };
    const exchange = new Exchange({
      connections: this.#connections,
      upstream,
      signal,
      framing: 'ndjson',
      result_bytes_max,
    });
    const answer = new AnswerText(upstream, observer, result_bytes_max);
    return exchange.during(
      async () => {
        refuseUntaken(call.messages, OLLAMA_TAKES, upstream);
        const { body, warnings } = ollamaBody(call);
        const last = await this.#stream(upstream, exchange, body, answer);
        return {
          text: answer.text,
          reasoning: answer.reasoning,
          model_answered: last.model,
          finish_reason:
            last.done_reason === 'stop' || last.done_reason === 'length' ? last.done_reason : 'other',
          usage: usageOf(last),
          parameters_sent: exchange.parametersSent,
          warnings,
        };
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
    const exchange = new Exchange({
      connections: this.#connections,
      upstream,
      signal,
      framing: null,
      result_bytes_max,
    });
    return exchange.during(
      async () => {
        const { models } = await (await client(base_url, exchange)).list();
        return models.map(({ name }) => name);
      },
      (error) => providerErrorOf(error, upstream),
    );
  }

  async #stream(
    upstream: Upstream,
    exchange: Exchange,
    body: JsonObject,
    answer: AnswerText,
  ): Promise<ChatResponse> {
    const ollama = await client(upstream.base_url, exchange);
    // The body has fields (`truncate`, `shift`) that the package's types do not name; it sends whatever it is given.
    const request = body as unknown as ChatRequest & { readonly stream: true };
    for await (const part of await ollama.chat(request)) {
      answer.addReasoning(part.message?.thinking ?? '');
      answer.addText(part.message?.content ?? '');
      if (part.done) return part;
    }
    throw new ProviderError(invalidAnswer(upstream, 'the answer ended before it was done'));
  }
}

function providerErrorOf(error: unknown, upstream: Upstream): ProviderError {
  return error instanceof ProviderError ? error : new ProviderError(failureOfLibrary(upstream, error), error);
}

/** The package is loaded with the first call; a client costs nothing, so each exchange has its own. */
async function client(base_url: string, exchange: Exchange): Promise<Ollama> {
  // The other build of the package takes the text of an image for a path, and sends the file that stands there.
  const { Ollama: Client } = await import('ollama/browser');
  return new Client({ host: base_url, fetch: exchange.fetch });
}

function usageOf(last: ChatResponse): Usage | null {
  const {
    message: _message,
    model: _model,
    created_at: _at,
    done: _done,
    done_reason: _reason,
    ...raw
  } = last;
  if (raw.prompt_eval_count === undefined && raw.eval_count === undefined) return null;
  return {
    // Ollama leaves the count out where the whole prompt was in its cache.
    input: raw.prompt_eval_count ?? null,
    cached: null,
    output: raw.eval_count ?? null,
    reasoning: null,
    raw: JSON.parse(JSON.stringify(raw)) as JsonObject,
  };
}
