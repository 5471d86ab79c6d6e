import { describe, expect, it } from 'vitest';
import { BREAKS, type BrokenRule } from './breaks.ts';
import type { Violation } from './world.ts';
import { schedule } from './schedule.ts';
import { shrink } from './shrink.ts';
import { play } from './simulation.ts';

const TURNS = 60;
const SEEDS_MAX = 12;

/** The first violation that a broken rule leads to, and the seed; null where no seed shows it. */
async function noticed({
  broken,
  faults,
  first_seed = 1,
}: BrokenRule): Promise<(Violation & { seed: number }) | null> {
  for (let seed = first_seed; seed < first_seed + SEEDS_MAX; seed += 1) {
    const { violations } = await play(seed, schedule(seed, TURNS, faults), broken);
    const [first] = violations;
    if (first !== undefined) return { ...first, seed };
  }
  return null;
}

describe('the simulation fails', () => {
  it.each(Object.entries<BrokenRule>(BREAKS))(
    `R27: when %s, within ${SEEDS_MAX} seeds`,
    async (_name, rule) => {
      const violation = await noticed(rule);
      expect(violation).not.toBeNull();
      expect(rule.caught_by).toContain(violation?.rule);
    },
    60_000,
  );
});

describe('a failure', () => {
  it.each(['a file is renamed to its name instead of linked', 'a cancelled run is queued again'] as const)(
    'R27: is cut down to a short list of events that shows it again: %s',
    async (name) => {
      const rule: BrokenRule = BREAKS[name];
      const found = await noticed(rule);
      if (found === null) throw new Error('expected a violation, got none');
      const actions = schedule(found.seed, TURNS, rule.faults);
      const { actions: short } = await shrink(found.seed, actions, found.rule, rule.broken, 150);
      expect(actions.length).toBeGreaterThan(100);
      expect(short.length).toBeLessThanOrEqual(10);
      const copied = JSON.parse(JSON.stringify(short)) as typeof short;
      const again = await play(found.seed, copied, rule.broken);
      expect(again.violations[0]?.rule).toBe(found.rule);
      expect((await play(found.seed, short)).violations).toEqual([]);
    },
    90_000,
  );
});
