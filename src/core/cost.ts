/** What an answer cost, by the prices of the configuration. What is not known is null, never 0. */
import type { Cost } from './rows.ts';
import type { Usage } from './usage.ts';

/** Prices of one model, for `per` tokens each. */
export interface Price {
  readonly input: number;
  /** Of input that was read from a cache; as `input` where it is not given. */
  readonly cached?: number;
  readonly output: number;
  readonly per: number;
  /** ISO 4217. */
  readonly currency: string;
  /** The day on which the prices were looked up. */
  readonly as_of: string;
}

/** By `endpoint:model`. */
export type Prices = Readonly<Record<string, Price>>;

/** Null where there is no price, or the platform did not say how many tokens it took. */
export function costOf(prices: Prices, endpoint: string, model: string, usage: Usage | null): Cost | null {
  const key = `${endpoint}:${model}`;
  const price = Object.hasOwn(prices, key) ? prices[key] : undefined;
  if (price === undefined || usage === null || usage.input === null || usage.output === null) return null;
  const cached = Math.min(usage.cached ?? 0, usage.input);
  const sum =
    (usage.input - cached) * price.input +
    cached * (price.cached ?? price.input) +
    usage.output * price.output;
  return { amount: sum / price.per, currency: price.currency, as_of: price.as_of };
}
