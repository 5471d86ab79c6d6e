/** What a store takes from outside, held by the test. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '../../../src/core/ports/clock.ts';
import { T0 } from '../rows.ts';

export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function clock(): TestClock {
  let at = 0;
  return {
    now: () => T0 + at,
    monotonic: () => at,
    advance: (ms) => void (at += ms),
  };
}

export const random: Random = { next: () => 0.5, id: (bytes) => randomBytes(bytes).toString('hex') };
