import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Overlay } from '../../src/core/overlay.ts';

type Step = readonly ['set', number, number] | readonly ['delete', number];

const keys = fc.integer({ min: 0, max: 5 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.tuple(fc.constant('set' as const), keys, fc.integer()),
    fc.tuple(fc.constant('delete' as const), keys),
  ),
  { maxLength: 30 },
);
const bases = fc.array(fc.tuple(keys, fc.integer())).map((entries) => new Map(entries));

const sorted = (values: Iterable<number>): number[] => [...values].toSorted((a, b) => a - b);

function run(
  map: { set(key: number, value: number): unknown; delete(key: number): unknown },
  all: readonly Step[],
): void {
  for (const [what, key, value] of all) {
    if (what === 'set') map.set(key, value ?? 0);
    else map.delete(key);
  }
}

describe('an overlay', () => {
  it('changes nothing of its base until it is applied, and nothing ever where it is dropped', () => {
    fc.assert(
      fc.property(bases, steps, (base, all) => {
        const before = [...base];
        run(new Overlay(base), all);
        expect([...base]).toEqual(before);
      }),
    );
  });

  it('reads like a map that was changed, and makes its base that map', () => {
    fc.assert(
      fc.property(bases, steps, (base, all) => {
        const model = new Map(base);
        const overlay = new Overlay(base);
        run(model, all);
        run(overlay, all);
        for (let key = 0; key <= 5; key += 1) expect(overlay.get(key)).toBe(model.get(key));
        expect(sorted(overlay.values())).toEqual(sorted(model.values()));
        overlay.apply();
        expect(new Map(base)).toEqual(model);
        expect(sorted(overlay.values())).toEqual(sorted(model.values()));
      }),
    );
  });

  it('lies over another one in the order in which they are applied', () => {
    const base = new Map([['a', 1]]);
    const first = new Overlay(base);
    first.set('a', 2);
    first.apply();
    const second = new Overlay(base);
    expect(second.get('a')).toBe(2);
    second.delete('a');
    second.set('a', 3);
    second.apply();
    expect(base.get('a')).toBe(3);
  });
});
