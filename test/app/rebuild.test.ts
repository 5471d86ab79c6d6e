import { expect, it, onTestFinished } from 'vitest';
import { Rebuild } from '../../src/app/rebuild.ts';
import { sha256 } from '../../src/core/identity.ts';
import { openMemoryStores, type MemoryStores } from '../../src/stores/sqlite/memory.ts';
import { layoutOf } from '../../src/workspace/layout.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryFiles } from '../support/memory-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const LAYOUT = layoutOf('/work');
const [FIRST, OTHER] = [`1:${sha256('first')}`, `1:${sha256('other')}`];

interface Told {
  readonly name: string;
  readonly digest: string;
  readonly answered_by?: string;
}

/** A database made of these results, each of run 1 of its name. */
async function rebuilt(results: readonly Told[]): Promise<MemoryStores> {
  const [clock, files] = [new FakeClock(), new MemoryFiles()];
  const stores = openMemoryStores({ clock, random: new SeededRandom(1) });
  onTestFinished(() => stores.store.close());
  for (const [i, told] of results.entries()) {
    const submitted_at = new Date(1_000 * (i + 1)).toISOString();
    const record = { job: `${told.name}.json`, result: 'text', run: 1, ...told, submitted_at };
    files.put(`${LAYOUT.results}/${i + 1}_${told.name}.json`, Buffer.from(JSON.stringify(record)));
  }
  const names = async function* (folder: string): AsyncGenerator<string> {
    const inside = files.paths.filter((path) => path.startsWith(`${folder}/`));
    yield* inside.map((path) => path.slice(folder.length + 1));
  };
  const observer = { misfit: async () => undefined, progress: () => undefined };
  const jobs = { of: async () => null };
  await new Rebuild(LAYOUT, jobs, observer, { files, names, clock }).fill(stores.store);
  return stores;
}

it('R6 R8: an answer that was taken from another run is found by its digest, whichever of the two was submitted first', async () => {
  const pair = [
    { name: 'own', digest: FIRST },
    { name: 'taken', digest: FIRST, answered_by: 'own@1' },
  ];
  for (const results of [pair, pair.toReversed()]) {
    const { store, reads } = await rebuilt(results);
    const own = reads.run('own', null)?.id;
    expect(reads.run('taken', null)?.answered_by).toBe(own);
    expect((await store.load({ digests: [FIRST] })).completed.get(FIRST)).toBe(own);
  }
});

const strangers = [
  { name: 'own', digest: FIRST },
  { name: 'taken', digest: OTHER, answered_by: 'own@1' },
];

it('R6 R8: an answer is its own where the run that it was taken from is of other work by now', async () => {
  const { reads } = await rebuilt(strangers);
  expect(reads.run('taken', null)).toMatchObject({ state: 'completed', answered_by: null });
});

it('R6 R8: an answer is found by its digest, whatever became of the run that it was taken from', async () => {
  for (const results of [strangers, strangers.toReversed(), strangers.slice(1)]) {
    const { store, reads } = await rebuilt(results);
    const { completed } = await store.load({ digests: [OTHER] });
    expect(completed.get(OTHER)).toBe(reads.run('taken', null)?.id);
  }
});
