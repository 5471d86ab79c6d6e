import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareHeads, compareInLane, nextRank } from '../../src/core/order.ts';
import { laneRow, runRow } from './rows-made.ts';

describe('the order within a lane', () => {
  it('R22: a higher priority goes first, then the lower rank, then who came first', () => {
    const runs = [
      runRow({ id: 1, priority: 0, rank: 1 }),
      runRow({ id: 2, priority: 5, rank: 9 }),
      runRow({ id: 3, priority: -1, rank: 0 }),
      runRow({ id: 4, priority: 5, rank: 2 }),
      runRow({ id: 5, priority: 0, rank: 1 }),
    ];
    expect(runs.toSorted(compareInLane).map(({ id }) => id)).toEqual([4, 2, 1, 5, 3]);
  });

  it('is a total order: no two runs are equal', () => {
    const run = fc
      .record({ id: fc.nat(3), priority: fc.integer({ min: -1, max: 1 }), rank: fc.nat(2) })
      .map((some) => runRow(some));
    fc.assert(
      fc.property(run, run, run, (a, b, c) => {
        expect(Math.sign(compareInLane(a, b))).toBe(-Math.sign(compareInLane(b, a)) + 0);
        if (a.id !== b.id) expect(compareInLane(a, b)).not.toBe(0);
        if (compareInLane(a, b) < 0 && compareInLane(b, c) < 0) expect(compareInLane(a, c)).toBeLessThan(0);
      }),
    );
  });
});

describe('ranks', () => {
  /** Gives ranks as submissions do, and serves the lane in their order. */
  class Lane {
    last = 0;
    readonly batches = new Map<string, number>();
    readonly waiting: { batch: string; rank: number; id: number }[] = [];
    #id = 0;

    submit(batch: string, count: number): void {
      for (let i = 0; i < count; i += 1) {
        const rank = nextRank(this.last, this.batches.get(batch) ?? 0);
        this.batches.set(batch, rank);
        this.waiting.push({ batch, rank, id: this.#id++ });
      }
    }

    serve(count: number): string[] {
      this.waiting.sort((a, b) => a.rank - b.rank || a.id - b.id);
      const served = this.waiting.splice(0, count);
      for (const { rank } of served) this.last = Math.max(this.last, rank);
      return served.map(({ batch }) => batch);
    }
  }

  it('R22: twenty prompts of a colleague do not wait behind a sweep of a hundred thousand', () => {
    const lane = new Lane();
    lane.submit('sweep', 100_000);
    lane.serve(500);
    lane.submit('colleague', 20);
    const served = lane.serve(41);
    expect(served.filter((batch) => batch === 'colleague')).toHaveLength(20);
  });

  it('take turns between batches, whenever they came', () => {
    const lane = new Lane();
    lane.submit('a', 10);
    lane.submit('b', 10);
    expect(lane.serve(6)).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    lane.submit('c', 10);
    expect(lane.serve(6).toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  it('give no credit for having been away: who comes late does not go before everybody', () => {
    const lane = new Lane();
    lane.submit('old', 1);
    lane.submit('busy', 100);
    lane.serve(60);
    lane.submit('old', 5);
    expect(lane.serve(10).filter((batch) => batch === 'old')).toHaveLength(5);
    expect(lane.batches.get('old')).toBeGreaterThan(60);
  });
});

describe('the order of lanes', () => {
  const head = (priority: number, since: number, claim: number, rank: number, id = 1) => ({
    head: runRow({ id, priority, rank }),
    lane: laneRow({ waiting_since_m: since, last_claim: claim }),
  });

  it('R22: priority, then the lane served longest ago, then rank, then arrival', () => {
    const heads = [
      head(0, 5, 0, 1, 1),
      head(1, 9, 0, 9, 2),
      head(0, 2, 0, 7, 3),
      head(0, 5, 0, 1, 4),
      head(0, 5, 0, 0, 5),
    ];
    expect(heads.toSorted(compareHeads).map((one) => one.head.id)).toEqual([2, 3, 5, 1, 4]);
  });

  it('tells lanes served in one moment by which was served first', () => {
    expect(
      [head(0, 5, 8, 1, 1), head(0, 5, 3, 9, 2)].toSorted(compareHeads).map((one) => one.head.id),
    ).toEqual([2, 1]);
  });
});
