import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, FrameDecoder, FrameError } from '../../src/wire/frame.ts';

const LIMIT = 1024 * 1024;

function decodeAll(bytes: Uint8Array, cuts: readonly number[], limit = LIMIT): unknown[] {
  const decoder = new FrameDecoder(limit);
  const values: unknown[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length].toSorted((a, b) => a - b)) {
    decoder.push(bytes.subarray(from, to), (value) => values.push(value) > 0);
    from = to;
  }
  expect(decoder.partial).toBe(false);
  return values;
}

/** What JSON carries, as it comes back: text well-formed, no −0, nothing that is undefined. */
const json = fc.jsonValue({ maxDepth: 4 });

describe('frames', () => {
  it('give the same messages however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(json, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(4_000), { maxLength: 40 }),
        (values, cuts) => {
          const bytes = Buffer.concat(values.map((value) => encodeFrame(value)));
          const inside = cuts.map((cut) => cut % (bytes.length + 1));
          expect(decodeAll(bytes, inside)).toEqual(
            JSON.parse(JSON.stringify(values).replaceAll('"__proto__":', '"__proto_":')),
          );
        },
      ),
    );
  });

  it('give the same messages byte by byte', () => {
    const values = [{ t: 'a', n: 1 }, ['x'.repeat(300)], 'é😀', 2 ** 53 - 1, -1.5, null];
    const bytes = Buffer.concat(values.map((value) => encodeFrame(value)));
    expect(
      decodeAll(
        bytes,
        Array.from({ length: bytes.length }, (_, i) => i),
      ),
    ).toEqual(values);
  });

  it('leave out what is undefined, and carry large integers as numbers', () => {
    expect(decodeFrame(encodeFrame({ a: undefined, b: Number.MAX_SAFE_INTEGER, c: [undefined] }))).toEqual({
      b: Number.MAX_SAFE_INTEGER,
      c: [null],
    });
  });

  it('never make a prototype out of a key', () => {
    // {"__proto__": {"polluted": true}}, as another implementation may send it.
    const hostile = Buffer.concat([
      Buffer.from([0x81, 0xa9]),
      Buffer.from('__proto__'),
      Buffer.from([0x81, 0xa8]),
      Buffer.from('polluted'),
      Buffer.from([0xc3]),
    ]);
    const value = decodeFrame(framed(hostile)) as { polluted?: boolean };
    expect(value.polluted).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('carry objects that have keys of our tools', () => {
    const value = { toJSON: 1, hasOwnProperty: 2, constructor: { prototype: 3 }, length: 4 };
    expect(decodeFrame(encodeFrame(value))).toEqual(value);
  });

  it('refuse a length above the limit before anything is allocated', () => {
    const decoder = new FrameDecoder(16_384);
    const before = process.memoryUsage().arrayBuffers;
    const huge = Buffer.alloc(4);
    huge.writeUInt32BE(0xffff_ffff);
    expect(faultOf(() => decoder.push(huge, () => true))).toBe('oversize');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  it('refuse a length above the limit when its head comes in pieces', () => {
    const decoder = new FrameDecoder(16_384);
    decoder.push(Buffer.from([0, 0]), () => true);
    expect(faultOf(() => decoder.push(Buffer.from([0x40, 0x01]), () => true))).toBe('oversize');
  });

  it('grow with what has come, not with what a length announces', () => {
    const decoder = new FrameDecoder(80 * 1024 * 1024);
    const head = Buffer.alloc(10_000);
    head.writeUInt32BE(80 * 1024 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    decoder.push(head, () => true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    expect(decoder.partial).toBe(true);
  });

  it('take larger frames once the limit is raised', () => {
    const decoder = new FrameDecoder(100);
    const frame = encodeFrame('x'.repeat(200));
    expect(faultOf(() => decoder.push(frame, () => true))).toBe('oversize');
    const raised = new FrameDecoder(100);
    raised.limit = 1_000;
    const values: unknown[] = [];
    raised.push(frame, (value) => values.push(value) > 0);
    expect(values).toEqual(['x'.repeat(200)]);
  });

  it('refuse an empty frame', () => {
    expect(faultOf(() => new FrameDecoder(LIMIT).push(Buffer.alloc(4), () => true))).toBe('empty');
  });

  it('refuse a value that does not fill its frame, or needs more than it', () => {
    expect(faultOf(() => decodeFrame(framed(Buffer.from([0x01, 0x02]))))).toBe('garbage');
    expect(faultOf(() => decodeFrame(framed(Buffer.from([0xda, 0xff, 0xff]))))).toBe('garbage');
    // Reading on into the next frame would be worse than an error.
    const two = Buffer.concat([framed(Buffer.from([0xa5, 0x61])), encodeFrame('next')]);
    expect(faultOf(() => new FrameDecoder(LIMIT).push(two, () => true))).toBe('garbage');
  });

  it('answer garbage with a fault, never with anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        const fault = faultOf(() => new FrameDecoder(4_096).push(framed(Buffer.from(bytes)), () => true));
        expect([null, 'garbage']).toContain(fault);
      }),
    );
  });

  it('answer nesting without end with a fault', () => {
    expect(faultOf(() => decodeFrame(framed(Buffer.alloc(500_000, 0x91))))).toBe('garbage');
  });

  it('stop at once when they are told to', () => {
    const decoder = new FrameDecoder(LIMIT);
    const values: unknown[] = [];
    decoder.push(Buffer.concat([encodeFrame(1), encodeFrame(2)]), (value) => {
      values.push(value);
      return false;
    });
    expect(values).toEqual([1]);
  });

  it('take a large frame in chunks in time that grows with its length alone', () => {
    const times = [8, 32].map((mebibytes) => {
      const frame = encodeFrame('x'.repeat(mebibytes * 1024 * 1024));
      const decoder = new FrameDecoder(frame.length);
      let values = 0;
      const begin = performance.now();
      for (let at = 0; at < frame.length; at += 65_536) {
        decoder.push(frame.subarray(at, at + 65_536), () => ++values > 0);
      }
      expect(values).toBe(1);
      return performance.now() - begin;
    });
    // Copying everything again with each chunk would make it 16 times as long.
    expect(times[1]!).toBeLessThan(Math.max(times[0]!, 20) * 12);
  });
});

function framed(payload: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(payload.length);
  return Buffer.concat([head, payload]);
}

function faultOf(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError);
    return (error as FrameError).fault;
  }
}
