import { describe, expect, it } from 'vitest';
import { droppedName } from '../../src/workspace/dropped-file.ts';
import { type Due, groupsOf } from '../../src/workspace/due-files.ts';

const MIB = 1024 * 1024;

function due(file: string, mib: number): Due {
  const name = droppedName(file);
  if (name === null) throw new Error(`${file} is no job by its name`);
  const version = { kind: 'file', id: file, bytes: mib * MIB, mtime_ms: 0 } as const;
  return { file, name, version, unchanged_ms: 0, seen_m: 0 };
}

function groups(...files: readonly Due[]): string[][] {
  return [...groupsOf(files)].map((group) => group.map(({ file }) => file));
}

describe('files that are read at a time', () => {
  it('R14: are as many as fit into memory, in order, and a large one is alone', () => {
    expect(groups()).toEqual([]);
    expect(groups(due('a.json', 30), due('b.json', 30), due('c.json', 30))).toEqual([
      ['a.json', 'b.json'],
      ['c.json'],
    ]);
    expect(groups(due('a.json', 1), due('b.json', 100), due('c.json', 1))).toEqual([
      ['a.json'],
      ['b.json'],
      ['c.json'],
    ]);
  });

  it('R14: are fewer where they are batches: short lines make many jobs', () => {
    expect(groups(due('a.jsonl', 3), due('b.jsonl', 3), due('c.json', 3))).toEqual([
      ['a.jsonl'],
      ['b.jsonl', 'c.json'],
    ]);
  });
});
