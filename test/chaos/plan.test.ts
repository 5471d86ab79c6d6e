import { describe, expect, it } from 'vitest';
import { kindOf, planOf } from './plan.ts';

const FIVE_MINUTES = 300_000;

describe('the plan of a chaos run', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planOf(7, FIVE_MINUTES)).toEqual(planOf(7, FIVE_MINUTES));
    expect(planOf(7, FIVE_MINUTES)).not.toEqual(planOf(8, FIVE_MINUTES));
  });

  it('is in order, and leaves the end to healing', () => {
    const times = planOf(1, FIVE_MINUTES).map(({ at_ms }) => at_ms);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(FIVE_MINUTES - 1_000);
  });

  it('has every kind of fault at every place within an hour', () => {
    const kinds = new Set(planOf(3, 3_600_000).map(({ fault }) => kindOf(fault)));
    const who = ['serve', 'local', 'east', 'west'].flatMap((one) => [`kill ${one}`, `freeze ${one}`]);
    const on = ['east', 'west'].flatMap((one) =>
      ['latency_ms', 'slice', 'bytes_per_s', 'swallow', 'cut', 'reset'].map((kind) => `${kind} ${one}`),
    );
    expect([...kinds].toSorted()).toEqual([...who, ...on, 'throttle models'].toSorted());
  });

  it('stops each kind of process for longer than a term at some time', () => {
    const long = planOf(3, 3_600_000).flatMap(({ fault }) =>
      fault.do === 'freeze' && fault.for_ms > 15_000 ? [fault.who] : [],
    );
    expect(new Set(long)).toEqual(new Set(['serve', 'local', 'east', 'west']));
  });
});
