import { describe, expect, it } from 'vitest';
import { checkJob } from '../../src/core/job.ts';
import { parseJobText, placeFaults } from '../../src/core/job-text.ts';
import { WRONG_JOBS, WRONG_JOBS_CONTEXT } from './wrong-jobs.ts';

const context = {
  endpoints: new Set<string>(WRONG_JOBS_CONTEXT.endpoints),
  default_endpoint: WRONG_JOBS_CONTEXT.default_endpoint,
  kinds: new Map(WRONG_JOBS_CONTEXT.endpoints.map((name) => [name, name])),
};

describe('A wrong job', () => {
  it.each(WRONG_JOBS)('$row: $title is refused with exact words', ({ text, faults }) => {
    const parsed = parseJobText(text);
    if (parsed.faults.length > 0) return expect(parsed.faults).toEqual(faults);
    const checked = checkJob(parsed.value, context);
    return expect(checked.ok ? [] : placeFaults(checked.faults, parsed)).toEqual(faults);
  });

  it('is one of at least 40, each with another title', () => {
    expect(WRONG_JOBS.length).toBeGreaterThanOrEqual(40);
    expect(new Set(WRONG_JOBS.map(({ title }) => title)).size).toBe(WRONG_JOBS.length);
  });

  it('R3: never hears its secret again', () => {
    const said = JSON.stringify(WRONG_JOBS.map(({ faults }) => faults));
    expect(said).not.toContain('not-a-real-key');
    expect(said).not.toContain('abcdefghijklmnop');
  });

  it('hears words of ours, never those of the schema library', () => {
    const said = JSON.stringify(WRONG_JOBS.map(({ faults }) => faults));
    expect(said).not.toMatch(/Invalid input|Too small|Too big|expected string|Unrecognized/);
  });
});
