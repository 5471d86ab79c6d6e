import { describe, expect, it } from 'vitest';
import { FolderLedger } from '../../src/workspace/folder-ledger.ts';
import { ListingDue } from '../../src/workspace/listing-due.ts';

const HOUR = 3_600_000;

function version(id: string, mtime_ms: number) {
  return { kind: 'file', id, bytes: 1, mtime_ms } as const;
}

/** For how long it has been as it is; null where it is left alone. */
function unchanged(ledger: FolderLedger, id: string, mtime_ms: number, m: number, wall = m): number | null {
  const look = ledger.looked('a.json', version(id, mtime_ms), { m, wall });
  return look.do === 'read' ? look.unchanged_ms : null;
}

describe('how long a file has been as it is', () => {
  it('R14: is counted from its last version on', () => {
    const ledger = new FolderLedger();
    ledger.add('a.json', 0);
    expect(unchanged(ledger, 'v1', 0, 0)).toBe(0);
    expect(unchanged(ledger, 'v1', 0, 1_500)).toBe(1_500);
    expect(unchanged(ledger, 'v2', 1_600, 1_600)).toBe(0);
    expect(unchanged(ledger, 'v2', 1_600, 1_700)).toBe(100);
  });

  it('R14: is known at the first look where it was written long before', () => {
    expect(unchanged(new FolderLedger(), 'v1', 1_000, 50, HOUR)).toBe(HOUR - 1_000);
  });

  it('R14: is what was seen where the wall clock was set back', () => {
    const ledger = new FolderLedger();
    expect(unchanged(ledger, 'v1', HOUR, 0, HOUR)).toBe(0);
    expect(unchanged(ledger, 'v1', HOUR, 3_000, 0)).toBe(3_000);
  });

  it('R14 F54: is what was seen where the wall clock was set forward between its last change and now', () => {
    const ledger = new FolderLedger();
    expect(unchanged(ledger, 'v1', HOUR, 0, HOUR)).toBe(0);
    expect(unchanged(ledger, 'v1', HOUR, 100, 2 * HOUR)).toBe(100);
    expect(unchanged(ledger, 'v1', HOUR, 200, 2 * HOUR + 100)).toBe(200);
    // Of what changed since, the clock tells again.
    expect(unchanged(ledger, 'v2', 2 * HOUR + 200, 2_000, 2 * HOUR + 2_000)).toBe(1_800);
  });
});

describe('a file that is dealt with', () => {
  it('R8: is left alone until it is another, and is looked at once after each listing', () => {
    const ledger = new FolderLedger();
    ledger.add('a.json', 0);
    unchanged(ledger, 'v1', 0, 0);
    ledger.take('a.json', 'v1');
    expect([ledger.open, unchanged(ledger, 'v1', 0, 10)]).toEqual([0, null]);
    expect(ledger.sweep(5)).toEqual([]);
    ledger.listed(new Set(['a.json']));
    expect([ledger.sweep(5), ledger.sweep(5)]).toEqual([['a.json'], []]);
    expect(unchanged(ledger, 'v2', 20, 20)).toBe(0);
    expect(ledger.open).toBe(1);
  });

  it('R14: is forgotten when a listing has it no more', () => {
    const ledger = new FolderLedger();
    for (const name of ['a.json', 'b.json']) ledger.add(name, 0);
    unchanged(ledger, 'v1', 0, 0);
    ledger.take('a.json', 'v1');
    expect(ledger.listed(new Set()).toSorted()).toEqual(['a.json', 'b.json']);
    expect([ledger.open, ledger.sweep(5)]).toEqual([0, []]);
  });
});

describe('a folder', () => {
  it('R14: is listed when its time has changed since the last listing began, and not before', () => {
    const due = new ListingDue();
    expect(due.isDue('t1', 0)).toBe(true);
    due.listed('t1', 5_000, 5_000);
    expect([due.isDue('t1', 6_000), due.isDue('t2', 6_000)]).toEqual([false, true]);
  });

  it('R14: is listed again where it had changed so shortly before that a later change may have the same time', () => {
    const due = new ListingDue();
    due.isDue('t1', 0);
    due.listed('t1', 1_999, 1_999);
    expect(due.isDue('t1', 2_500)).toBe(true);
    due.listed('t1', 2_500, 2_500);
    expect(due.isDue('t1', 3_000)).toBe(false);
  });

  it('R32: is listed for a tenth of the time at most', () => {
    const due = new ListingDue();
    due.isDue('t1', 0);
    due.listed('t1', 0, 1_000);
    expect([due.isDue('t2', 9_999), due.isDue('t2', 10_000)]).toEqual([false, true]);
  });
});
