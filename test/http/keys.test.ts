import { describe, expect, it } from 'vitest';
import type { KeyRow } from '../../src/core/rows.ts';
import { keyMatches, makeKey, parseKey, scopesGrant } from '../../src/http/keys.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { NOW, sha256 } from './fake-reads.ts';

function rowOf(made: { id: string; sha256: string }, fields: Partial<KeyRow> = {}): KeyRow {
  return {
    name: 'n',
    scopes: ['read'],
    created_at: NOW,
    expires_at: null,
    revoked_at: null,
    id: made.id,
    sha256: made.sha256,
    ...fields,
  };
}

describe('keys', () => {
  it('R19: is made with its scope, its id and its hash, and never the same twice', () => {
    const made = makeKey('submit', systemRandom);
    expect(made.key).toMatch(/^pd_submit_[0-9a-f]{12}_[0-9A-Za-z]{43}_[0-9a-f]{8}$/);
    expect(made.sha256).toBe(sha256(made.key));
    expect(parseKey(made.key)).toEqual({ scope: 'submit', id: made.id });
    expect(makeKey('submit', systemRandom).key).not.toBe(made.key);
  });

  it('has the same length however small its secret is', () => {
    const zeros = makeKey('read', { next: () => 0, id: (bytes) => '00'.repeat(bytes) });
    expect(zeros.key).toHaveLength(makeKey('read', systemRandom).key.length);
  });

  it('tells a mistyped key before anything is looked up', () => {
    const { key } = makeKey('admin', systemRandom);
    for (let at = 0; at < key.length; at++) {
      const other = key[at] === 'x' ? 'y' : 'x';
      expect(parseKey(key.slice(0, at) + other + key.slice(at + 1))).toBeNull();
    }
    expect(parseKey('')).toBeNull();
    expect(parseKey(`${key}\n`)).toBeNull();
    expect(parseKey(key.replace('admin', 'owner'))).toBeNull();
  });

  it('matches its own row alone, and only while that is in force', () => {
    const made = makeKey('read', systemRandom);
    const other = makeKey('read', systemRandom);
    expect(keyMatches(made.key, rowOf(made), NOW)).toBe(true);
    expect(keyMatches(other.key, rowOf(made), NOW)).toBe(false);
    expect(keyMatches(made.key, rowOf(made, { sha256: '' }), NOW)).toBe(false);
    expect(keyMatches(made.key, rowOf(made, { revoked_at: NOW - 1 }), NOW)).toBe(false);
    expect(keyMatches(made.key, rowOf(made, { expires_at: NOW }), NOW)).toBe(false);
    expect(keyMatches(made.key, rowOf(made, { expires_at: NOW + 1 }), NOW)).toBe(true);
  });

  it('grants what its scope says', () => {
    expect(scopesGrant(['read'], 'submit')).toBe(false);
    expect(scopesGrant(['submit'], 'read')).toBe(true);
    expect(scopesGrant(['submit'], 'admin')).toBe(false);
    expect(scopesGrant(['admin'], 'submit')).toBe(true);
    expect(scopesGrant(['instance'], 'read')).toBe(false);
    expect(scopesGrant([], 'read')).toBe(false);
    expect(scopesGrant(['read', 'submit'], 'submit')).toBe(true);
  });
});
