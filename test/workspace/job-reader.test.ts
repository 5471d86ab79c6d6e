import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { sha256 } from '../../src/core/identity.ts';
import type { FileKind } from '../../src/core/ports/job-folder.ts';
import { Breath } from '../../src/workspace/breath.ts';
import { droppedName } from '../../src/workspace/dropped-file.ts';
import { JobReader, type ReadJobs } from '../../src/workspace/job-reader.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeDoor, FakeFolder, job, lines } from './watcher-setup.ts';

/** What is said of a file that has been so for a time. */
async function readAfter(
  unchanged_ms: number,
  file: string,
  content: unknown,
  { kind, error }: { readonly kind?: FileKind; readonly error?: Error } = {},
): Promise<ReadJobs> {
  const clock = new FakeClock();
  const folder = new FakeFolder(clock);
  folder.put(file, content, kind);
  if (error !== undefined) folder.broken.set(file, error);
  const [name, version] = [droppedName(file), await folder.look(file)];
  if (name === null || version === null) throw new Error(`${file} is no job by its name`);
  const reader = new JobReader({ folder, breath: new Breath({ clock, timers: clock }) });
  return reader.read({ file, name, version, unchanged_ms, seen_m: 0 }, new FakeDoor());
}

function denied(code: string): Error {
  return Object.assign(new Error(`${code}: a.json`), { code, syscall: 'open' });
}

describe('a file of jobs/', () => {
  it('R14: is right as soon as it is whole, and a batch when it rests', async () => {
    expect(await readAfter(0, 'a.json', job('a'))).toMatchObject({ is: 'right', jobs: [{ name: 'a' }] });
    const batch = lines(job('x', { key: 'x' }), job('y', { key: 'y' }));
    expect(await readAfter(LIMITS.folder_rest_ms - 1, 'lot.jsonl', batch)).toMatchObject({
      is: 'unfinished',
    });
    const read = await readAfter(LIMITS.folder_rest_ms, 'lot.jsonl', batch);
    expect(read).toMatchObject({ is: 'right', jobs: [{ name: 'lot.x' }, { name: 'lot.y' }] });
  });

  it.each([
    ['that ends in the middle', '{"prompt": "a', LIMITS.folder_unfinished_ms],
    ['that is whole and no job', '{"prompt": 7}', LIMITS.folder_rest_ms],
  ])('R14: %s is waited for, and wrong after its time', async (_what, text, patience_ms) => {
    expect(await readAfter(500, 'a.json', text)).toEqual({ is: 'unfinished', rest_ms: patience_ms - 500 });
    const read = await readAfter(patience_ms, 'a.json', text);
    expect(read).toMatchObject({ is: 'wrong', sha256: sha256(text) });
  });

  it('R14: that is none, or may not be read, is wrong, and has no hash', async () => {
    const fifo = await readAfter(0, 'a.json', '', { kind: 'fifo' });
    expect(fifo).toMatchObject({ is: 'wrong', faults: [{ got: 'a FIFO' }], sha256: null });
    const error = denied('EACCES');
    const secret = await readAfter(0, 'a.json', job('a'), { error });
    expect(secret).toMatchObject({ is: 'wrong', faults: [{ got: 'EACCES' }], sha256: null });
  });

  it('R26: that the disk does not give is not its own fault', async () => {
    const error = denied('EIO');
    await expect(readAfter(0, 'a.json', job('a'), { error })).rejects.toBe(error);
  });
});
