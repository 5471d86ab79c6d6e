import { describe, expect, it } from 'vitest';
import { RUN_EVENTS, RUN_STATES, transitions } from '../../src/core/states.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { FROM_INSTANCE } from '../../src/wire/messages.ts';
import { blocksOf } from './blocks.ts';
import { readDoc, section, tableRows } from './tables.ts';

const DOC = readDoc('docs/concepts.md');

describe('docs/concepts.md', () => {
  it('draws every transition of the table of states, and no other', () => {
    const diagram = blocksOf(DOC).find(({ info }) => info === 'mermaid')?.text ?? '';
    const drawn = diagram
      .split('\n')
      .slice(1)
      .map((line) => {
        const [, from = '', to = '', event = ''] = /^ {2}(\w+) --> (\w+) : (\w+)$/.exec(line) ?? [];
        return { from, event, to };
      });
    const sorted = (all: readonly { from: string; event: string; to: string }[]) =>
      all.map(({ from, event, to }) => `${from} -- ${event} -> ${to}`).toSorted();
    expect(sorted(drawn)).toEqual(sorted(transitions()));
  });

  it('explains every state and every event, and no other', () => {
    const rows = tableRows(section(DOC, '## States of a run'));
    const explained = rows.map(([name]) => name);
    expect(explained).toEqual([...RUN_STATES, ...RUN_EVENTS]);
    for (const [name, text] of rows) expect(text, name).toMatch(/\w{3}/);
  });

  it('explains every outcome of an attempt, and no other', () => {
    const outcomes = FROM_INSTANCE.options.flatMap((option) =>
      'report' in option.shape ? option.shape.report.shape.outcome.options : [],
    );
    expect(outcomes.length).toBeGreaterThan(0);
    const explained = tableRows(section(DOC, '## Attempts, outcomes, budgets')).map(([outcome = '']) => outcome);
    expect(explained.toSorted()).toEqual(outcomes.toSorted());
  });

  it('names limits and reasons that there are', () => {
    const words = [...DOC.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, word = '']) => word);
    const limits = words.filter((word) => /_(ms|max|bytes)$|^max_/.test(word));
    expect(limits.length).toBeGreaterThan(5);
    expect(limits.filter((word) => !Object.hasOwn(LIMITS, word))).toEqual([]);
    const codes = [...DOC.matchAll(/`([A-Z][a-z]+[A-Z]\w+)`/g)].map(([, word = '']) => word);
    expect(codes.filter((word) => !Object.hasOwn(REASONS, word) && word !== 'NameTaken')).toEqual([]);
    expect(codes.length).toBeGreaterThan(3);
  });
});
