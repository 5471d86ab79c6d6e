import { expect, it } from 'vitest';
import { joinLots } from '../../src/client/lot-answers.ts';
import type { LotView } from '../../src/core/views.ts';

const lot = (name: string, more: Partial<LotView> = {}): LotView => ({
  created: 1,
  answered_before: 0,
  shared: 2,
  known: 0,
  jobs: [{ name, run: 1, state: 'queued' }],
  ...more,
});

it('R6: the answers to the lots of one list are one: counts, next runs, and each warning once', () => {
  const next = (name: string): LotView['next_runs'] => ({
    total: 30,
    some: [{ name, run: 2, differs: ['prompt'] }],
  });
  const joined = joinLots([
    { start: 0, answer: lot('a', { warnings: ['w', 'x'], next_runs: next('a')! }) },
    { start: 1, answer: lot('b', { warnings: ['w'] }) },
    { start: 2, answer: lot('c', { next_runs: next('c')! }) },
  ]);
  expect(joined).toMatchObject({ created: 3, shared: 6, warnings: ['w', 'x'] });
  expect(joined.next_runs?.total).toBe(60);
  expect(joined.next_runs?.some.map(({ name }) => name)).toEqual(['a', 'c']);
  expect(joined.jobs.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

it('what no lot has, the whole has not', () => {
  const joined = joinLots([{ start: 0, answer: lot('a') }]);
  expect(joined).not.toHaveProperty('next_runs');
  expect(joined).not.toHaveProperty('warnings');
});
