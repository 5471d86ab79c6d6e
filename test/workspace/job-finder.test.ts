import { describe, expect, it } from 'vitest';
import { Breath } from '../../src/workspace/breath.ts';
import { FolderLedger } from '../../src/workspace/folder-ledger.ts';
import { JobFinder } from '../../src/workspace/job-finder.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeDoor, FakeFolder, job, lines } from './watcher-setup.ts';

const SECOND = 1_000;

function setup() {
  const clock = new FakeClock();
  const folder = new FakeFolder(clock);
  const known = new FakeDoor();
  const ledger = new FolderLedger();
  const breath = new Breath({ clock, timers: clock });
  const finder = new JobFinder({ folder, known, clock, ledger, breath });
  const list = (): ReturnType<JobFinder['list']> => {
    breath.begin();
    return finder.list();
  };
  return { clock, folder, known, ledger, finder, list };
}

describe('a listing of jobs/', () => {
  it('R7: puts what is new before what is called as the queue knows it', async () => {
    const { folder, known, ledger, list } = setup();
    await known.accept(job('old'), 'old');
    await known.accept(job('line', { batch: 'lot', key: 'a' }), 'lot.a');
    folder.put('old.json', job('old'));
    folder.put('lot.jsonl', lines(job('line', { key: 'a' })));
    for (const name of ['new.json', 'lot.json', '.hidden.json', 'notes.md']) folder.put(name, job(name));
    expect(await list()).toEqual([]);
    expect(ledger.openNames()).toEqual(['new.json', 'lot.json']);
    expect(ledger.sweep(10)).toEqual(['old.json', 'lot.jsonl']);
  });

  it('R14: is made where the folder has changed, and gives the names that are gone', async () => {
    const { clock, folder, ledger, list } = setup();
    for (const name of ['a.json', 'b.json']) folder.put(name, job(name));
    await list();
    await clock.advance(10 * SECOND);
    await list();
    expect([await list(), folder.asked.names]).toEqual([[], 2]);
    folder.remove('a.json');
    expect(await list()).toEqual(['a.json']);
    expect(ledger.openNames()).toEqual(['b.json']);
  });

  it('R14: gives null where there is no folder, and forgets nothing for that', async () => {
    const { folder, ledger, list } = setup();
    folder.put('a.json', job('a'));
    await list();
    folder.is_gone = true;
    expect([await list(), ledger.openNames()]).toEqual([null, ['a.json']]);
  });

  it('R18: that is under way at a stop takes nothing for gone', async () => {
    const { clock, folder, ledger, finder, list } = setup();
    for (const name of ['a.json', 'b.json']) folder.put(name, job(name));
    await list();
    await clock.advance(SECOND);
    folder.remove('a.json');
    folder.whileListing = () => finder.stop();
    expect([await list(), ledger.openNames()]).toEqual([[], ['a.json', 'b.json']]);
  });
});

it('R14: what the system tells is told once of a crowd, and only of names of jobs', () => {
  const { folder, finder } = setup();
  let told = 0;
  finder.start(() => (told += 1));
  folder.put('notes.md', 'text');
  expect([told, finder.hasHints]).toEqual([0, false]);
  for (const name of ['a.json', 'b.jsonl', 'a.json']) folder.put(name, job(name));
  expect([told, finder.takeHinted(), finder.hasHints]).toEqual([1, ['a.json', 'b.jsonl'], false]);
  folder.put('c.json', job('c'));
  finder.stop();
  folder.put('d.json', job('d'));
  expect([told, finder.takeHinted()]).toEqual([2, ['c.json']]);
});
