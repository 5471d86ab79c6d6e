// What becomes of an attempt whose job asks for a schema.
import { expect, it } from 'vitest';
import type { AnswerChecker, AnswerVerdict } from '../../src/core/ports/answer-checker.ts';
import { answerOf, setup } from './attempts.ts';

const ASKED = { parameters: { response_schema: { type: 'object', required: ['a'] } } };

it('R3: succeeds with an answer that matches, kept as it came', async () => {
  const { start } = setup();
  const { report, call } = await start(ASKED);
  call.answer(answerOf({ text: ' {"a": 1}\n' }));
  expect(await report).toMatchObject({ outcome: 'succeeded', answer: { text: ' {"a": 1}\n' } });
});

/** A check that ends when the test says so, of a schema that is one. */
function heldCheck() {
  const { promise, resolve } = Promise.withResolvers<AnswerVerdict>();
  const checker: AnswerChecker = {
    check: async (_schema, text) => (text === null ? { kind: 'matches' } : promise),
  };
  return { checker, end: resolve };
}

it.each([
  ['with tokens', true],
  ['all at once', false],
])('G14: is not called silent while its answer, which came %s, is checked', async (_how, streams) => {
  const { checker, end } = heldCheck();
  const { start, clock } = setup({ checker });
  const { report, call } = await start(ASKED);
  if (streams) call.observer.text('Some');
  call.answer(answerOf());
  await clock.settle();
  if (streams) call.observer.text('a piece too late');
  await clock.advance(9_999);
  end({ kind: 'matches' });
  expect(await report).toMatchObject({ outcome: 'succeeded', failure: null });
});

it('G14: has its time as a whole for the check, too, and was paid for where that is over', async () => {
  const { checker, end } = heldCheck();
  const { start, clock } = setup({ checker });
  const { report, call } = await start(ASKED);
  call.answer(answerOf());
  await clock.settle();
  await clock.advance(10_000);
  end({ kind: 'differs', message: 'at its root: no' });
  expect(await report).toMatchObject({
    outcome: 'timed_out',
    failure: { reason_code: 'TotalTimeout' },
    spent: { usage: { output: 1 } },
  });
});

it('R3: is tried again after an answer that differs, whose beginning stands in its log', async () => {
  const { start, seen } = setup();
  const { report, call } = await start(ASKED);
  const text = `{"b": "${'x'.repeat(900)}"}`;
  call.answer(answerOf({ text, finish_reason: 'length' }));
  const { outcome, answer, failure } = await report;
  expect({ outcome, answer, failure }).toMatchObject({
    outcome: 'errored',
    answer: null,
    failure: { blame: 'transient', reason_code: 'SchemaMismatch', scope: 'endpoint' },
  });
  expect(failure?.message).toContain(
    "gpu: the answer breaks response_schema: at its root: must have required property 'a'",
  );
  expect(seen.log).toContain(`info: the answer that was refused (1 tokens; finish: length): ${text}`);
});

it('R22: says what the answer took that was refused', async () => {
  const { start } = setup();
  const { report, call } = await start(ASKED);
  call.answer(answerOf({ text: 'no', warnings: ['top_k is not known there.'] }));
  const { usage, parameters_sent } = answerOf();
  expect((await report).spent).toEqual({
    ...{ endpoint: 'gpu', model: 'm', usage, parameters_sent },
    warnings: ['top_k is not known there.'],
  });
});

it('R22: says so, too, where the attempt is ended while its answer is checked', async () => {
  const { checker, end } = heldCheck();
  const { start, abort, clock } = setup({ checker });
  const { report, call } = await start(ASKED);
  call.answer(answerOf());
  await clock.settle();
  abort('cancelled');
  end({ kind: 'differs', message: 'at its root: no' });
  expect(await report).toMatchObject({
    ...{ outcome: 'cancelled', answer: null, failure: null },
    spent: { usage: { output: 1 } },
  });
});

it('says nothing of the kind where the answer is kept, or none came', async () => {
  const { start, run } = setup();
  const { report, call } = await start(ASKED);
  call.answer(answerOf({ text: '{"a": 1}' }));
  expect(await report).not.toHaveProperty('spent');
  expect(await run({ parameters: { response_schema: { type: 'text' } } })).not.toHaveProperty('spent');
});

it('shows no more than 2,000 characters of it there', async () => {
  const { start, seen } = setup({ result_bytes_max: 10_000 });
  const { report, call } = await start(ASKED);
  call.answer(answerOf({ text: 'x'.repeat(5_000) }));
  await report;
  expect(seen.log.find((line) => line.includes('was refused'))).toMatch(/: x{2000}…$/);
});

it('R3: fails for a schema that is none before anybody is asked', async () => {
  const { run, calls } = setup();
  const { failure } = await run({ parameters: { response_schema: { type: 'text' } } });
  expect(failure).toMatchObject({ blame: 'job', reason_code: 'SchemaMismatch' });
  expect(failure?.message).toContain('response_schema is no JSON Schema that can be checked');
  expect(calls).toEqual([]);
});

it('fails where the check takes too long, and says what to do', async () => {
  const { start } = setup({
    checker: {
      check: async (_schema, text) =>
        Promise.resolve(text === null ? { kind: 'matches' } : { kind: 'too_slow', limit_ms: 5_000 }),
    },
  });
  const { report, call } = await start(ASKED);
  call.answer(answerOf());
  expect((await report).failure).toMatchObject({
    blame: 'job',
    reason_code: 'SchemaMismatch',
    message:
      'gpu: checking the answer against response_schema took longer than 5000 ms. Simplify its patterns.',
  });
});

it('asks nobody to check the answer of a job without a schema', async () => {
  const { start } = setup({ checker: { check: async () => Promise.reject(new Error('not to be asked')) } });
  const { report, call } = await start();
  call.answer(answerOf({ text: 'no JSON' }));
  expect((await report).outcome).toBe('succeeded');
});
