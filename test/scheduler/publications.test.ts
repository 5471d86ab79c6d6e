/** Which files are to be made of committed rows, under which epochs, and when a row of them goes. */
import { afterEach, describe, expect, it } from 'vitest';
import type { PublicationRow } from '../../src/core/rows.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const waiting = (): readonly PublicationRow[] => stage.reads.publications(50);
const ofKind = (kind: PublicationRow['kind']): readonly PublicationRow[] =>
  waiting().filter((one) => one.kind === kind);

async function answered(name: string) {
  const peer = await stage.attach();
  await stage.submit(name);
  peer.answer(name);
  await stage.settle();
  return peer;
}

describe('the commit that ends a run', () => {
  it('R9: holds its file to publish, with the epoch of the run: the result row first, the file from it', async () => {
    stage = await Stage.open();
    await answered('a');
    const { id, epoch } = stage.run('a');
    const commit = stage.store.committed.find((changes) =>
      changes.some((one) => one.do === 'insert_result'),
    )!;
    expect(commit).toContainEqual({
      do: 'put_publication',
      publication: { kind: 'result', job: id, epoch },
    });
    expect(epoch).toBe(stage.clock.now());
  });

  it('R9: gives every run of a name a later epoch, also in one moment, and where the wall clock went back', async () => {
    stage = await Stage.open();
    const peer = await answered('a');
    const epochs = [stage.run('a').epoch!];
    for (const text of ['second', 'third', 'fourth']) {
      if (text === 'third') stage.clock.jumpWall(-365 * 86_400_000);
      await stage.submit(['a', { text, if_exists: 'new_run' }]);
      peer.answer('a');
      await stage.settle();
      epochs.push(stage.run('a').epoch!);
    }
    expect(epochs).toEqual([0, 1, 2, 3].map((more) => epochs[0]! + more));
  });
});

describe('the file of a job', () => {
  it.each([
    ['http', 1],
    ['folder', 0],
    ['batch_file', 0],
  ] as const)('that came by %s: %i to publish, before its result', async (source, count) => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { source }]);
    peer.answer('a');
    await stage.settle();
    expect(ofKind('job')).toHaveLength(count);
    expect(waiting().at(-1)).toMatchObject({ kind: 'result' });
  });
});

describe('a publication', () => {
  it('R26: goes when its file stands, and telling that twice harms nobody', async () => {
    stage = await Stage.open();
    await answered('a');
    const files = waiting();
    expect(files).toHaveLength(2);
    await stage.now(stage.service.published(files));
    await stage.now(stage.service.published(files));
    expect(waiting()).toEqual([]);
    expect(stage.failures()).toEqual([]);
  });

  it('F40: whose name is taken by other bytes is committed under the next epoch, and only then published', async () => {
    stage = await Stage.open();
    await answered('a');
    const [result] = ofKind('result');
    const poked = stage.published;
    stage.service.republish(result!);
    await stage.settle();
    expect(ofKind('result')).toEqual([{ ...result!, epoch: result!.epoch! + 1 }]);
    expect(stage.run('a')).toMatchObject({ state: 'completed', epoch: result!.epoch! + 1 });
    expect(stage.published).toBeGreaterThan(poked);
    // Told late once more of the epoch that was given up: nothing is moved again.
    stage.service.republish(result!);
    await stage.settle();
    expect(ofKind('result')).toEqual([{ ...result!, epoch: result!.epoch! + 1 }]);
  });

  it('R27: of an end that was undone by a retry is dropped where its name is taken', async () => {
    stage = await Stage.open();
    await stage.submit('a');
    await stage.cancel('a');
    const [ended] = ofKind('ended');
    await stage.retry('a');
    stage.service.republish(ended!);
    await stage.settle();
    expect(ofKind('ended')).toEqual([]);
    expect(stage.state('a')).toBe('queued');
  });
});
