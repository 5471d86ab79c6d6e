import { describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { ProviderError } from '../../src/core/ports/provider.ts';
import { Interrupted } from '../../src/executor/interrupted.ts';
import { answerOf, endpointOf, setup } from './attempts.ts';

const KEY = 'sk-secret-0123456789';

function failure(more: Partial<AttemptFailure>): AttemptFailure {
  return {
    blame: 'transient',
    reason_code: 'ProviderError',
    message: 'm',
    scope: 'endpoint',
    retry_after_ms: null,
    ...more,
  };
}

describe('an answer', () => {
  it('R5: is reported with all that is known about it', async () => {
    const { clock, start, seen } = setup();
    const { report, call } = await start({
      extra: { foo: 1 },
      drawers: { 'openai-compatible': { bar: 2 }, ollama: { num_ctx: 1 } },
    });
    expect(call.call).toMatchObject({
      base_url: 'http://gpu1:8000/v1',
      model: 'm',
      extra: { foo: 1 },
      drawer: { bar: 2 },
    });
    await clock.advance(100);
    call.observer.text('Some');
    await clock.advance(50);
    call.observer.text('thing.');
    call.answer(answerOf({ reasoning: 'Hm.', warnings: ['foo was ignored.'] }));
    const timings = { queued_ms: null, build_ms: 0, first_token_ms: 100, call_ms: 150 };
    expect(await report).toEqual({
      ...{
        name: 'faq-17',
        run: 2,
        attempt: 3,
        digest: '1:abc',
        outcome: 'succeeded',
        failure: null,
        timings,
      },
      answer: {
        text: 'Something.',
        meta: {
          ...{
            model: 'm',
            model_answered: 'm-2026',
            endpoint: 'gpu',
            endpoint_kind: 'openai-compatible',
            finish_reason: 'stop',
          },
          ...{
            parameters_sent: { model: 'm', temperature: 0.2 },
            warnings: ['foo was ignored.'],
            cost: null,
            reasoning: 'Hm.',
          },
          ...{ usage: { input: 2, cached: null, output: 1, reasoning: null, raw: {} }, timings },
        },
      },
    });
    expect(seen.text).toEqual(['Some', 'thing.']);
  });

  it('is told in phases and in the log', async () => {
    const { start, seen } = setup();
    const { report, call } = await start();
    call.observer.text('Some');
    call.observer.text('thing.');
    call.answer(answerOf({ warnings: ['foo was ignored.'] }));
    await report;
    expect(seen.phases).toEqual(['building', 'calling', 'streaming', 'ending']);
    expect(seen.log).toEqual([
      'info: attempt 3: calling gpu at gpu1:8000, model m with temperature',
      'info: answered after 0 ms: 1 tokens, the first after 0 ms; finish: stop',
      'info: warning: foo was ignored.',
    ]);
  });

  it('leaves no timer and no listener', async () => {
    const { clock, start } = setup();
    const { report, call } = await start();
    call.observer.text('x');
    call.answer(answerOf());
    await report;
    expect(clock.waiting).toBe(0);
  });

  it('may be empty', async () => {
    const { start } = setup();
    const { report, call } = await start();
    call.answer(answerOf({ text: '' }));
    expect(await report).toMatchObject({ outcome: 'succeeded', answer: { text: '' } });
  });

  it('is none where a content filter stopped it', async () => {
    const { start } = setup();
    const { report, call } = await start();
    call.answer(answerOf({ finish_reason: 'content_filter' }));
    expect(await report).toMatchObject({
      outcome: 'errored',
      answer: null,
      failure: { blame: 'job', reason_code: 'ContentFiltered' },
      spent: { endpoint: 'gpu', model: 'm', usage: { input: 2, output: 1 } },
    });
  });

  it('is none where it is longer than a result may be', async () => {
    const { start } = setup();
    const { report, call } = await start();
    call.answer(answerOf({ text: 'ü'.repeat(501) }));
    expect(await report).toMatchObject({
      outcome: 'errored',
      failure: { blame: 'job', reason_code: 'AnswerTooLarge' },
      spent: { endpoint: 'gpu', model: 'm', usage: { input: 2, output: 1 } },
    });
  });
});

describe('a failure', () => {
  it.each([
    ['job', 'errored'],
    ['transient', 'errored'],
    ['hold', 'errored'],
    ['throttled', 'rate_limited'],
  ] as const)('of blame %s is the outcome %s', async (blame, outcome) => {
    const { start, clock } = setup();
    const { report, call } = await start();
    call.fail(new ProviderError(failure({ blame })));
    expect(await report).toMatchObject({ outcome, answer: null, failure: { blame } });
    expect(clock.waiting).toBe(0);
  });

  it('of promptd itself is no rejection', async () => {
    const { start } = setup();
    const { report, call } = await start();
    call.fail(new TypeError('x is not a function'));
    expect(await report).toMatchObject({
      outcome: 'errored',
      failure: { blame: 'transient', reason_code: 'ProviderError' },
    });
  });

  it('is an unknown endpoint, which holds it', async () => {
    const { run } = setup();
    const report = await run({ endpoint: 'openai' });
    expect(report).toMatchObject({
      outcome: 'errored',
      failure: { blame: 'hold', reason_code: 'EndpointUnreachable' },
    });
    expect(report.failure?.message).toContain('does not know the endpoint "openai" (knows: gpu)');
    expect(report.timings).toEqual({ queued_ms: null, build_ms: null, first_token_ms: null, call_ms: null });
  });

  it('is a command, where this instance runs none', async () => {
    const { run } = setup();
    expect(await run({ type: 'command', argv: ['wc', '-w'] })).toMatchObject({
      failure: { blame: 'hold', reason_code: 'NoInstance' },
    });
  });
});

describe('a key', () => {
  it('is handed to the provider and to nobody else', async () => {
    const endpoint = endpointOf({ api_key_env: 'GPU_KEY', base_urls: [`http://user:${KEY}@gpu1:8000/v1`] });
    const { start, seen } = setup({ endpoint, secrets: { keyOf: async () => Promise.resolve(KEY) } });
    const { report, call } = await start();
    expect(call.call.api_key).toBe(KEY);
    call.fail(new TypeError(`cannot send ${KEY}`));
    expect(JSON.stringify([await report, seen])).not.toContain(KEY);
  });

  it('is not asked for where the endpoint needs none', async () => {
    const { start } = setup({
      secrets: { keyOf: async () => Promise.reject(new Error('must not be called')) },
    });
    const { report, call } = await start();
    expect(call.call.api_key).toBeNull();
    call.answer(answerOf());
    expect((await report).outcome).toBe('succeeded');
  });

  it.each([
    [
      { api_key_env: 'GPU_KEY' },
      'gpu: no key. Set GPU_KEY, or "api_key_file" of this endpoint in promptd.config.json.',
    ],
    [{ api_key_file: '/run/key' }, 'gpu: no key. Put it into the file /run/key.'],
  ])('that is missing holds the endpoint and says where to put it: %o', async (config, message) => {
    const { run, calls } = setup({ endpoint: endpointOf(config) });
    expect(await run()).toMatchObject({
      outcome: 'errored',
      failure: { blame: 'hold', reason_code: 'EndpointAuth', message },
    });
    expect(calls).toHaveLength(0);
  });

  it('that cannot be read holds the endpoint', async () => {
    const secrets = { keyOf: async () => Promise.reject(new Error('mode is 0644, not 0600')) };
    const { run } = setup({ endpoint: endpointOf({ api_key_file: '/run/key' }), secrets });
    const { failure: got } = await run();
    expect(got).toMatchObject({ blame: 'hold', reason_code: 'EndpointAuth' });
    expect(got?.message).toContain('mode is 0644, not 0600');
  });
});

describe('a limit of time', () => {
  it('ends an attempt that is not done in all its time', async () => {
    const { clock, start } = setup();
    const { report, call } = await start();
    for (let at = 0; at <= 10_000; at += 900) {
      call.observer.text('x');
      await clock.advance(900);
    }
    expect(await report).toMatchObject({
      outcome: 'timed_out',
      failure: { blame: 'transient', reason_code: 'TotalTimeout' },
    });
    expect(call.signal.reason).toBe('TotalTimeout');
    expect(clock.waiting).toBe(0);
  });

  it('ends an attempt whose first token does not come', async () => {
    const { clock, start } = setup();
    const { report } = await start();
    await clock.advance(5_000);
    expect(await report).toMatchObject({
      outcome: 'timed_out',
      failure: { blame: 'transient', reason_code: 'FirstTokenTimeout' },
    });
    expect(clock.waiting).toBe(0);
  });

  it('ends an attempt that falls silent, counted from its last piece', async () => {
    const { clock, start } = setup();
    const { report, call } = await start();
    await clock.advance(4_900);
    call.observer.text('x');
    await clock.advance(700);
    call.observer.text('y');
    await clock.advance(999);
    expect(call.signal.aborted).toBe(false);
    await clock.advance(1);
    const { outcome, failure: got } = await report;
    expect(outcome).toBe('timed_out');
    expect(got).toMatchObject({ blame: 'transient', reason_code: 'StallTimeout' });
    expect(got?.message).toContain('silent for 1000 ms');
    expect(got?.message).toContain('2 tokens had come');
    expect(clock.waiting).toBe(0);
  });

  it('takes reasoning for a first token, and for a sign of life', async () => {
    const { clock, start, seen } = setup();
    const { report, call } = await start();
    for (let nth = 0; nth < 9; nth += 1) {
      await clock.advance(900);
      call.observer.phase('streaming');
    }
    expect(call.signal.aborted).toBe(false);
    expect(seen.phases.filter((phase) => phase === 'streaming')).toHaveLength(1);
    call.answer(answerOf());
    expect((await report).outcome).toBe('succeeded');
  });

  it('of more than a timer holds is as good as none', async () => {
    const { start } = setup();
    const { report, call } = await start({
      attempt_timeout_ms: 2 ** 40,
      first_token_timeout_ms: 2 ** 40,
      stall_timeout_ms: 2 ** 40,
    });
    call.observer.text('x');
    call.answer(answerOf());
    expect((await report).outcome).toBe('succeeded');
  });

  it('covers a key that is never read', async () => {
    const endpoint = endpointOf({ api_key_file: '/nfs/key' });
    const { clock, run } = setup({
      endpoint,
      secrets: { keyOf: async () => new Promise<never>(() => undefined) },
    });
    const report = run();
    await clock.advance(10_000 + LIMITS.cancel_grace_ms);
    expect(await report).toMatchObject({ outcome: 'timed_out', failure: { reason_code: 'TotalTimeout' } });
  });
});

describe('an abort', () => {
  it.each([
    ['cancelled', 'cancelled'],
    ['superseded', 'cancelled'],
    ['lease_lost', 'cancelled'],
    ['interrupted', 'interrupted'],
    ['an unknown reason', 'interrupted'],
  ])('for the reason %s is the outcome %s', async (reason, outcome) => {
    const { clock, start, abort } = setup();
    const { report, call } = await start();
    abort(reason);
    expect(await report).toMatchObject({ outcome, answer: null, failure: null });
    expect(call.signal.aborted).toBe(true);
    expect(clock.waiting).toBe(0);
  });

  it('before the start makes no call', async () => {
    const { run, calls, abort } = setup();
    abort('cancelled');
    expect((await run()).outcome).toBe('cancelled');
    expect(calls).toHaveLength(0);
  });

  it('wins over a limit that comes after it, and loses to one before it', async () => {
    const first = setup({ letsGo: false });
    const cancelled = await first.start();
    first.abort('cancelled');
    await first.clock.advance(20_000);
    expect((await cancelled.report).outcome).toBe('cancelled');

    const second = setup({ letsGo: false });
    const timedOut = await second.start();
    await second.clock.advance(5_000);
    second.abort('cancelled');
    await second.clock.advance(20_000);
    expect(await timedOut.report).toMatchObject({
      outcome: 'timed_out',
      failure: { reason_code: 'FirstTokenTimeout' },
    });
  });

  it("G18: of a program by the hand that ends its instance is an interruption, which is nobody's failure", async () => {
    const { start } = setup();
    const { report, call } = await start();
    call.fail(new Interrupted('prompts/make.py was ended with its instance.'));
    expect(await report).toMatchObject({ outcome: 'interrupted', answer: null, failure: null });
  });

  it('is reported within the grace even if the provider hangs, which is heard no more', async () => {
    const { clock, start, abort, seen } = setup({ letsGo: false });
    const { report, call } = await start();
    abort('cancelled');
    await clock.advance(LIMITS.cancel_grace_ms - 1);
    expect((await report).outcome).toBe('cancelled');
    call.observer.text('late');
    call.fail(new Error('late'));
    expect(seen.text).toEqual([]);
    expect(clock.waiting).toBe(0);
  });

  it('does not throw an answer away that came in the same moment: it was paid for', async () => {
    const { start, abort } = setup({ letsGo: false });
    const { report, call } = await start();
    abort('cancelled');
    call.answer(answerOf());
    expect((await report).outcome).toBe('succeeded');
  });
});

describe('several servers of one endpoint', () => {
  const endpoint = endpointOf({ base_urls: ['http://a', 'http://b', 'http://c'] });

  it('are asked where the fewest calls are under way', async () => {
    const { start, calls } = setup({ endpoint });
    const reports = [];
    for (let nth = 0; nth < 4; nth += 1) reports.push((await start()).report);
    calls[2]?.answer(answerOf());
    await reports[2];
    reports.push((await start()).report);
    expect(calls.map(({ call }) => call.base_url)).toEqual([
      'http://a',
      'http://b',
      'http://c',
      'http://a',
      'http://c',
    ]);
    for (const call of calls) call.fail(new Error('over'));
    await Promise.all(reports);
  });

  it('are asked in turn where they are all as busy', async () => {
    const { start, calls } = setup({ endpoint });
    for (let nth = 0; nth < 4; nth += 1) {
      const { report, call } = await start();
      call.answer(answerOf());
      await report;
    }
    expect(calls.map(({ call }) => call.base_url)).toEqual(['http://a', 'http://b', 'http://c', 'http://a']);
  });
});
