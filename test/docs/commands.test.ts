// The tables of docs/commands.md and what a command script may print.
import { describe, expect, it } from 'vitest';
import { readCommand } from '../../src/executor/command-output.ts';
import { readDoc, tableRows } from './tables.ts';

const PAGE = readDoc('docs/commands.md');

/** The keys that the reader of commands names where it finds another one. */
function keysOf(kind: 'http' | 'exec'): string[] {
  const read = readCommand(JSON.stringify({ [kind]: { 'no such key': 1 } }));
  const fault = read.kind === 'none' ? read.faults.find(({ path }) => path.includes('no such key')) : undefined;
  return (fault?.expected ?? '').split(/, | or /).toSorted();
}

describe('docs/commands.md', () => {
  it.each([
    ['http', '### What it prints'],
    ['exec', '## A program'],
  ] as const)('R3: names the keys of %s, all of them and no other', (kind, heading) => {
    const section = PAGE.slice(PAGE.indexOf(`\n${heading}\n`));
    const table = /\n\| key [\s\S]*?\n\n/.exec(section)?.[0] ?? '';
    const named = tableRows(table).map(([key = '']) => key);
    expect(named.toSorted()).toEqual(keysOf(kind));
    expect(named.length).toBeGreaterThan(2);
  });
});
