import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../src/providers/retry-after.ts';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);

describe('retryAfterMs', () => {
  it.each<[Record<string, string>, number | null]>([
    [{}, null],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': ' 1.5 ' }, 1_500],
    [{ 'retry-after': '-3' }, 0],
    [{ 'retry-after': '999999999999' }, 3_600_000],
    [{ 'retry-after': '' }, null],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '5 apples' }, null],
    [{ 'retry-after': '1e3' }, null],
    [{ 'retry-after': 'Thu, 01 Jan 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after': 'Fri, 01 Jan 2027 00:00:00 GMT' }, 3_600_000],
    [{ 'retry-after': 'Thu, 99 Jan 2026 99:99:99 GMT' }, null],
    [{ 'retry-after-ms': '250', 'retry-after': '7' }, 250],
  ])('reads %o as %s ms', (headers, expected) => {
    expect(retryAfterMs(new Headers(headers), NOW)).toBe(expected);
  });

  it('compares a date with the clock of the server that gave it', () => {
    const headers = new Headers({
      'retry-after': 'Thu, 01 Jan 2026 20:00:30 GMT',
      date: 'Thu, 01 Jan 2026 20:00:00 GMT',
    });
    expect(retryAfterMs(headers, NOW)).toBe(30_000);
  });
});
