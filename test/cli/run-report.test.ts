// What the report of a run says of jobs that are asked as the next run of their names, and of tokens.
import { expect, it } from 'vitest';
import { changedText, tokensText } from '../../src/cli/following/run-report.ts';

it.each([
  [['prompt.base'], 'faq (prompt.base)'],
  [['prompt.base', 'fresh'], 'faq (prompt.base)'],
  [['fresh'], 'faq (a fresh draw)'],
  [[], 'faq'],
])('R6: says of a job that differs in %j: %s', (differs, text) => {
  expect(changedText({ total: 1, some: [{ name: 'faq', run: 2, differs }] })).toBe(text);
  expect(changedText({ total: 998, some: [{ name: 'faq', run: 2, differs }] })).toBe(`${text} and 997 more`);
});

it.each([
  [3, 101, 0, '3 in, 101 out'],
  [0, 0, 0, '0 in, 0 out'],
  [3, 101, 2, '3 in, 101 out and 2 answers unknown'],
  [0, 0, 3, 'unknown'],
])(
  'tokens: %d in, %d out, %d answers unknown, are "%s"',
  (input_tokens, output_tokens, tokens_unknown, text) => {
    expect(tokensText({ input_tokens, output_tokens, tokens_unknown })).toBe(text);
  },
);
