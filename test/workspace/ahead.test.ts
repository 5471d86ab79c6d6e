/** Several files are read at a time, and nobody can tell but by the time it takes. */
import { describe, expect, it } from 'vitest';
import { ahead } from '../../src/workspace/ahead.ts';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

const numbers = Array.from({ length: 100 }, (_, i) => i);

describe('what is read ahead', () => {
  it('comes in its order, whatever is ready first', async () => {
    const ready = numbers.map(() => Promise.withResolvers<void>());
    const seen = all(ahead(numbers, async (i) => ready[i]?.promise.then(() => i)));
    for (const { resolve } of ready.toReversed()) resolve();
    expect(await seen).toEqual(numbers);
  });

  it('is read by sixteen at a time, and no further than somebody takes it', async () => {
    const full = Promise.withResolvers<void>();
    let under_way = 0;
    let most = 0;
    let begun = 0;
    const made = ahead(numbers, async (i) => {
      begun += 1;
      most = Math.max(most, ++under_way);
      if (begun === 16) full.resolve();
      await full.promise;
      under_way -= 1;
      return i;
    });
    expect((await made.next()).value).toBe(0);
    expect(begun).toBe(16);
    expect((await all(made)).at(-1)).toBe(99);
    expect([begun, most]).toEqual([100, 16]);
  });

  it('says where one failed when it is its turn, and what is behind it fails unheard', async () => {
    const seen: number[] = [];
    const made = ahead(numbers, async (i) => {
      if (i >= 3) throw new Error(`no ${i}`);
      return i;
    });
    await expect(async () => {
      for await (const i of made) seen.push(i);
    }).rejects.toThrow('no 3');
    expect(seen).toEqual([0, 1, 2]);
  });

  it('is nothing where there is nothing', async () => {
    expect(await all(ahead([], async () => 1))).toEqual([]);
  });
});
