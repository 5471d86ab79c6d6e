/** A server on real sockets over the ports in memory, and a client that sees what was really answered. */
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { differing } from '../../src/core/differences.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { KeyScope } from '../../src/core/rows.ts';
import type { HttpLimits, HttpLog, HttpOptions } from '../../src/http/http-options.ts';
import { createHttp, type HttpServer } from '../../src/http/http-server.ts';
import { makeKey } from '../../src/http/keys.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { analyse } from '../../src/reading/analyse.ts';
import { FakeLogs, FakeReads, NOW } from './fake-reads.ts';
import { prepare } from './fake-prepare.ts';
import { FakeScheduler } from './fakes.ts';

// A library under @fastify/swagger imports `node:process`, and Node opens stdin for whoever does. Nobody reads it, so it is
// no leak of a test.
if ('unref' in process.stdin) process.stdin.unref();

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // A test says itself what it expects of a body.
  readonly json: Record<string, unknown>;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Through the Unix socket unless given. */
  readonly port?: number;
  readonly key?: string;
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

export class Setup {
  readonly reads = new FakeReads();
  readonly logs = new FakeLogs();
  readonly scheduler = new FakeScheduler(this.reads, this.logs);
  readonly lines: LogLine[] = [];
  readonly directory = mkdtempSync(path.join(tmpdir(), 'promptd-http-'));
  readonly socket = path.join(this.directory, 'http.sock');
  readonly #agent = new Agent({ keepAlive: true });
  server!: HttpServer;
  #open = true;

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.close(0);
    rmSync(this.directory, { recursive: true, force: true });
  }

  async close(deadline_ms: number): Promise<void> {
    if (this.#open) await this.server.close(deadline_ms);
    this.#open = false;
  }

  /** Makes a key and puts its row where the server looks. */
  key(scope: KeyScope, row: { expires_at?: number; revoked_at?: number } = {}): string {
    const { id, key, sha256 } = makeKey(scope, systemRandom);
    const { expires_at = null, revoked_at = null } = row;
    this.reads.key_rows.set(id, {
      id,
      name: scope,
      sha256,
      scopes: [scope],
      created_at: NOW,
      expires_at,
      revoked_at,
    });
    return key;
  }

  /** Sends a request and resolves with its head; the body is still to be read. */
  open(url: string, ask: Ask = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const where =
        ask.port === undefined ? { socketPath: this.socket } : { host: '127.0.0.1', port: ask.port };
      const headers: Record<string, string> = { ...ask.headers };
      if (ask.body !== undefined) headers['content-type'] ??= 'application/json';
      if (ask.key !== undefined) headers['authorization'] = `Bearer ${ask.key}`;
      const sent = request(
        { ...where, path: url, method: ask.method ?? 'GET', headers, agent: this.#agent },
        resolve,
      );
      sent.on('error', reject);
      sent.end(ask.body);
    });
  }

  async ask(url: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.open(url, ask);
    const text = await textOf(answer);
    const isJson =
      /json/.test(answer.headers['content-type'] ?? '') &&
      !/ndjson/.test(answer.headers['content-type'] ?? '');
    const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: answer.statusCode ?? 0, headers: answer.headers, text, json };
  }

  post(url: string, body: unknown, ask: Ask = {}): Promise<Answer> {
    return this.ask(url, { method: 'POST', body: JSON.stringify(body), ...ask });
  }

  /** Submits one job of this name, whose prompt is the name. */
  async submit(name: string, more: object = {}): Promise<Answer> {
    return this.post('/jobs', {
      name,
      prompt: `about ${name}`,
      configuration: { LLM_name: 'simulator:parrot' },
      ...more,
    });
  }
}

export async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

interface SetupOptions extends Partial<Omit<HttpOptions, 'limits'>> {
  readonly limits?: Partial<HttpLimits>;
}

/** `await using` it. It listens on its socket. */
export async function setup(options: SetupOptions = {}): Promise<Setup> {
  const made = new Setup();
  const level = (name: LogLine['level']) => (fields: object, message: string) => {
    made.lines.push({ level: name, fields, message });
  };
  const log: HttpLog = {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
  };
  made.server = await createHttp({
    scheduler: made.scheduler,
    reads: made.reads,
    logs: made.logs,
    prepare,
    differing,
    analyser: { analyse: async (text) => analyse(text) },
    clock: { now: () => NOW, monotonic: () => systemClock.monotonic() },
    timers: systemTimers,
    random: systemRandom,
    version: '0.0.0-test',
    log,
    allowed_hosts: [],
    extra: { status: async () => ({ disk_free_bytes: 1 }) },
    ui: false,
    ...options,
    limits: { ...LIMITS, live_state_wait_ms: 20, ...options.limits },
  });
  await made.server.listenSocket(made.socket);
  return made;
}

export interface SseEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: Record<string, unknown>;
}

/** Reads events of a stream one by one; `null` at its end. Comments are passed over and counted. */
export class SseReader {
  readonly answer: IncomingMessage;
  readonly #chunks: AsyncIterator<Buffer>;
  #held = '';
  comments = 0;

  constructor(answer: IncomingMessage) {
    this.answer = answer;
    this.#chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async next(): Promise<SseEvent | null> {
    for (;;) {
      const end = this.#held.indexOf('\n\n');
      if (end === -1) {
        const { value, done } = await this.#chunks.next();
        if (done === true) return null;
        this.#held += value.toString('utf8');
        continue;
      }
      const block = this.#held.slice(0, end);
      this.#held = this.#held.slice(end + 2);
      if (block.startsWith(':')) {
        this.comments++;
        continue;
      }
      const fields = Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      return {
        event: fields['event'] ?? '',
        id: fields['id'] ?? null,
        data: JSON.parse(fields['data'] ?? 'null') as Record<string, unknown>,
      };
    }
  }

  /** All that comes until the stream ends. */
  async rest(): Promise<SseEvent[]> {
    const events: SseEvent[] = [];
    for (let event = await this.next(); event !== null; event = await this.next()) events.push(event);
    return events;
  }
}
