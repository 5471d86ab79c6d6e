// docs/platforms.md against what the providers say of themselves.
import { describe, expect, it } from 'vitest';
import { REASONS } from '../../src/core/reasons.ts';
import { ANTHROPIC } from '../../src/providers/anthropic.ts';
import { GOOGLE } from '../../src/providers/google.ts';
import { MISTRAL } from '../../src/providers/mistral.ts';
import { OLLAMA_TAKES } from '../../src/providers/ollama-body.ts';
import { OPENAI } from '../../src/providers/openai.ts';
import { OPENAI_COMPATIBLE } from '../../src/providers/openai-compatible.ts';
import { PLATFORMS } from '../providers/vendors.ts';
import { readDoc, section, tableRows } from './tables.ts';

const DOC = readDoc('docs/platforms.md');
const ROWS = tableRows(DOC.slice(0, DOC.indexOf('## An example')));
const SDK = [OPENAI, OPENAI_COMPATIBLE, ANTHROPIC, GOOGLE, MISTRAL];

const ticked = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
/** A cell that is one word in ticks comes without them. */
const words = (cell = ''): string[] => (cell.includes('`') ? ticked(cell) : [cell]);

describe('docs/platforms.md', () => {
  it('R5: has every platform, and says plainly that no vendor was asked', () => {
    expect(ROWS.map(([kind]) => kind)).toEqual([...PLATFORMS, 'simulator']);
    expect(DOC).toContain('**Nothing here was tried against the vendors themselves.**');
  });

  it.each([...SDK.map(({ kind, attachments }) => [kind, attachments] as const), ['ollama', OLLAMA_TAKES] as const])(
    'R3: names the files that %s takes, and no other',
    (kind, taken) => {
      const [, , cell] = ROWS.find(([name]) => name === kind) ?? [];
      expect(words(cell)).toEqual(taken);
    },
  );

  it.each(SDK)('says whether $kind counts what was cached and what was thought', ({ kind, counts }) => {
    const row = ROWS.find(([name]) => name === kind) ?? [];
    const yes = (places: readonly unknown[]): string => (places.length > 0 ? 'yes' : 'no');
    // Mistral's form has a place for thoughts that it does not fill.
    const expected = kind === 'mistral' ? 'yes, no' : `${yes(counts.cached)}, ${yes(counts.reasoning)}`;
    expect(row[5]).toBe(expected);
  });

  it('names reasons that there are, each once', () => {
    const codes = tableRows(section(DOC, '## When it goes wrong')).map(([, code = '']) => code);
    expect(codes.filter((code) => !(code in REASONS))).toEqual([]);
    expect(new Set(codes).size).toBe(codes.length);
  });
});
