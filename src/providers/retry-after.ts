/** How long a server asks us to wait, in whatever form it says so. */
import { LIMITS } from '../core/limits.ts';

interface ReadHeaders {
  get(name: string): string | null;
}

/**
 * Milliseconds from `retry-after-ms` (OpenAI, Azure) or `Retry-After` (RFC 9110: seconds or a date), at least 0 and at most
 * `LIMITS.retry_after_max_ms`; null where there is none or it is no time. A date is compared with the server's own clock
 * where its answer has one, since ours may be off.
 */
export function retryAfterMs(headers: ReadHeaders, now: number): number | null {
  const precise = number(headers.get('retry-after-ms'));
  if (precise !== null) return clamp(precise);
  const text = headers.get('retry-after');
  const seconds = number(text);
  if (seconds !== null) return clamp(seconds * 1000);
  const until = date(text);
  return until === null ? null : clamp(until - (date(headers.get('date')) ?? now));
}

function number(text: string | null): number | null {
  return text !== null && /^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : null;
}

/** A date of HTTP names its month; anything else that Date.parse would take ("5 apples") is no date. */
function date(text: string | null): number | null {
  if (
    text === null ||
    !/^[A-Za-z]{3,9},? \d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2}/.test(text.trim())
  )
    return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

function clamp(ms: number): number {
  return Math.round(Math.min(Math.max(ms, 0), LIMITS.retry_after_max_ms));
}
