/** Numbers, durations and times as people read them, and moments as people write them. */
import { parseDuration } from '../core/durations.ts';
import type { BatchView } from '../core/views.ts';

/** `40,000` */
export function count(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 job`, `300 jobs` */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `12 KiB`, `3.4 GiB` */
export function byteText(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${value.toFixed(step === 0 || value >= 100 ? 0 : 1)} ${UNITS[step]}`;
}

/** `0.0184 EUR`, `12.50 EUR, 3.00 USD and 2 unknown`; `-` where nothing is known: what is unknown is not free. */
export function costText({ cost, cost_unknown }: Pick<BatchView, 'cost' | 'cost_unknown'>): string {
  if (cost.length === 0) return '-';
  const known = cost.map(({ amount, currency }) => `${amountText(amount)} ${currency}`).join(', ');
  return cost_unknown === 0 ? known : `${known} and ${count(cost_unknown)} unknown`;
}

/** Three digits that say something, and at least two behind the point. */
function amountText(amount: number): string {
  const zeros = amount > 0 ? -Math.floor(Math.log10(amount)) : 0;
  return amount.toFixed(Math.min(Math.max(zeros + 2, 2), 12));
}

/** `0.4s`, `12s`, `3m10s`, `2h05m`, `4d03h` */
export function duration(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  if (s < 9.95) return `${s.toFixed(1)}s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Local time for people: `2026-12-01 08:00:00`. */
export function localTime(ms: number): string {
  const at = new Date(ms);
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A moment as people give it: a time (RFC 3339, or a date), or how long ago (`2h`). Unix ms, or null. */
export function parseMoment(text: string, now: number): number | null {
  const ago = parseDuration(text);
  if (ago !== null) return now - ago;
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
