// A server that answers what a test says, the scripted one beside it, and what sends them the request of a command.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { EndpointKind } from '../../src/core/endpoints.ts';
import type { HttpCommand } from '../../src/core/ports/http-command.ts';
import type { ProviderAnswer, ProviderCall } from '../../src/core/ports/provider.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { Connections } from '../../src/providers/exchange.ts';
import { HttpCommandSender } from '../../src/providers/http-command.ts';
import { ModelServer } from '../support/model-server.ts';
import { callOf, hear, neverAborted, type Heard } from './calls.ts';

export const KEY = 'sk-test-0123456789abcdefXYZ';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answering = (response: ServerResponse, request: IncomingMessage) => void;

export interface Site {
  readonly url: string;
  readonly models: ModelServer;
  /** Requests to `url`. */
  readonly asked: Asked[];
  /** What comes back from there; in the beginning of each test an answer of OpenAI's. */
  answering: Answering;
  send(command?: Partial<HttpCommand>, more?: More): Promise<ProviderAnswer>;
}

export interface More extends Partial<ProviderCall> {
  readonly kind?: EndpointKind;
  readonly heard?: Heard;
  readonly signal?: AbortSignal;
}

const sender = new HttpCommandSender(new Connections({ clock: systemClock, timers: systemTimers }));

/** Runs as long as the tests of the file. */
export function siteOfFile(): Site {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = '', url = '', headers } = request;
    asked.push({ method, url, headers, body: Buffer.concat(parts).toString() });
    site.answering(response, request);
  });
  const site: Site = {
    get url() {
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    models: new ModelServer(),
    asked,
    answering: json({}),
    async send(
      command = {},
      { kind = 'openai-compatible', heard = hear(), signal = neverAborted(), ...rest } = {},
    ) {
      const call = callOf(kind, `${site.url}/v1`, rest);
      return sender.send(commandOf(command), call, heard.observer, signal);
    },
  };
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await site.models.listen();
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await site.models.close();
  });
  beforeEach(() => {
    asked.length = 0;
    site.answering = json({ choices: [{ message: { content: 'Something.' } }] });
  });
  return site;
}

function commandOf(more: Partial<HttpCommand>): HttpCommand {
  return {
    method: 'POST',
    path: '/chat/completions',
    headers: [],
    body: { model: 'test-model' },
    result: { kind: 'json', pointer: '/choices/0/message/content' },
    ...more,
  };
}

export function json(value: unknown): Answering {
  return bytes(JSON.stringify(value));
}

export function bytes(body: string | Uint8Array, type = 'application/json'): Answering {
  return (response) => response.writeHead(200, { 'content-type': type }).end(body);
}

export function events(...data: readonly unknown[]): Answering {
  const lines = data.map((one) => `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`);
  return bytes(lines.join(''), 'text/event-stream');
}
