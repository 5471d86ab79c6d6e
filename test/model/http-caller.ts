/** Requests to a live server through its Unix socket, many at a time, and what was really answered. */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { ERRORS } from '../../src/core/errors.ts';
import { expect } from 'vitest';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // A test says itself what it expects of a body.
  readonly json: Record<string, unknown>;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Texts and bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  /** Over TCP instead of the socket. */
  readonly port?: number;
}

export class HttpCaller {
  readonly socket: string;
  // Each request of a burst has a connection of its own.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 250, maxFreeSockets: 16 });

  constructor(socket: string) {
    this.socket = socket;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Resolves with the head; the body is still to be read. */
  open(path: string, asking: Asking = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { method = 'GET', port, body } = asking;
      const to = port === undefined ? { socketPath: this.socket } : { host: '127.0.0.1', port };
      const isReady = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
      const text = isReady ? body : JSON.stringify(body);
      const headers = {
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...asking.headers,
      };
      const sent = request({ ...to, path, method, headers, agent: this.#agent }, resolve);
      sent.on('error', reject);
      sent.end(text);
    });
  }

  async ask(path: string, asking: Asking = {}): Promise<Answer> {
    const answer = await this.open(path, asking);
    const text = await textOf(answer);
    const type = answer.headers['content-type'] ?? '';
    const status = answer.statusCode ?? 0;
    // An answer to HEAD has the head of a body and none.
    if (asking.method === 'HEAD') return { status, headers: answer.headers, text, json: {} };
    const json = /[/+]json/.test(type) ? (JSON.parse(text) as Record<string, unknown>) : {};
    if (status >= 400) checkProblem(status, type, json);
    return { status, headers: answer.headers, text, json };
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.ask(path, { method: 'POST', body });
  }

  delete(path: string): Promise<Answer> {
    return this.ask(path, { method: 'DELETE' });
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Whatever is refused is refused with a problem of the one table (RFC 9457), and none of them is an error of our own. */
function checkProblem(status: number, type: string, json: Record<string, unknown>): void {
  const code = json['code'] as keyof typeof ERRORS;
  expect(type).toBe('application/problem+json');
  expect(Object.keys(ERRORS)).toContain(code);
  expect(code).not.toBe('Internal');
  const { title } = ERRORS[code];
  expect(json).toMatchObject({ type: `urn:promptd:error:${code}`, title, status: ERRORS[code].status });
  expect(status).toBe(ERRORS[code].status);
  expect(json['detail']).toEqual(expect.stringMatching(/\S/));
}
