import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, parseJobText, placeFaults, splitNdjson } from '../../src/core/job-text.ts';
import { scanJobText } from '../../src/core/job-text-scan.ts';

describe('the text of a job', () => {
  it('may have comments, trailing commas and a byte order mark', () => {
    const text = '\uFEFF{\n  // why\n  "a": [1, 2,], /* how */\n  "b": "c // no comment",\n}';
    expect(parseJobText(text)).toMatchObject({ value: { a: [1, 2], b: 'c // no comment' }, faults: [] });
  });

  it('reads as JSON.parse does, on the fast way and on the careful one', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.boolean(), (text, careful) => {
        const expected: unknown = JSON.parse(text);
        const parsed = parseJobText(careful ? `// a comment\n${text}` : text);
        if (parsed.faults.length === 0) expect(parsed.value).toEqual(expected);
        else expect(parsed.faults[0]?.expected).toMatch(/integer|Unicode|once/);
      }),
    );
  });

  it('objects to the same things on both ways', () => {
    for (const item of [
      '9007199254740993',
      '-9007199254740992',
      '1e999',
      '"\\ud800"',
      '{"b": 1, "b": 2}',
      '{"\\udc00": 1}',
    ]) {
      const [fault] = parseJobText(`{"a": ${item}}`).faults;
      const [careful] = parseJobText(`{"a": ${item}} // x`).faults;
      expect(fault).toBeDefined();
      expect(careful).toEqual(fault);
    }
  });

  it.each([
    '{"a": 9007199254740991}',
    '{"a": -9007199254740991}',
    '{"a": 1e300}',
    '{"a": 12345678901234567.5}',
    '{"a": "9007199254740993"}',
    '{"a\\"b:": 1, "c": "\\\\"}',
  ])('has no objection to %s', (text) => {
    expect(parseJobText(text).faults).toEqual([]);
    expect(parseJobText(text).value).toEqual(JSON.parse(text));
  });

  it('says where things stand, and of what is missing where it belongs', () => {
    const parsed = parseJobText('{\n  "a": {\n    "b": [1, {"c d": true}]\n  }\n}');
    expect(parsed.at('(job)')).toEqual({ line: 1, column: 1 });
    expect(parsed.at('a')).toEqual({ line: 2, column: 3 });
    expect(parsed.at('a.b')).toEqual({ line: 3, column: 5 });
    expect(parsed.at('a.b[1]')).toEqual({ line: 3, column: 14 });
    expect(parsed.at('a.b[1]["c d"]')).toEqual({ line: 3, column: 15 });
    expect(parsed.at('a.b[7].x')).toEqual({ line: 3, column: 5 });
    expect(parsed.at('a.missing')).toEqual({ line: 2, column: 3 });
    expect(parsed.at('missing')).toEqual({ line: 1, column: 1 });
  });

  it('places faults of a job that stands in a lot, or in a line of a file', () => {
    const fault = { code: 'InvalidJob', path: 'prompt', expected: 'x', got: 'y' } as const;
    const array = parseJobText('[\n {},\n {"prompt": 1}\n]');
    expect(placeFaults([fault], array, '[1]')).toEqual([
      { ...fault, path: '[1].prompt', line: 3, column: 3 },
    ]);
    const line = parseJobText('{"prompt": 1}');
    expect(placeFaults([fault], line, '', 17)).toEqual([{ ...fault, line: 17, column: 2 }]);
  });

  it('does not overflow the stack, nor take long, on a hundred thousand brackets', () => {
    for (const text of [
      '['.repeat(1e5),
      '['.repeat(1e5) + ']'.repeat(1e5),
      '{"a":'.repeat(1e5) + '1' + '}'.repeat(1e5),
    ]) {
      const { faults } = parseJobText(text);
      expect(faults).toHaveLength(1);
      expect(faults[0]?.expected).toBe('at most 64 brackets inside each other');
    }
  });

  it('stops listing faults of one text after a hundred', () => {
    const text = `[${Array.from({ length: 5_000 }, () => '9007199254740993').join(',')}]`;
    expect(parseJobText(text).faults.length).toBeLessThanOrEqual(101);
  });

  it('cannot reach a prototype, whatever its keys', () => {
    for (const comment of ['', '// x']) {
      const { value } = parseJobText(
        `{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}} ${comment}`,
      );
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
      expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
  });

  it('gives faults instead of exceptions, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]",:\\/*u0eE+-.1ta\n\t \ud800'.split('')), maxLength: 40 }),
        (text) => {
          const parsed = parseJobText(text);
          let valid = true;
          try {
            JSON.parse(text);
          } catch {
            valid = false;
          }
          if (!valid && parsed.faults.length === 0) expect(text).toMatch(/\/|,\s*[}\]]/);
          expect(scanJobText(text, true).faults.length === 0).toBe(parsed.faults.length === 0);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('the bytes of a job', () => {
  it('are UTF-8', () => {
    expect(decodeUtf8(new TextEncoder().encode('\uFEFFgrün 😀'))).toBe('grün 😀');
    expect(decodeUtf8(new Uint8Array())).toBe('');
  });

  it.each([
    [[0x61, 0x0a, 0x62, 0xff, 0x61], 2, 2, '0xff'],
    [[0x61, 0xe2, 0x82], 1, 2, '0xe2'],
    [[0xe2, 0x28, 0xa1], 1, 1, '0xe2'],
    [[0xc0, 0x80], 1, 1, '0xc0'],
    [[0x0a, 0xed, 0xa0, 0x80], 2, 1, '0xed'],
  ])('%j is wrong at %i:%i', (bytes, line, column, byte) => {
    expect(decodeUtf8(new Uint8Array(bytes))).toMatchObject({
      line,
      column,
      got: `the byte ${byte}`,
      code: 'InvalidJob',
    });
  });
});

describe('lines of jobs', () => {
  it('keep their numbers, and empty ones are none', () => {
    const text = '\uFEFF{"a": 1}\r\n\n  \n{"b": 2}\n{"c": 3}';
    const lines = splitNdjson(text);
    expect(lines.map(({ line }) => line)).toEqual([1, 4, 5]);
    expect(lines.map((line) => parseJobText(line.text).value)).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
    expect(splitNdjson('')).toEqual([]);
  });
});
