import { describe, expect, it } from 'vitest';
import { MemoryFiles } from './memory-files.ts';
import { SeededRandom } from './seeded-random.ts';

const SEEDS = Array.from({ length: 60 }, (_, i) => i);
const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString();

/** What stands under a path after the power went, over many draws of chance. */
async function afterPowerLoss(path: string, act: (files: MemoryFiles) => Promise<void>) {
  const found = new Set<string | null>();
  for (const seed of SEEDS) {
    const files = new MemoryFiles();
    await files.makeDirectory('/d');
    await act(files);
    files.losePower(new SeededRandom(seed));
    found.add(text(files.peek(path)));
  }
  return found;
}

describe('a disk that loses power', () => {
  it('keeps what was fsynced under a name whose folder was fsynced', async () => {
    const found = await afterPowerLoss('/d/a', async (files) => {
      await files.writeNew('/d/a', Buffer.from('whole'), 0o444);
      await files.syncDirectory('/d');
    });
    expect(found).toEqual(new Set(['whole']));
  });

  it('may lose a name whose folder was not fsynced, and never half of what was', async () => {
    const found = await afterPowerLoss('/d/b', async (files) => {
      await files.writeNew('/d/a', Buffer.from('whole'), 0o444);
      await files.link('/d/a', '/d/b');
    });
    expect(found).toEqual(new Set(['whole', null]));
  });

  it('may keep, drop, cut or hole what was appended and not fsynced, and keeps what was before it', async () => {
    const found = await afterPowerLoss('/d/a', async (files) => {
      const file = await files.openAppend('/d/a');
      await files.syncDirectory('/d');
      await file.append(Buffer.from('kept.'));
      await file.sync();
      await file.append(Buffer.from('unsure'));
    });
    expect([...found].every((one) => one?.startsWith('kept.') === true)).toBe(true);
    expect(found).toContain('kept.');
    expect(found).toContain('kept.unsure');
    expect([...found].some((one) => one!.length > 5 && one!.length < 11)).toBe(true);
    expect([...found].some((one) => one!.includes('\0'))).toBe(true);
  });

  it('changes both names of a rename, or none', async () => {
    for (const seed of SEEDS) {
      const files = new MemoryFiles();
      await files.makeDirectory('/d');
      await files.writeNew('/d/a', Buffer.from('x'), 0o444);
      await files.syncDirectory('/d');
      await files.rename('/d/a', '/d/b');
      files.losePower(new SeededRandom(seed));
      expect(files.paths).toHaveLength(1);
    }
  });

  it('brings back a file whose removal was not fsynced', async () => {
    const found = await afterPowerLoss('/d/a', async (files) => {
      await files.writeNew('/d/a', Buffer.from('x'), 0o444);
      await files.syncDirectory('/d');
      await files.unlink('/d/a');
    });
    expect(found).toEqual(new Set(['x', null]));
  });
});

describe('a disk that is full', () => {
  it('has written a part; the next append begins where the failed one began', async () => {
    const files = new MemoryFiles();
    const file = await files.openAppend('/a');
    files.failing = () => ({ code: 'ENOSPC', written: 0.5 });
    await expect(file.append(Buffer.from('lost!!'))).rejects.toMatchObject({
      code: 'ENOSPC',
      syscall: 'write',
    });
    expect(text(files.peek('/a'))).toBe('los');
    files.failing = () => null;
    expect(await file.append(Buffer.from('ok'))).toBe(0);
    expect(text(files.peek('/a'))).toBe('ok');
  });

  it('leaves half of a new file under its name', async () => {
    const files = new MemoryFiles();
    files.failing = (operation) => (operation === 'writeNew' ? { code: 'ENOSPC', written: 0.5 } : null);
    await expect(files.writeNew('/a', Buffer.from('1234'), 0o444)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(text(files.peek('/a'))).toBe('12');
  });
});
