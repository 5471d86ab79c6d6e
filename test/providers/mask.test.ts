import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mask, secretsOf, sentence } from '../../src/providers/mask.ts';

describe('mask', () => {
  it('takes a key out of any text, in plain, in a URL and in JSON', () => {
    const key = fc.string({ minLength: 8 }).filter((text) => text.trim() === text && !text.includes('*'));
    fc.assert(
      fc.property(fc.string(), key, fc.string(), (before, secret, after) => {
        const secrets = secretsOf('http://host', secret);
        for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret)]) {
          expect(mask(`${before}${form}${after}`, secrets)).not.toContain(secret);
        }
      }),
    );
  });

  it('takes the credentials of a URL out, as they stand there and as they are sent', () => {
    const secrets = secretsOf('http://me:p%40ss-word@host:1', null);
    const basic = Buffer.from('me:p@ss-word').toString('base64');
    expect(mask(`p%40ss-word p@ss-word ${basic} host`, secrets)).toBe('*** *** *** host');
  });

  it('knows a bearer that is not ours', () => {
    expect(mask('Authorization: Bearer abcdefgh12345', [])).toBe('Authorization: Bearer ***');
  });

  it('takes a word for a word: bearer bonds are no secret', () => {
    expect(mask('the bearer is late', [])).toBe('the bearer is late');
  });

  it('does not let a cut leave a part of a key', () => {
    const key = 'k'.repeat(50);
    const text = sentence(`${'x'.repeat(3_980)}${key}`, [key]);
    expect(text.length).toBeLessThanOrEqual(4_000);
    expect(text).not.toContain('kk');
  });

  it('makes one line without control characters', () => {
    expect(sentence('a\n\u001B[31mb\u0000\tc  d', [])).toBe('a [31mb c d');
  });
});
