import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gates, type Gate } from '../../src/core/gate.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { failureOf } from './rows-made.ts';

const NOW = { now: 1_000_000, now_m: 50_000, random: 0 };
const throttled = (retry_after_ms: number | null) =>
  failureOf({ blame: 'throttled', reason_code: 'EndpointThrottled', retry_after_ms });
const held = failureOf({ blame: 'hold', reason_code: 'EndpointAuth' });

function close(failure = held, before?: Gate, more: Partial<typeof NOW> & { wasProbe?: boolean } = {}): Gate {
  return Gates.close(before, 'e', null, failure, { ...NOW, ...more }, more.wasProbe ?? false);
}

const waitOf = (gate: Gate): number => gate.until_m - NOW.now_m;

describe('a gate', () => {
  it('is open where there is none, closed until its time, and then lets one probe through', () => {
    const gate = close(throttled(10_000));
    expect(Gates.lets(undefined, 0)).toBe(true);
    expect(Gates.lets(gate, gate.until_m - 1)).toBe(false);
    expect(Gates.lets(gate, gate.until_m)).toBe(true);
    expect(Gates.lets({ ...gate, probe: 'a@1' }, gate.until_m)).toBe(false);
  });

  it.each([
    [30_000, 30_000],
    [1e12, LIMITS.retry_after_max_ms],
    [0, LIMITS.backoff_base_ms],
  ])('R20: Retry-After %d ms closes it for %d ms', (asked, wait) => {
    expect(waitOf(close(throttled(asked)))).toBe(wait);
    expect(waitOf(close(throttled(asked), undefined, { random: 0.999 }))).toBeLessThan(wait + 250);
  });

  it('says until when it is expected to be closed, by the clock on the wall', () => {
    expect(close(throttled(30_000)).reason).toMatchObject({
      code: 'EndpointThrottled',
      until: NOW.now + 30_000,
    });
  });

  it('waits longer after each probe that fails, with jitter, and never longer than the longest', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (times, random) => {
          let gate = close(held, undefined, { random });
          for (let nth = 1; nth < times; nth += 1)
            gate = close(held, { ...gate, probe: 'a@1' }, { random, wasProbe: true });
          expect(gate.closed).toBe(times);
          const ceiling = Math.min(LIMITS.hold_probe_min_ms * 2 ** (times - 1), LIMITS.hold_probe_max_ms);
          expect(waitOf(gate)).toBeGreaterThanOrEqual(ceiling / 2);
          expect(waitOf(gate)).toBeLessThanOrEqual(ceiling);
        },
      ),
    );
  });

  it('is only prolonged by attempts that were under way when it closed, and never shortened', () => {
    const long = close(throttled(60_000));
    const again = close(throttled(5_000), long);
    expect(again.until_m).toBe(long.until_m);
    expect(again.closed).toBe(1);
    expect(close(throttled(90_000), long).until_m).toBeGreaterThan(long.until_m);
  });

  it('of a model is another one than that of its endpoint', () => {
    const gate = Gates.close(undefined, 'e', 'm', held, NOW, false);
    expect(gate.key).toBe(Gates.key('e', 'm'));
    expect(gate.key).not.toBe(Gates.key('e', null));
  });
});
