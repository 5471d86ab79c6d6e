/** R11: whoever numbers answers in nanoseconds is told so, and not left to wonder why they are asked again. */
import { expect, it } from 'vitest';
import type { FolderView } from '../../src/core/folder-view.ts';
import { AnswerWatcher } from '../../src/workspace/answer-watcher.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeFolder } from './watcher-setup.ts';

const NANOSECONDS = '1700000000000000000_a.json';

function setup() {
  const clock = new FakeClock();
  const [results, ended] = [new FakeFolder(clock), new FakeFolder(clock)];
  const watcher = new AnswerWatcher({
    ...{ results, ended, clock, timers: clock },
    known: { named: () => new Set(), ofRuns: (files) => files.map(() => false), published: () => null },
    reader: () => ({ make: () => Promise.reject(new Error('it is not opened')) }),
    adopt: () => Promise.reject(new Error('nothing is adopted')),
    onTrouble: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  const shown = (kind: 'result' | 'ended'): Pick<FolderView['of_no_run'][number], 'file' | 'message'>[] =>
    [...watcher.ofNoRun(kind).values()].map(({ file, message }) => ({ file, message }));
  return { clock, results, ended, watcher, shown };
}

it('R11: a file that is named nearly as an answer is, is shown as long as it stands, and never opened', async () => {
  const { clock, results, ended, watcher, shown } = setup();
  results.put(NANOSECONDS, { result: 'text' });
  results.put('notes.json', {});
  ended.put('007_a.json', {});
  watcher.start();
  await clock.advance(3_000);
  const message = expect.stringContaining('expected <EPOCH>_<name>.json, with Unix milliseconds') as string;
  expect(shown('result')).toEqual([{ file: NANOSECONDS, message }]);
  expect(shown('ended')).toEqual([{ file: '007_a.json', message }]);
  expect([results.opened, ended.opened, watcher.waiting]).toEqual([[], [], 0]);

  results.remove(NANOSECONDS);
  results.put('00_b.json', {});
  await clock.advance(3_000);
  expect(shown('result')).toEqual([{ file: '00_b.json', message }]);
  await watcher.stop();
});
