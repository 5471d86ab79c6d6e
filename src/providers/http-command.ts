/** Sends what a command script asks of its endpoint's server: the key is put on here, and leaves for nowhere else. */
import type { AttemptObserver } from '../core/attempt.ts';
import type { EndpointKind } from '../core/endpoints.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { HttpCommand, HttpCommands } from '../core/ports/http-command.ts';
import { ProviderError, type ProviderAnswer, type ProviderCall } from '../core/ports/provider.ts';
import { AnswerText } from './answer-text.ts';
import { Exchange, type Connections } from './exchange.ts';
import { refusedByLibrary, type Upstream } from './failures.ts';
import { readAnswer } from './http-command-answer.ts';
import { failureOfLibrary } from './network-failures.ts';

type HeaderOfKey = 'authorization' | 'x-api-key' | 'x-goog-api-key';

/** How each kind of server takes its key; a kind without a server has no row. */
const KEY_HEADERS: Readonly<Partial<Record<EndpointKind, HeaderOfKey>>> = {
  openai: 'authorization',
  'openai-compatible': 'authorization',
  mistral: 'authorization',
  ollama: 'authorization',
  anthropic: 'x-api-key',
  google: 'x-goog-api-key',
};

/** Anthropic refuses a request without it; a command may name another one. */
const ANTHROPIC_VERSION = '2023-06-01';

/** Fields of a body that are the prompt, in the words of one platform or another. */
const PROMPT_FIELDS: ReadonlySet<string> = new Set([
  ...['messages', 'prompt', 'system', 'input', 'instructions', 'contents', 'systemInstruction'],
]);

export class HttpCommandSender implements HttpCommands {
  readonly #connections: Connections;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  async send(
    command: HttpCommand,
    call: ProviderCall,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<ProviderAnswer> {
    const { result_bytes_max } = call;
    const upstream = upstreamOf(command, call);
    const key_header = KEY_HEADERS[call.endpoint.kind];
    if (key_header === undefined) {
      const why = `an endpoint of kind "${call.endpoint.kind}" has no server that an "http" command could ask.`;
      throw new ProviderError(refusedByLibrary(upstream, why));
    }
    const headers = headersOf(command, call.endpoint.kind);
    const exchange = new Exchange({
      connections: this.#connections,
      upstream,
      signal,
      framing: command.result.kind === 'sse' ? 'sse' : null,
      result_bytes_max,
      key_header,
      library_headers: Object.keys(headers),
      as_is: true,
    });
    const init = { method: command.method, headers, body: bodyOf(command.body) };
    return exchange.during(
      async () => {
        const response = await exchange.fetch(urlOf(command.path, upstream), init);
        const text = new AnswerText(upstream, observer, result_bytes_max);
        const read = await readAnswer(response, {
          place: command.result,
          upstream,
          text,
          observer,
          result_bytes_max,
        });
        return { ...read, parameters_sent: parametersIn(command.body), warnings: [] };
      },
      (error) =>
        error instanceof ProviderError ? error : new ProviderError(failureOfLibrary(upstream, error), error),
    );
  }
}

/** A command may ask for another model than its job names: what the server says of that one is no word about the job's. */
function upstreamOf({ method, path, body }: HttpCommand, call: ProviderCall): Upstream {
  const { endpoint, base_url, api_key, model } = call;
  const asked = isJsonObject(body) && typeof body['model'] === 'string' ? body['model'] : model;
  const request = `${method} ${path.split('?', 1)[0] ?? ''}`;
  return { endpoint, base_url, api_key, model: asked === model ? model : null, request };
}

/**
 * The address of the request. The path was checked as a text; what became of it is compared again, since the rules of URLs
 * are many, and the key goes along.
 */
function urlOf(path: string, upstream: Upstream): URL {
  const base = new URL(upstream.base_url);
  const folder = base.pathname.replace(/\/+$/, '');
  const joined = `${base.origin}${folder}${path}`;
  const url = URL.canParse(joined) ? new URL(joined) : null;
  const stays =
    path.startsWith('/') &&
    url !== null &&
    url.origin === base.origin &&
    url.username === '' &&
    url.password === '' &&
    url.hash === '' &&
    `${url.pathname}${url.search}`.length >= `${folder}${path}`.length &&
    url.pathname.startsWith(`${folder}/`) &&
    !url.pathname.slice(folder.length).startsWith('//');
  if (!stays)
    throw new ProviderError(refusedByLibrary(upstream, 'the path of the command leads out of its base_url.'));
  url.username = base.username;
  url.password = base.password;
  return url;
}

function headersOf({ headers, result, body }: HttpCommand, kind: EndpointKind): Record<string, string> {
  return {
    ...(kind === 'anthropic' ? { 'anthropic-version': ANTHROPIC_VERSION } : {}),
    ...(result.kind === 'text' ? { accept: '*/*' } : {}),
    ...(typeof body === 'string' ? { 'content-type': 'text/plain; charset=utf-8' } : {}),
    ...Object.fromEntries(headers),
  };
}

function bodyOf(body: Json): string | null {
  if (body === null) return null;
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function parametersIn(body: Json): JsonObject {
  if (!isJsonObject(body)) return {};
  return Object.fromEntries(Object.entries(body).filter(([name]) => !PROMPT_FIELDS.has(name)));
}
