// Our own scripted model server: real HTTP on 127.0.0.1, speaking Ollama's NDJSON and the SSE of OpenAI, Anthropic, Google
// and Mistral, that does to a client what a test tells it to and counts what it was asked.
//
//   const server = await startModelServer();          // server.url; close with `await server.close()`
//   server.script('slow', { tokens: 50, token_delay_ms: 20 });   // prompts that contain 'slow'
//   server.script(/./, [{ status: 429, retry_after: '1' }, {}]); // first try, second and later tries of a prompt
//
// A line `@server {"tokens": 3}` in a prompt scripts that prompt by itself. As a process:
//   node test/support/model-server.ts --port 0 [--models a,b]    // prints {"port": 40123, "url": "http://127.0.0.1:40123"}
//   GET /_stats · GET /_requests · POST /_script {"match": "text", "script": {…}} · POST /_release · POST /_reset
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chatAt, hearChat, modelList, type Heard, type HeardMessage } from './model-hearing.ts';
import { play } from './model-play.ts';
import { piecesOf, scriptInPrompt, type ModelScript } from './model-script.ts';
import { speechOf, type Protocol } from './model-speech.ts';

export type { FaultKind, ModelScript } from './model-script.ts';
export type { Protocol } from './model-speech.ts';

/** One chat request as the server saw it. */
export interface ModelRequest {
  readonly protocol: Protocol;
  readonly path: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly model: string;
  /** As they were understood, in one form for all protocols. */
  readonly messages: readonly HeardMessage[];
  /** Tells connections apart. */
  readonly client_port: number | undefined;
  /** The last user message. */
  readonly prompt: string;
  /** How many requests this prompt had made, this one included. */
  readonly nth: number;
  /** Pieces of text and reasoning sent so far. */
  pieces_sent: number;
  /** `aborted`: the client closed the connection before the answer was complete. */
  state: 'open' | 'answered' | 'aborted' | 'broken';
  /** Time from its arrival to its end, null while it is open. */
  ended_after_ms: number | null;
  /** Resolves when it is no longer open. */
  readonly ended: Promise<void>;
  /** Lets it go on where it is held. */
  release(): void;
}

export interface ModelServerStats {
  /** Chat requests. */
  readonly total: number;
  readonly prompts: Readonly<Record<string, number>>;
  readonly open: number;
  readonly open_max: number;
  readonly answered: number;
  readonly aborted: number;
  /** All requests by path, those for models and versions too. */
  readonly paths: Readonly<Record<string, number>>;
}

type Scripting = ModelScript | readonly ModelScript[] | ((request: ModelRequest) => ModelScript);
type Match = string | RegExp | ((request: ModelRequest) => boolean);

export interface ModelServerOptions {
  readonly port?: number;
  /** Names of the models that are there; a request for another one gets the platform's own 404. Default `['test-model']`. */
  readonly models?: readonly string[];
}

export class ModelServer {
  readonly requests: ModelRequest[] = [];
  #models: readonly string[];
  readonly #server: Server;
  readonly #rules: { readonly match: Match; readonly script: Scripting }[] = [];
  readonly #counts = new Map<string, number>();
  readonly #paths = new Map<string, number>();
  #watchers: { readonly wanted: () => boolean; readonly done: () => void }[] = [];
  #openMax = 0;

  constructor(options: ModelServerOptions = {}) {
    this.#models = options.models ?? ['test-model'];
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For Ollama; the others are under /v1 (OpenAI), /mistral/v1, /anthropic/v1 and /google/v1beta. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  setModels(models: readonly string[]): void {
    this.#models = models;
  }

  /** The last rule that matches wins. A list is taken in turn by each prompt, its last script for ever after. */
  script(match: Match, script: Scripting): void {
    this.#rules.unshift({ match, script });
  }

  /** Lets every held request go on. */
  release(): void {
    for (const request of this.requests) request.release();
  }

  /** Forgets scripts and counts; what is open goes on. */
  reset(): void {
    this.#rules.length = 0;
    this.requests.length = 0;
    this.#counts.clear();
    this.#paths.clear();
    this.#openMax = 0;
  }

  count(prompt: string): number {
    return this.#counts.get(prompt) ?? 0;
  }

  /** Resolves with the nth chat request (from 1) whose prompt contains the text, as soon as it has come. */
  async arrived(text = '', nth = 1): Promise<ModelRequest> {
    const find = (): ModelRequest | undefined =>
      this.requests.filter((request) => request.prompt.includes(text))[nth - 1];
    await this.until(() => find() !== undefined);
    const found = find();
    if (found === undefined) throw new Error('the request was forgotten by reset()');
    return found;
  }

  /** Resolves once `wanted` holds; it is looked at whenever a request comes, gets a piece or ends. */
  async until(wanted: () => boolean): Promise<void> {
    if (wanted()) return;
    await new Promise<void>((done) => {
      this.#watchers.push({ wanted, done });
    });
  }

  stats(): ModelServerStats {
    const count = (state: ModelRequest['state']): number =>
      this.requests.filter((request) => request.state === state).length;
    return {
      total: this.requests.length,
      prompts: Object.fromEntries(this.#counts),
      open: count('open'),
      open_max: this.#openMax,
      answered: count('answered'),
      aborted: count('aborted'),
      paths: Object.fromEntries(this.#paths),
    };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const body = await readAll(request);
    if (path.startsWith('/_')) return this.#answerControl(path, body, response);
    this.#paths.set(path, (this.#paths.get(path) ?? 0) + 1);
    const protocol = chatAt(path);
    if (protocol !== null) return this.#answerChat(protocol, path, request, body, response);
    if (path === '/api/version') return sendJson(response, { version: '0.99.0' });
    if (path === '/api/tags') return sendJson(response, { models: this.#models.map(ollamaModel) });
    if (path === '/api/show') return this.#answerShow(body, response);
    const list = modelList(path, this.#models);
    if (list !== null) return sendJson(response, list);
    sendJson(response, { error: `no such path: ${path}` }, 404);
  }

  #answerShow(body: string, response: ServerResponse): void {
    const asked = JSON.parse(body) as { readonly model?: string; readonly name?: string };
    const model = asked.model ?? asked.name ?? '';
    if (!this.#models.includes(model))
      return sendJson(response, { error: `model '${model}' not found` }, 404);
    sendJson(response, {
      details: ollamaModel(model).details,
      model_info: { 'general.architecture': 'test', 'test.context_length': 8192 },
      capabilities: ['completion'],
    });
  }

  async #answerChat(
    protocol: Protocol,
    path: string,
    http: IncomingMessage,
    text: string,
    response: ServerResponse,
  ): Promise<void> {
    const body = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const heard = hearChat(protocol, path, body);
    const { model } = heard;
    const request = this.#record(heard, path, http, body, response);
    const script = this.#scriptFor(request);
    if (!this.#models.includes(model)) {
      const [status, missing] = speechOf(protocol, model).missing(model);
      response.writeHead(status, { 'content-type': 'application/json' }).end(missing);
      return;
    }
    const speech = speechOf(protocol, script.model_answered ?? model);
    await play({
      script,
      speech,
      response,
      stream: heard.stream,
      pieces: piecesOf(script, request.prompt),
      input_tokens: countWords(heard.messages),
      sent: () => {
        request.pieces_sent += 1;
        this.#look();
      },
      held: request.held,
    });
  }

  #record(
    { protocol, model, messages }: Heard,
    path: string,
    http: IncomingMessage,
    body: Readonly<Record<string, unknown>>,
    response: ServerResponse,
  ): ModelRequest & { readonly held: Promise<void> } {
    const prompt = lastUserMessage(messages);
    const nth = this.count(prompt) + 1;
    this.#counts.set(prompt, nth);
    const ended = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const started = performance.now();
    const request = {
      protocol,
      path,
      url: http.url ?? '',
      headers: http.headers,
      body,
      model,
      messages,
      client_port: http.socket.remotePort,
      prompt,
      nth,
      pieces_sent: 0,
      state: 'open' as ModelRequest['state'],
      ended_after_ms: null as number | null,
      ended: ended.promise,
      held: held.promise,
      release: held.resolve,
    };
    response.once('close', () => {
      request.state = response.writableFinished
        ? 'answered'
        : response.destroyed && response.errored
          ? 'broken'
          : 'aborted';
      request.ended_after_ms = performance.now() - started;
      held.resolve();
      ended.resolve();
      this.#look();
    });
    this.requests.push(request);
    this.#openMax = Math.max(this.#openMax, this.requests.filter((one) => one.state === 'open').length);
    this.#look();
    return request;
  }

  #scriptFor(request: ModelRequest): ModelScript {
    const rule = this.#rules.find(({ match }) => matches(match, request));
    const script = scriptInPrompt(request.prompt) ?? rule?.script ?? {};
    if (typeof script === 'function') return script(request);
    return isList(script) ? (script[Math.min(request.nth, script.length) - 1] ?? {}) : script;
  }

  #answerControl(path: string, body: string, response: ServerResponse): void {
    if (path === '/_stats') return sendJson(response, this.stats());
    if (path === '/_requests') return sendJson(response, this.requests);
    if (path === '/_release') this.release();
    else if (path === '/_reset') this.reset();
    else if (path === '/_script') {
      const rule = JSON.parse(body) as { readonly match: string; readonly script: ModelScript };
      this.script(rule.match, rule.script);
    } else return sendJson(response, { error: `no such path: ${path}` }, 404);
    sendJson(response, { ok: true });
  }

  #look(): void {
    const met = this.#watchers.filter(({ wanted }) => wanted());
    if (met.length === 0) return;
    this.#watchers = this.#watchers.filter((watcher) => !met.includes(watcher));
    for (const { done } of met) done();
  }
}

function isList(script: ModelScript | readonly ModelScript[]): script is readonly ModelScript[] {
  return Array.isArray(script);
}

function matches(match: Match, request: ModelRequest): boolean {
  if (typeof match === 'function') return match(request);
  return typeof match === 'string' ? request.prompt.includes(match) : match.test(request.prompt);
}

function lastUserMessage(messages: readonly HeardMessage[]): string {
  return messages.findLast(({ role }) => role === 'user')?.content ?? messages.at(-1)?.content ?? '';
}

function countWords(messages: readonly HeardMessage[]): number {
  return messages.reduce((sum, { content }) => sum + content.split(/\s+/).filter(Boolean).length, 0);
}

function ollamaModel(name: string) {
  return {
    name,
    model: name,
    modified_at: '2026-01-01T00:00:00Z',
    size: 1_000_000,
    digest: 'sha256:0',
    details: { format: 'gguf', family: 'test', parameter_size: '1B', quantization_level: 'Q4_0' },
  };
}

function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

async function readAll(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const server = new ModelServer(options);
  await server.listen(options.port);
  return server;
}

if (import.meta.main) {
  const { parseArgs } = await import('node:util');
  const { values } = parseArgs({ options: { port: { type: 'string' }, models: { type: 'string' } } });
  const server = await startModelServer({
    port: Number(values.port ?? 0),
    ...(values.models === undefined ? {} : { models: values.models.split(',') }),
  });
  console.log(JSON.stringify({ port: server.port, url: server.url }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
}
