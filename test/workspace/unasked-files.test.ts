import { describe, expect, it } from 'vitest';
import { unaskedFileOf, UnaskedFiles } from '../../src/workspace/unasked-files.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeDoor, FakeFolder, job } from './watcher-setup.ts';

const LONG_AGO_MS = 60_000;

function setup() {
  const clock = new FakeClock();
  const folder = new FakeFolder(clock);
  const known = new FakeDoor();
  const files = new UnaskedFiles({
    folder,
    known,
    accepted: () => known.jobs.length,
    clock,
    timers: clock,
  });
  return { clock, folder, known, files };
}

describe('files of jobs/ that nobody asked, of a server that does not watch it', () => {
  it('R14: are those that are called like no job and no batch; none is opened', async () => {
    const { folder, known, files } = setup();
    for (const name of ['a.json', 'new.json', 'lot.jsonl', 'fresh.jsonl']) folder.put(name, job('x'));
    for (const name of ['.hidden.json', 'notes.txt']) folder.put(name, 'x');
    await known.accept(job('x'), 'a');
    await known.accept(job('y', { batch: 'lot' }), 'lot.1');
    expect(await files.count()).toBe(2);
    expect(folder.opened).toEqual([]);
    expect(folder.asked.look).toBe(0);
  });

  it('R14: are none where there is no folder', async () => {
    const { folder, files } = setup();
    folder.is_gone = true;
    expect(await files.count()).toBe(0);
  });

  it('are listed again only where names came into the folder or into the queue since', async () => {
    const { clock, folder, known, files } = setup();
    folder.put('a.json', job('a'));
    await clock.advance(LONG_AGO_MS);
    expect(await files.count()).toBe(1);
    await clock.advance(LONG_AGO_MS);
    await files.count();
    await clock.advance(LONG_AGO_MS);
    const { names } = folder.asked;
    expect(await files.count()).toBe(1);
    expect(folder.asked.names).toBe(names);
    folder.put('b.json', job('b'));
    expect(await files.count()).toBe(2);
    // So that the folder's own time proves that no name came into it.
    await clock.advance(LONG_AGO_MS);
    await files.count();
    await clock.advance(LONG_AGO_MS);
    await known.accept(job('a'), 'a');
    expect(await files.count()).toBe(1);
  });

  it('are not listed for more than a tenth of the time, however often somebody asks', async () => {
    const { clock, folder, files } = setup();
    folder.listing_takes_ms = 2_000;
    folder.put('a.json', job('a'));
    expect(await files.count()).toBe(1);
    folder.put('b.json', job('b'));
    await clock.advance(17_000);
    expect(await files.count()).toBe(1);
    await clock.advance(1_000);
    expect(await files.count()).toBe(2);
  });

  it('R25: are told of as they were last where listing takes long, and as not known where there was no last', async () => {
    const { clock, folder, files } = setup();
    const listing = Promise.withResolvers<void>();
    const { names } = folder;
    folder.names = async function* () {
      await listing.promise;
      yield* names.call(folder);
    };
    folder.put('a.json', job('a'));
    const first = files.count();
    await clock.advance(250);
    expect(await first).toBeNull();
    listing.resolve();
    await clock.settle();
    expect(await files.count()).toBe(1);
  });

  it('are told of as they were last where the folder cannot be read', async () => {
    const { clock, folder, files } = setup();
    folder.put('a.json', job('a'));
    await files.count();
    folder.put('b.json', job('b'));
    folder.changedAt = () => Promise.reject(new Error('EACCES'));
    await clock.advance(LONG_AGO_MS);
    expect(await files.count()).toBe(1);
  });

  it('are not listed any more once the server stops', async () => {
    const { folder, files } = setup();
    await files.stop();
    folder.put('a.json', job('a'));
    expect(await files.count()).toBeNull();
    expect(folder.asked.changedAt).toBe(0);
  });
});

describe('the file of a name that the queue does not know', () => {
  it.each([
    ['a', 'a.json'],
    ['lot', 'lot.jsonl'],
    ['lot.x.1', 'lot.jsonl'],
    ['lot.x.1', 'lot.x.jsonl'],
  ])('R14: of %s it may be %s', async (name, file) => {
    const { clock, folder, known } = setup();
    folder.put(file, job('x'));
    expect(await unaskedFileOf(name, folder, known)).toEqual({ file, changed_at: clock.now() });
    expect(folder.opened).toEqual([]);
  });

  it('is none that is called like a job or a batch which the queue knows', async () => {
    const { folder, known } = setup();
    folder.put('a.json', job('x'));
    folder.put('lot.jsonl', job('x'));
    await known.accept(job('x'), 'a');
    await known.accept(job('y', { batch: 'lot' }), 'lot.1');
    expect(await unaskedFileOf('a', folder, known)).toBeNull();
    expect(await unaskedFileOf('lot.2', folder, known)).toBeNull();
    expect(await unaskedFileOf('other', folder, known)).toBeNull();
  });
});
