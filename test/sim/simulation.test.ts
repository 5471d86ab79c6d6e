import { describe, expect, it } from 'vitest';
import { missedBy } from './coverage.ts';
import { play, simulate } from './simulation.ts';
import { schedule } from './schedule.ts';

const TURNS = 60;
const SEEDS = 300;
const PER_TEST = 20;
const FIRST = Array.from({ length: SEEDS / PER_TEST }, (_, i) => 1 + i * PER_TEST);

const hits = new Set<string>();

describe('the simulation', () => {
  it.each(FIRST)(
    'R27: heals and comes to rest with every rule kept, from seed %i and the 19 after it',
    async (first) => {
      for (let seed = first; seed < first + PER_TEST; seed += 1) {
        const report = await simulate({ seed, turns: TURNS });
        for (const what of report.hits.keys()) hits.add(what);
        const again = `npm run sim -- --seed ${seed} --turns ${TURNS}`;
        expect(report.violations, again).toEqual([]);
      }
    },
    120_000,
  );

  it('R27: has hit every kind of fault, every crash point it can reach, every cell of the table of states, and every answer to those who ask', () => {
    expect(missedBy(hits)).toEqual({ faults: [], points: [], cells: [], asked: [], outdated: [] });
  });
});

describe('a run', () => {
  it('is the same from the same seed', async () => {
    const [first, second] = [await simulate({ seed: 5, turns: 30 }), await simulate({ seed: 5, turns: 30 })];
    expect(second.trace).toEqual(first.trace);
    expect((await simulate({ seed: 6, turns: 30 })).trace).not.toEqual(first.trace);
  }, 30_000);

  it('is a function of its seed and its list of actions, which is data', async () => {
    const actions = schedule(9, 30);
    const copied = JSON.parse(JSON.stringify(actions)) as typeof actions;
    const [first, second] = [await play(9, actions), await play(9, copied)];
    expect(second.trace).toEqual(first.trace);
  }, 30_000);

  it('takes the first half of the actions from a list that is cut there', async () => {
    const actions = schedule(11, 30);
    const whole = await play(11, actions);
    const half = await play(11, actions.slice(0, actions.length / 2));
    const common = half.trace.indexOf(half.trace.find((line) => line.includes('everything is healed')) ?? '');
    expect(common).toBeGreaterThan(10);
    expect(whole.trace.slice(0, common)).toEqual(half.trace.slice(0, common));
  }, 30_000);
});
