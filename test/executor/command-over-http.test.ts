// An attempt whose command is an HTTP request: the runner with the real sender and real sockets, against the scripted server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptOrder } from '../../src/core/attempt.ts';
import type { Json } from '../../src/core/json.ts';
import type { Clock, Timers } from '../../src/core/ports/clock.ts';
import type { JobAsGiven } from '../../src/core/recipe.ts';
import type { AttemptRunner } from '../../src/core/ports/runner.ts';
import { Commands } from '../../src/executor/command-runner.ts';
import { createRunner } from '../../src/executor/runner.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { Connections } from '../../src/providers/exchange.ts';
import { HttpCommandSender } from '../../src/providers/http-command.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { CHECKER, endpointOf, orderOf, watched } from './attempts.ts';

const EVERYDAY: Clock & Timers = { ...systemClock, ...systemTimers };
const NEVER = new AbortController().signal;

const JOB: JobAsGiven = {
  ...{ name: 'faq-17', run: 2, batch: null, key: null, metadata: null, type: 'llm', prompt: 'x' },
  configuration: { LLM_name: 'gpu:m', command: 'commands/call.py' },
};

describe('an attempt by an HTTP command', () => {
  let server: ModelServer;
  beforeAll(async () => {
    server = await startModelServer();
  });
  afterAll(async () => server.close());

  /** A script that asks for a stream, as OpenAI's. */
  function requestOf(input: Json): Json {
    const { messages } = input as { readonly messages: Json };
    return {
      path: '/chat/completions',
      body: { model: 'test-model', messages, stream: true },
      result: 'sse',
    };
  }

  const setup = (time: Clock & Timers = EVERYDAY): AttemptRunner => {
    const commands = new Commands({
      scripts: { run: async (_, input) => Promise.resolve(JSON.stringify({ http: requestOf(input) })) },
      exec: { run: async () => Promise.reject(new Error('no program was asked for')) },
      http: new HttpCommandSender(new Connections({ clock: systemClock, timers: systemTimers })),
    });
    const endpoint = endpointOf({ base_urls: [`${server.url}/v1`] });
    return createRunner({
      endpoints: new Map([['gpu', endpoint]]),
      providers: new Map(),
      secrets: { keyOf: async () => Promise.resolve(null) },
      clock: time,
      timers: time,
      result_bytes_max: 1_000_000,
      prompts: null,
      commands,
      checker: CHECKER,
    });
  };
  const script = { script: 'commands/call.py', args: null, pure: false, source_sha256: '', inputs: [] };
  const orderFor = (prompt: string, more: Partial<AttemptOrder> = {}): AttemptOrder =>
    orderOf({ command: script, job: JOB, messages: [{ role: 'user', content: prompt }], ...more });

  it('R3: is answered piece by piece, as by the platform’s own provider', async () => {
    const seen = watched();
    const report = await setup().run(orderFor('hello'), seen.observer, NEVER);
    expect(report).toMatchObject({
      outcome: 'succeeded',
      answer: {
        text: 'token0 token1 token2 token3 token4 of: hello',
        meta: { endpoint_kind: 'openai-compatible', parameters_sent: { model: 'test-model', stream: true } },
      },
    });
    expect(seen.text).toHaveLength(5);
    expect(seen.phases).toEqual(['building', 'calling', 'streaming', 'ending']);
  });

  it.each([
    ['headers', { first_token_timeout_ms: 50 }, 'FirstTokenTimeout'],
    [0, { first_token_timeout_ms: 50 }, 'FirstTokenTimeout'],
    [2, { stall_timeout_ms: 50 }, 'StallTimeout'],
    [2, { attempt_timeout_ms: 50 }, 'TotalTimeout'],
  ] as const)(
    'R3: ends at a server silent at %s with limits %o: %s, and closes the connection',
    async (stall, limits, code) => {
      server.script('silent', { stall });
      const prompt = `silent ${stall} ${code}`;
      // Time stands still until the server has fallen silent, however long that takes.
      const clock = new FakeClock();
      const { observer, text } = watched();
      const silent = Promise.withResolvers<void>();
      const pieces = stall === 'headers' ? 0 : stall;
      const hear = (piece: string): void => {
        observer.text(piece);
        if (text.length === pieces) silent.resolve();
      };
      if (pieces === 0) silent.resolve();
      const running = setup(clock).run(orderFor(prompt, limits), { ...observer, text: hear }, NEVER);
      const request = await server.arrived(prompt);
      await silent.promise;
      await clock.advance(50);
      expect(await running).toMatchObject({ outcome: 'timed_out', failure: { reason_code: code } });
      await request.ended;
      expect(request.state).toBe('aborted');
    },
  );

  it('R3: asks once, whatever the server says: trying again is the run’s affair', async () => {
    server.script('refused', { status: 500 });
    const report = await setup().run(orderFor('refused'), watched().observer, NEVER);
    expect(report.failure).toMatchObject({ blame: 'transient', reason_code: 'ProviderError' });
    expect(server.count('refused')).toBe(1);
  });
});
