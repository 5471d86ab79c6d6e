import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/core/errors.ts';
import { droppedName } from '../../src/workspace/dropped-file.ts';
import type { Due } from '../../src/workspace/due-files.ts';
import { FolderLedger, type Look } from '../../src/workspace/folder-ledger.ts';
import { JobVerdicts } from '../../src/workspace/job-verdicts.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeDoor, job } from './watcher-setup.ts';

const FILE = 'a.json';
const FAULT: Fault = { code: 'InvalidJob', path: 'prompt', expected: 'a text', got: '7' };
const CHANGED = [{ name: 'a', spec_sha256: 'other words' }];

function setup() {
  const clock = new FakeClock();
  const door = new FakeDoor();
  const ledger = new FolderLedger();
  const reports: string[] = [];
  const write = (): Promise<string> => Promise.resolve(`a.${reports.push(FILE)}.json`);
  const verdicts = new JobVerdicts({ door, reports: { write }, clock, ledger });
  const versionOf = (id: string) => ({ kind: 'file' as const, id, bytes: 1, mtime_ms: 0 });
  /** What a look at this version of it finds. */
  const look = (id: string): Look['do'] =>
    ledger.looked(FILE, versionOf(id), { m: clock.monotonic(), wall: clock.now() }).do;
  const due = (id: string): Due => {
    const name = droppedName(FILE) ?? { kind: 'job', base: '' };
    return { file: FILE, name, version: versionOf(id), unchanged_ms: 0, seen_m: 0 };
  };
  ledger.add(FILE, 0);
  look('1');
  return { clock, door, ledger, verdicts, reports, look, due };
}

describe('a file that is wrong', () => {
  it('R14: is reported once of each version and each fault, and read again after ten seconds', async () => {
    const { clock, verdicts, reports, look, due } = setup();
    await verdicts.reject(due('1'), [FAULT], null);
    expect([look('1'), verdicts.rejected.get(FILE)?.report]).toEqual(['leave', 'a.1.json']);
    await clock.advance(10_000);
    expect(look('1')).toBe('read');
    await verdicts.reject(due('1'), [{ ...FAULT }], null);
    expect(reports).toHaveLength(1);
    await verdicts.reject(due('1'), [{ ...FAULT, got: '8' }], null);
    await verdicts.reject(due('2'), [{ ...FAULT, got: '8' }], null);
    expect([reports.length, verdicts.rejected.size, verdicts.settled]).toEqual([3, 1, 0]);
  });

  it('R14: is none any more once the queue knows its jobs, or when it is gone', async () => {
    const { verdicts, ledger, due } = setup();
    await verdicts.reject(due('1'), [FAULT], null);
    expect(verdicts.settle(due('2'), [])).toEqual([]);
    expect([verdicts.rejected.size, verdicts.settled, ledger.isTaken(FILE)]).toEqual([0, 1, true]);
    await verdicts.reject(due('3'), [FAULT], null);
    verdicts.forget(FILE);
    expect([verdicts.rejected.size, ledger.has(FILE)]).toEqual([0, false]);
  });
});

describe('a file with other words than were accepted', () => {
  it('R8: names them once of each version, and is not read again as it is', async () => {
    const { clock, verdicts, look, due } = setup();
    expect(verdicts.settle(due('1'), CHANGED)).toEqual(['a']);
    expect(verdicts.settle(due('1'), CHANGED)).toEqual([]);
    await clock.advance(3_600_000);
    expect([look('1'), verdicts.changedFileOf('a')]).toEqual(['leave', FILE]);
    expect([look('2'), verdicts.settle(due('2'), CHANGED)]).toEqual(['read', ['a']]);
  });

  it('R8: is read again when somebody has asked it since', async () => {
    const { door, verdicts, look, due } = setup();
    await door.accept(job('asked since'), 'a');
    const [spec_sha256 = ''] = door.specsOf('a');
    verdicts.settle(due('1'), [{ name: 'a', spec_sha256: 'not yet' }]);
    verdicts.askAgain();
    expect(look('1')).toBe('leave');
    verdicts.settle(due('1'), [{ name: 'a', spec_sha256 }]);
    verdicts.askAgain();
    expect(look('1')).toBe('read');
  });
});
