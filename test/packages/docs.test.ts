// docs/ai-packages.md shows what stands in examples/ai-packages, and says what src/ai.ts says.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc, section, tableRows } from '../docs/tables.ts';

const DOCUMENT = readDoc('docs/ai-packages.md');
const EXAMPLE = new URL('../../examples/ai-packages/', import.meta.url);

/** A shown file without the comments of the example. */
function bare(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.trim().startsWith('//'))
    .join('\n')
    .trimEnd();
}

describe('docs/ai-packages.md', () => {
  it.each(['packages/desk.py', 'jobs/words.json'])('R33: shows %s as it stands in the example', (file) => {
    const shown = blocksOf(DOCUMENT).find(({ info }) => info.endsWith(` ${file}`))?.text;
    expect(shown).toBe(bare(readFileSync(new URL(file, EXAMPLE), 'utf8')));
  });

  it('R30: lists the keys of a job as its type has them', () => {
    const source = readFileSync(new URL('../../src/ai.ts', import.meta.url), 'utf8');
    const type = /interface AiJob \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? '';
    const keys = [...type.matchAll(/^ {2}readonly (\w+):/gm)].map(([, key]) => key);
    expect(keys).toHaveLength(7);
    expect(tableRows(section(DOCUMENT, '## The job')).map(([key]) => key)).toEqual(keys);
  });
});
