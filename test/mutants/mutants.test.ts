/** The mutants themselves are killed by `npm run mutants`; here only that none of them has gone stale. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { broken, ROOT } from './copy.ts';
import { MUTANTS } from './mutants.ts';

it('breaks at least 25 rules, each under a name of its own', () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

describe.each(MUTANTS)('$name', (mutant) => {
  it('applies to the source as it stands, and changes it', () => {
    const source = readFileSync(join(ROOT, mutant.file), 'utf8');
    expect(broken(mutant, source)).not.toBe(source);
  });

  it('names tests that are there', () => {
    expect(mutant.killed_by.length).toBeGreaterThan(0);
    for (const file of mutant.killed_by) expect(existsSync(join(ROOT, file)), file).toBe(true);
  });
});
