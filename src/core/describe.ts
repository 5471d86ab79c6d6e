/** What was got, in the words of an error message. Never more than a glimpse of it, and never a secret. */
import { looksLikeSecret } from './secrets.ts';

const GLIMPSE = 40;

export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') return describeText(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}

function describeText(text: string): string {
  if (looksLikeSecret(text)) return 'a text that looks like a key';
  const glimpse = text.length > GLIMPSE ? `${text.slice(0, GLIMPSE - 1)}…` : text;
  return JSON.stringify(glimpse.toWellFormed());
}

/** `a, b or c`, for expectations. */
export function anyOf(words: readonly string[], last = 'or'): string {
  if (words.length <= 1) return words[0] ?? 'nothing';
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1) ?? ''}`;
}
