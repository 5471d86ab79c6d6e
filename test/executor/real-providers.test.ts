// The runner with real providers, real sockets and real time, against the scripted model server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointConfig, EndpointKind } from '../../src/core/endpoints.ts';
import { createRunner } from '../../src/executor/runner.ts';
import type { Clock, Timers } from '../../src/core/ports/clock.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { createProviders } from '../../src/providers/providers.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { CHECKER, endpointOf, orderOf, watched } from './attempts.ts';

const EVERYDAY: Clock & Timers = { ...systemClock, ...systemTimers };
const NEVER = new AbortController().signal;

describe.each<[EndpointKind, string]>([
  ['ollama', ''],
  ['openai-compatible', '/v1'],
  ['openai', '/v1'],
  ['anthropic', '/anthropic/v1'],
  ['google', '/google/v1beta'],
  ['mistral', '/mistral/v1'],
])('an attempt at a server of kind %s', (kind, path) => {
  let server: ModelServer;
  const setup = (more: Partial<EndpointConfig> = {}, time: Clock & Timers = EVERYDAY) => {
    const endpoint = endpointOf({ kind, base_urls: [`${server.url}${path}`], ...more });
    return createRunner({
      endpoints: new Map([['gpu', endpoint]]),
      providers: createProviders({ clock: systemClock, timers: systemTimers }),
      secrets: { keyOf: async () => Promise.resolve('sk-secret-0123456789') },
      clock: time,
      timers: time,
      result_bytes_max: 1_000_000,
      prompts: null,
      commands: null,
      checker: CHECKER,
    });
  };
  const orderFor = (prompt: string, more: object = {}) =>
    orderOf({ model: 'test-model', messages: [{ role: 'user', content: prompt }], ...more });

  beforeAll(async () => {
    server = await startModelServer();
  });
  afterAll(async () => server.close());

  it('R5: is answered', async () => {
    const seen = watched();
    const report = await setup().run(orderFor('hello'), seen.observer, NEVER);
    expect(report).toMatchObject({
      outcome: 'succeeded',
      answer: { text: 'token0 token1 token2 token3 token4 of: hello' },
    });
    expect(seen.phases).toEqual(['building', 'calling', 'streaming', 'ending']);
  });

  it.each([
    ['headers', { first_token_timeout_ms: 50 }, 'FirstTokenTimeout'],
    [0, { first_token_timeout_ms: 50 }, 'FirstTokenTimeout'],
    [2, { stall_timeout_ms: 50 }, 'StallTimeout'],
    [2, { attempt_timeout_ms: 50 }, 'TotalTimeout'],
  ] as const)(
    'ends at a server silent at %s with limits %o: %s, and closes the connection',
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
      const running = setup({}, clock).run(orderFor(prompt, limits), { ...observer, text: hear }, NEVER);
      const request = await server.arrived(prompt);
      await silent.promise;
      await clock.advance(50);
      expect(await running).toMatchObject({ outcome: 'timed_out', failure: { reason_code: code } });
      await request.ended;
      expect(request.state).toBe('aborted');
    },
  );

  it('closes the connection when it is cancelled', async () => {
    server.script('cancel me', { stall: 3 });
    const controller = new AbortController();
    const running = setup().run(orderFor('cancel me'), watched().observer, controller.signal);
    const request = await server.arrived('cancel me');
    await server.until(() => request.pieces_sent === 3);
    controller.abort('cancelled');
    expect((await running).outcome).toBe('cancelled');
    await request.ended;
    expect(request.state).toBe('aborted');
  });

  it('shows the key in no log and no report', async () => {
    server.script('leak', (request) => ({
      status: 401,
      error: `no: ${String(request.headers['authorization'])}`,
    }));
    const seen = watched();
    const report = await setup({ api_key_env: 'KEY' }).run(orderFor('leak'), seen.observer, NEVER);
    expect(report).toMatchObject({ failure: { blame: 'hold', reason_code: 'EndpointAuth' } });
    expect(JSON.stringify([report, seen])).not.toContain('0123456789');
  });
});
