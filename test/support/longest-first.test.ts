import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { longestFirst, SECONDS } from './longest-first.ts';

const ROOT = new URL('../../', import.meta.url);

describe('the order of test files', () => {
  it('knows each long file by the name that it has', () => {
    const missing = Object.keys(SECONDS).filter((name) => !existsSync(new URL(name, ROOT)));
    expect(missing).toEqual([]);
  });

  it('has the longest first, and leaves the others as they were', () => {
    const [longest, ...others] = Object.entries(SECONDS)
      .toSorted(([, a], [, b]) => b - a)
      .map(([name]) => `/clone/${name}`);
    const files = ['/clone/test/b.test.ts', ...others.toReversed(), '/clone/test/a.test.ts', longest ?? ''];
    const ordered = longestFirst(files, (file) => file);
    expect(ordered[0]).toBe(longest);
    expect(ordered.slice(-2)).toEqual(['/clone/test/b.test.ts', '/clone/test/a.test.ts']);
  });
});
