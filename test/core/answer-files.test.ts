import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainFiles } from '../../src/core/answer-files.ts';

const file = (name: string, media_type = 'image/png') => ({ name, media_type, data: 'QQ==' });
const named = (...names: string[]) => plainFiles(names.map((name) => file(name))).map(({ name }) => name);

describe('the files of an answer', () => {
  it.each([
    ['chart.png', 'chart.png'],
    ['out/deep/chart.png', 'chart.png'],
    ['C:\\out\\chart.png', 'chart.png'],
    ['../../etc/passwd', 'passwd'],
    ['.bashrc', 'bashrc'],
    ['...hidden', 'hidden'],
    ['..', 'file'],
    ['', 'file'],
    ['out/', 'file'],
    ['a\u0000b\nc\u202e.png', 'a-b-c-.png'],
    ['Zürich Straße.pdf', 'Zürich Straße.pdf'],
    ['u\u0308.txt', 'ü.txt'],
    [`${'x'.repeat(300)}.png`, `${'x'.repeat(196)}.png`],
    [`${'é'.repeat(150)}.png`, `${'é'.repeat(98)}.png`],
  ])('R31: get a plain name: %j is %j', (given, name) => {
    expect(named(given)).toEqual([name]);
  });

  it('R31: get a name each, also where letters differ in their case alone, or a number is taken', () => {
    expect(named('a.png', 'A.PNG', 'a-2.png', 'a.png', 'x/a.png')).toEqual([
      'a.png',
      'A-2.PNG',
      'a-2-2.png',
      'a-3.png',
      'a-4.png',
    ]);
    expect(named('file', 'file', '.tar.gz')).toEqual(['file', 'file-2', 'tar.gz']);
    const long = `${'x'.repeat(196)}.png`;
    expect(named(long, long)).toEqual([long, `${'x'.repeat(194)}-2.png`]);
  });

  it.each([
    ['image/png', 'image/png'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ['application/vnd.ms-excel', 'application/vnd.ms-excel'],
    ['', 'application/octet-stream'],
    ['png', 'application/octet-stream'],
    ['text/html\r\nset-cookie: a=b', 'application/octet-stream'],
    [`a/${'b'.repeat(300)}`, 'application/octet-stream'],
  ])('have a media type that a header can carry: %j is %j', (given, media_type) => {
    expect(plainFiles([file('a', given)])).toEqual([file('a', media_type)]);
  });

  it('R31: whatever they are called, lie in one folder of any file system, and are called the same when named again', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('a.png', 'A.png', 'a-2.png', '.a.png', 'İ.png', 'i\u0307.png', 'ß', 'SS', '\ud800'),
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 8 }), (names) => {
        const plain = named(...names);
        for (const one of plain) {
          expect(one).not.toMatch(/^\.|[/\\\p{C}]/u);
          expect(Buffer.byteLength(one)).toBeLessThanOrEqual(200);
          expect(one.length).toBeGreaterThan(0);
        }
        const folded = plain.map((one) => one.normalize('NFD').toUpperCase().toLowerCase());
        expect(new Set(folded).size).toBe(names.length);
        expect(named(...plain)).toEqual(plain);
      }),
    );
  });
});
