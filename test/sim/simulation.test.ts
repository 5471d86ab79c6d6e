import { describe, expect, it } from 'vitest';
import { BREAKS } from './breaks.ts';
import { FAULTS } from './faults.ts';
import type { Break } from './scheduler-process.ts';
import { simulate, type SimulationOptions } from './simulation.ts';

const STEPS = 80;
const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);
/** Those of the road: more kinds make the simulation longer, not the rules stricter. */
const ROAD = [
  'a connection is cut in the middle of a frame',
  'the scheduler is killed',
  'the scheduler kills itself at a point of a turn',
  'an instance is cut off for a while',
];

async function violations(options: SimulationOptions): Promise<readonly string[]> {
  return (await simulate(options)).violations;
}

/** What the first run says that notices a broken rule, of as many seeds as `limit`. */
async function noticed(broken: Break, limit: number): Promise<string> {
  for (let seed = 1; seed <= limit; seed += 1) {
    const [first] = await violations({ seed, steps: 120, faults: ROAD, broken });
    if (first !== undefined) return first;
  }
  return 'nothing';
}

const hits = new Set<string>();

describe('the simulation', () => {
  it.each(SEEDS)(
    'R27: heals and comes to rest with every rule kept, from seed %i',
    async (seed) => {
      const report = await simulate({ seed, steps: STEPS });
      for (const what of report.hits.keys()) hits.add(what);
      expect(report.violations).toEqual([]);
    },
    20_000,
  );

  it('R27: keeps every rule over cut connections and killed schedulers alone', async () => {
    for (const seed of [101, 102, 103])
      expect(await violations({ seed, steps: STEPS, faults: ROAD })).toEqual([]);
  }, 20_000);

  it('is the same from the same seed', async () => {
    const [first, second] = [await simulate({ seed: 5, steps: 40 }), await simulate({ seed: 5, steps: 40 })];
    expect(second.trace).toEqual(first.trace);
    expect((await simulate({ seed: 6, steps: 40 })).trace).not.toEqual(first.trace);
  }, 20_000);

  it('has hit every kind of fault, and killed at every point of a turn', () => {
    expect(Object.keys(FAULTS).filter((name) => !hits.has(name))).toEqual([]);
    for (const point of ['before_commit', 'after_commit', 'before_dispatch', 'after_release'])
      expect(hits).toContain(`killed at turn.${point}`);
  });
});

describe('the simulation fails', () => {
  it('R27: when the fence is dropped: an outcome of any attempt counts for the one that runs now', async () => {
    expect(await noticed(BREAKS['the fence is dropped from outcomes'], 20)).toMatch(
      /#\d+ is \w+ in its row, and brought/,
    );
  }, 60_000);

  it('R27: when an answer is not held against its question', async () => {
    expect(await noticed(BREAKS['an answer is not held against its question'], 20)).toMatch(
      /and brought|and was answered/,
    );
  }, 60_000);

  it('R27: when a commit is told before it is on disk', async () => {
    expect(await noticed(BREAKS['a commit is told before it is on disk'], 20)).not.toBe('nothing');
  }, 60_000);

  it('R6: when a returning instance is not asked what it holds', async () => {
    expect(await noticed(BREAKS['a returning instance is not asked what it holds'], 20)).toMatch(
      /was taken for one that never arrived/,
    );
  }, 60_000);
});
