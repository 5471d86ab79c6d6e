import { describe, expect, it } from 'vitest';
import type { PreparedJob } from '../../src/core/submission.ts';
import { isTaken, submitFiles } from '../../src/workspace/job-intake.ts';
import { FakeDoor, job } from './watcher-setup.ts';

async function prepared(door: FakeDoor, name: string, text: string): Promise<PreparedJob> {
  const made = await door.prepare(job(text), { via: 'folder', link: `${name}.json`, defaults: { name } });
  if (!made.ok) throw new Error(JSON.stringify(made.faults));
  return made.job;
}

describe('jobs of several files that are handed over at once', () => {
  it('R8: are told apart: each file hears of its own that have other words under a known name', async () => {
    const door = new FakeDoor();
    await door.accept(job('before'), 'known');
    const [a, b, other, c] = await Promise.all(
      [
        ['a', 'a'],
        ['b', 'b'],
        ['known', 'after'],
        ['c', 'c'],
      ].map(([name = '', text = '']) => prepared(door, name, text)),
    );
    if (a === undefined || b === undefined || other === undefined || c === undefined) throw new Error('gone');
    const changed = await submitFiles(door, [[a, b], [other], [c]]);
    expect(changed).toEqual([[], [{ name: 'known', spec_sha256: other.spec_sha256 }], []]);
    expect(door.names).toEqual(['a', 'b', 'c', 'known']);
    expect(door.submissions).toBe(1);
    expect(isTaken(door, changed[1] ?? [])).toBe(false);
    await door.accept(job('after'), 'known');
    expect(isTaken(door, changed[1] ?? [])).toBe(true);
  });
});
