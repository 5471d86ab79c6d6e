import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AnalysisThread, beginWorker } from '../../src/app/analysis-remote.ts';
import { Problem } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { systemTimers } from '../../src/platform/timers.ts';

function thread(): AnalysisThread {
  const one = new AnalysisThread(systemTimers);
  onTestFinished(() => one.close());
  return one;
}

const codeOf = (error: unknown): string => (error instanceof Problem ? error.code : String(error));

describe('analysis beside the server', () => {
  it('R13: gives to each what it asked for, however many ask at once', async () => {
    const one = thread();
    const answers = await Promise.all(['# a', '# b', '# c'].map((text) => one.analyse(text)));
    expect(answers.map(({ headings }) => headings[0]?.text)).toEqual(['a', 'b', 'c']);
  });

  it('refuses what is nested too deep, and goes on with the next', async () => {
    const one = thread();
    const deep = one.analyse(`${'> '.repeat(10_000)}x`).catch(codeOf);
    const next = one.analyse('# next');
    expect(await deep).toBe('NotAnalysable');
    expect((await next).headings[0]?.text).toBe('next');
  });

  it('ends its thread at the time limit, and goes on with another', async () => {
    const threads: Worker[] = [];
    const one = new AnalysisThread(systemTimers, 1, () => {
      threads.push(beginWorker());
      return threads.at(-1)!;
    });
    onTestFinished(() => one.close());
    expect(await one.analyse('* a\n'.repeat(200_000)).catch(codeOf)).toBe('NotAnalysable');
    expect(await one.analyse('* a\n'.repeat(200_000)).catch(codeOf)).toBe('NotAnalysable');
    // A thread that has ended has no id any more.
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1, -1]);
  });

  it('lets only so many wait', async () => {
    const one = thread();
    const asked = Array.from({ length: LIMITS.analyses_waiting_max + 1 }, () =>
      one.analyse('x').then(() => 'done', codeOf),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer === 'Overloaded')).toHaveLength(1);
  });
});
