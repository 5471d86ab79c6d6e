/**
 * Keys of the HTTP server: `pd_<scope>_<id>_<secret>_<check>`. The id finds the row, the secret is 256 random bits in base62,
 * the checksum tells a mistyped key from a wrong one before anything is looked up. Only the SHA-256 of the whole is stored.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../core/ports/clock.ts';
import type { KeyRow, KeyScope } from '../core/rows.ts';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
const ID_BYTES = 6;
const KEY_PATTERN = /^(pd_(submit|read|admin|instance)_([0-9a-f]{12})_[0-9A-Za-z]{16,64})_([0-9a-f]{8})$/;

export interface MadeKey {
  readonly id: string;
  /** Shown once. */
  readonly key: string;
  /** SHA-256 (hex) of the whole key: what is stored. */
  readonly sha256: string;
}

/** What a route asks of a key. `open` asks for none. */
export type RouteScope = 'open' | 'read' | 'submit' | 'admin';

const GRANTS: Readonly<Record<KeyScope, readonly RouteScope[]>> = {
  read: ['open', 'read'],
  submit: ['open', 'read', 'submit'],
  admin: ['open', 'read', 'submit', 'admin'],
  /** The key of an instance opens the instances' own port, and nothing here. */
  instance: ['open'],
};

export function makeKey(scope: KeyScope, random: Random): MadeKey {
  const id = random.id(ID_BYTES);
  const body = `pd_${scope}_${id}_${base62(random.id(SECRET_BYTES))}`;
  const key = `${body}_${checksum(body)}`;
  return { id, key, sha256: sha256(key).toString('hex') };
}

/** Takes a key apart; null where it is none, or was mistyped. Says nothing about whether it is valid. */
export function parseKey(text: string): { readonly scope: KeyScope; readonly id: string } | null {
  const match = KEY_PATTERN.exec(text);
  if (match === null) return null;
  const [, body = '', scope = '', id = '', check = ''] = match;
  return checksum(body) === check ? { scope: scope as KeyScope, id } : null;
}

/** Whether `text` is the key of this row, and the row is in force at `now` (wall time, Unix ms). */
export function keyMatches(text: string, row: KeyRow, now: number): boolean {
  const stored = Buffer.from(row.sha256, 'hex');
  const given = sha256(text);
  if (stored.length !== given.length || !timingSafeEqual(stored, given)) return false;
  return row.revoked_at === null && (row.expires_at === null || now < row.expires_at);
}

export function scopesGrant(scopes: readonly KeyScope[], wanted: RouteScope): boolean {
  return scopes.some((scope) => GRANTS[scope].includes(wanted));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function checksum(text: string): string {
  return sha256(text).toString('hex').slice(0, 8);
}

function base62(hex: string): string {
  let rest = BigInt(`0x${hex}`);
  let text = '';
  while (rest > 0n) {
    text = `${DIGITS[Number(rest % 62n)] ?? ''}${text}`;
    rest /= 62n;
  }
  // A secret never has a length that says how small its number was.
  return text.padStart(Math.ceil((hex.length * 4) / Math.log2(62)), '0');
}
