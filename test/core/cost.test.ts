import { describe, expect, it } from 'vitest';
import { costOf, type Price } from '../../src/core/cost.ts';
import type { Usage } from '../../src/core/usage.ts';

const PRICE: Price = {
  input: 3,
  cached: 0.3,
  output: 15,
  per: 1_000_000,
  currency: 'USD',
  as_of: '2026-11-02',
};
const usage = (more: Partial<Usage>): Usage => ({
  ...{ input: 1_000, cached: null, output: 200, reasoning: null, raw: {} },
  ...more,
});

const costs = (of: Usage | null, price: Price = PRICE, key = 'e:m') => costOf({ [key]: price }, 'e', 'm', of);

describe('what an answer cost', () => {
  it('is its tokens at their prices, with the currency and the day of the prices', () => {
    expect(costs(usage({}))).toEqual({ amount: 0.006, currency: 'USD', as_of: '2026-11-02' });
    const per_thousand = { ...PRICE, per: 1_000, currency: 'EUR' };
    expect(costs(usage({}), per_thousand)).toMatchObject({ amount: 6, currency: 'EUR' });
  });

  it('takes cached input for what it costs, and for input where no price of it is given', () => {
    expect(costs(usage({ cached: 800 }))?.amount).toBeCloseTo(0.00384, 12);
    const { cached: _cached, ...rest } = PRICE;
    expect(costs(usage({ cached: 800 }), rest)?.amount).toBe(0.006);
    // A platform that says more was cached than came in is not paid for it.
    expect(costs(usage({ cached: 5_000 }))?.amount).toBeCloseTo(0.0033, 12);
  });

  it('counts reasoning once: it is output', () => {
    expect(costs(usage({ reasoning: 150 }))).toEqual(costs(usage({})));
  });

  it('is 0 only where the price says so', () => {
    expect(costs(usage({}), { ...PRICE, input: 0, cached: 0, output: 0 })?.amount).toBe(0);
    expect(costs(usage({ input: 0, output: 0 }))?.amount).toBe(0);
  });

  it.each([
    ['no usage', null],
    ['no count of the input', usage({ input: null })],
    ['no count of the output', usage({ output: null })],
  ])('is not known, and not 0, with %s', (_what, of) => {
    expect(costs(of)).toBeNull();
  });

  it.each(['e:other', 'other:m', 'm', 'e', 'constructor', '__proto__'])(
    'is not known where the price is that of %s',
    (key) => {
      expect(costs(usage({}), PRICE, key)).toBeNull();
    },
  );

  it('is not known of a model that is named like something that every object has', () => {
    expect(costOf({}, 'constructor', 'x', usage({}))).toBeNull();
  });
});
