import { describe, expect, it, onTestFinished } from 'vitest';
import { AnalysisThread } from '../../src/app/analysis-remote.ts';
import { Problem } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { systemTimers } from '../../src/platform/timers.ts';

function thread(timeout_ms?: number): AnalysisThread {
  const one = new AnalysisThread(systemTimers, timeout_ms);
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

  it('gives up at its time limit, and goes on with the next', async () => {
    const one = thread(1);
    const slow = one.analyse('* a\n'.repeat(200_000)).catch(codeOf);
    expect(await slow).toBe('NotAnalysable');
    const calm = thread();
    expect((await calm.analyse('x')).text).toBe('x');
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
