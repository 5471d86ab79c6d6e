import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AnswerCheckThread, beginAnswerCheck } from '../../src/app/answer-checker.ts';
import { ThreadFault } from '../../src/app/single-file-thread.ts';
import type { Timers } from '../../src/core/ports/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/until.ts';

/** Runs for longer than anybody waits. */
const CATASTROPHE = { type: 'string', pattern: '^(a+)+$' };
const VICTIM = JSON.stringify(`${'a'.repeat(60)}!`);

function checking(timers: Timers = systemTimers): {
  readonly checker: AnswerCheckThread;
  readonly threads: readonly Worker[];
} {
  const threads: Worker[] = [];
  const checker = new AnswerCheckThread(timers, LIMITS.schema_check_timeout_ms, () => {
    threads.push(beginAnswerCheck());
    return threads.at(-1)!;
  });
  onTestFinished(() => checker.close());
  return { checker, threads };
}

describe('answers are checked beside the instance', () => {
  it('R3: gives to each its own verdict, however many ask at once, in one thread', async () => {
    const { checker, threads } = checking();
    const verdicts = await Promise.all(
      ['1', '"x"', 'no'].map(async (text) => checker.check({ type: 'number' }, text)),
    );
    expect(verdicts.map(({ kind }) => kind)).toEqual(['matches', 'differs', 'differs']);
    expect(threads).toHaveLength(1);
  });

  it('R3: ends a check that takes too long, thread and all, and goes on with the next', async () => {
    const clock = new FakeClock();
    const { checker, threads } = checking(clock);
    const slow = checker.check(CATASTROPHE, VICTIM);
    const next = checker.check({ type: 'number' }, '1');
    await until('the check to run', () => clock.waiting === 1);
    await clock.advance(LIMITS.schema_check_timeout_ms);
    expect(await slow).toEqual({ kind: 'too_slow', limit_ms: LIMITS.schema_check_timeout_ms });
    expect(await next).toEqual({ kind: 'matches' });
    // A thread that has ended has no id any more.
    expect(threads.map(({ threadId }) => threadId > 0)).toEqual([false, true]);
  });

  it('gives up what runs and what waits when it is closed', async () => {
    const { checker, threads } = checking();
    const asked = [CATASTROPHE, CATASTROPHE].map(async (schema) =>
      checker.check(schema, VICTIM).catch((error: unknown) => error),
    );
    await until('a thread', () => threads.length === 1);
    await checker.close();
    const faults = await Promise.all(asked);
    expect(faults.map((fault) => fault instanceof ThreadFault && fault.why)).toEqual(['broken', 'closed']);
  });
});
