// What is said of jobs that are asked as the next run of their names.
import { expect, it } from 'vitest';
import { changedText } from '../../src/cli/following/run-report.ts';

it.each([
  [['prompt.base'], 'faq (prompt.base)'],
  [['prompt.base', 'fresh'], 'faq (prompt.base)'],
  [['fresh'], 'faq (a fresh draw)'],
  [[], 'faq'],
])('R6: says of a job that differs in %j: %s', (differs, text) => {
  expect(changedText({ total: 1, some: [{ name: 'faq', run: 2, differs }] })).toBe(text);
  expect(changedText({ total: 998, some: [{ name: 'faq', run: 2, differs }] })).toBe(`${text} and 997 more`);
});
