import { describe, expect, it } from 'vitest';
import { job, lines, setup } from './watcher-setup.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('a job that came by file', () => {
  it('R8: is queued only after the answers were looked at since its file was seen, and what is known asks nobody', async () => {
    const { clock, folder, door, answers, watcher } = setup();
    await door.accept(job('old'), 'old');
    folder.put('old.json', job('old'));
    watcher.start();
    await clock.advance(5 * SECOND);
    expect(answers.asked).toEqual([]);
    const gate = Promise.withResolvers<void>();
    answers.before = () => gate.promise;
    const seen_m = clock.monotonic();
    folder.put('new.json', job('new'));
    await clock.advance(10 * SECOND);
    expect([door.submissions, answers.asked.length]).toEqual([0, 1]);
    expect(answers.asked[0]?.names).toEqual(['new']);
    expect(answers.asked[0]?.seen_m).toBeGreaterThanOrEqual(seen_m);
    gate.resolve();
    await clock.advance(SECOND);
    expect(door.names).toEqual(['new', 'old']);
  });

  it('R8: is not queued where an answer was found, be it a file or a line of one: that made it known', async () => {
    const { clock, folder, door, answers, watcher } = setup();
    watcher.start();
    await clock.advance(5 * SECOND);
    answers.before = async () => {
      answers.before = null;
      for (const name of ['a', 'lot.x']) await door.accept(job(name), name);
    };
    folder.put('a.json', job('a'));
    folder.put('b.json', job('b'));
    folder.put('lot.jsonl', lines(job('lot.x', { key: 'x' }), job('y', { key: 'y' })));
    const submitted: string[] = [];
    door.onSubmit = (jobs) => submitted.push(...jobs.map(({ name }) => name));
    await clock.advance(5 * SECOND);
    expect(submitted.toSorted()).toEqual(['b', 'lot.y']);
    expect([watcher.waiting, watcher.changed.size]).toEqual([0, 0]);
  });

  it('R8: waits while its answer is being written, and no other job with it', async () => {
    const { clock, folder, door, answers, watcher } = setup();
    answers.undecided.add('a');
    watcher.start();
    for (const name of ['a', 'b']) folder.put(`${name}.json`, job(name));
    await clock.advance(5 * SECOND);
    expect([door.names, watcher.waiting]).toEqual([['b'], 1]);
    answers.undecided.clear();
    await clock.advance(2 * SECOND);
    expect([door.names, watcher.waiting]).toEqual([['a', 'b'], 0]);
  });

  it('R14: wait where the folder is gone, which is said once, until it is there again', async () => {
    const { clock, folder, door, watcher, troubles } = setup();
    folder.is_gone = true;
    watcher.start();
    await clock.advance(10_000);
    expect(troubles).toEqual(['the folder is not there; make it again']);
    folder.is_gone = false;
    folder.put('a.json', job('a'));
    await clock.advance(3_000);
    expect([door.names, troubles.at(-1)]).toEqual([['a'], null]);
    await watcher.stop();
  });

  it('R8: waits where the answers cannot be looked at, which is told', async () => {
    const { clock, folder, door, answers, watcher, troubles } = setup();
    answers.before = () => Promise.reject(new Error('EACCES: results'));
    watcher.start();
    folder.put('a.json', job('a'));
    await clock.advance(10 * SECOND);
    expect([door.names, watcher.waiting, troubles]).toEqual([[], 1, ['EACCES: results']]);
    answers.before = null;
    await clock.advance(3 * SECOND);
    expect([door.names, troubles.at(-1)]).toEqual([['a'], null]);
  });
});

describe('a file with other words than were accepted', () => {
  it('R8: has the accepted ones kept, once for each of its versions', async () => {
    const { clock, folder, door, watcher } = setup();
    await door.accept(job('accepted'), 'a');
    folder.put('a.json', job('moved over it'));
    watcher.start();
    await clock.advance(MINUTE);
    expect([door.kept, watcher.changedFileOf('a')]).toEqual([['a'], 'a.json']);
    folder.put('a.json', job('and another'));
    await clock.advance(MINUTE);
    expect(door.kept).toEqual(['a', 'a']);
    folder.put('a.json', job('accepted'));
    await clock.advance(MINUTE);
    expect([door.kept.length, watcher.changedFileOf('a'), watcher.changed.size]).toEqual([2, null, 0]);
  });
});
