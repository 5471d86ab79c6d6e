/**
 * Frames: a length (u32, big-endian, of what follows) and one value in MessagePack. The length is judged before a byte of
 * the frame is kept, and memory grows with what has really arrived, never with what a length announces.
 */
import { Packr, RESERVE_START_SPACE } from 'msgpackr';

const HEAD_BYTES = 4;
/** What a frame that has begun is given first; it doubles as bytes arrive. */
const FIRST_BYTES = 4096;
/** After a frame larger than this the encoder lets its memory go. */
const KEEP_BYTES = 1024 * 1024;
const SLAB_BYTES = 64 * 1024;

/** `oversize`: longer than the limit. `empty`: length 0. `garbage`: not one MessagePack value that fills the frame. */
export type FrameFault = 'oversize' | 'empty' | 'garbage';

export class FrameError extends Error {
  readonly fault: FrameFault;

  constructor(fault: FrameFault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'FrameError';
    this.fault = fault;
  }
}

/**
 * Plain MessagePack, as any other implementation writes it: no records, no shared structures. Objects are maps with text
 * keys (`__proto__` never becomes a prototype), what is undefined is left out as in JSON, 64-bit integers are numbers.
 */
const options = {
  useRecords: false,
  variableMapSize: true,
  moreTypes: false,
  useToJSON: false,
  structuredClone: false,
  int64AsType: 'number',
  encodeUndefinedAsNil: true,
  // Not in its types yet, see "skipValues" in its README.
  skipValues: [undefined],
} as const satisfies ConstructorParameters<typeof Packr>[0] & { skipValues: readonly unknown[] };
const codec = new Packr({ ...options });

/** One whole frame. The bytes are the caller's. */
export function encodeFrame(message: unknown): Uint8Array {
  // msgpackr leaves room in front of the value where it is asked to, so the length needs no copy of a large frame.
  const frame = codec.pack(message, RESERVE_START_SPACE + HEAD_BYTES);
  frame.writeUInt32BE(frame.length - HEAD_BYTES, 0);
  if (frame.length > KEEP_BYTES) codec.useBuffer(Buffer.allocUnsafeSlow(SLAB_BYTES));
  return frame;
}

/** The value in one whole frame, as {@link encodeFrame} made it. Throws a {@link FrameError}. */
export function decodeFrame(frame: Uint8Array): unknown {
  return decodeValue(frame, HEAD_BYTES, frame.length);
}

/** Takes bytes as they come and gives the values of the frames that are whole. */
export class FrameDecoder {
  #limit: number;
  /** The frame that has begun, head included: its first `#filled` bytes are here. */
  #buffer: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #filled = 0;
  #frames = 0;

  constructor(frame_bytes_max: number) {
    this.#limit = frame_bytes_max;
  }

  /** The largest frame taken from now on, in bytes without its head. */
  set limit(frame_bytes_max: number) {
    this.#limit = frame_bytes_max;
  }

  /** Whether a frame has begun and is not whole. */
  get partial(): boolean {
    return this.#filled > 0;
  }

  /** Frames given so far. */
  get frames(): number {
    return this.#frames;
  }

  /**
   * Calls `onValue` for each frame that `chunk` completes; `onValue` gives false to stop at once. Throws a
   * {@link FrameError} at the first fault; nothing of the connection can be understood after it.
   */
  push(chunk: Uint8Array, onValue: (value: unknown) => boolean): void {
    let position = 0;
    if (this.#filled > 0) {
      position = this.#continue(chunk);
      if (position === -1) return;
      if (!this.#give(this.#buffer, this.#takeWhole(), onValue)) return;
    }
    const bytes = asBuffer(chunk);
    while (bytes.length - position >= HEAD_BYTES) {
      const end = position + HEAD_BYTES + this.#length(bytes, position);
      if (end > bytes.length) break;
      const begin = position;
      position = end;
      if (!this.#give(bytes, end, onValue, begin)) return;
    }
    if (position < bytes.length) this.#keep(bytes, position, bytes.length);
  }

  /** Fills the frame that has begun. Gives where the next one begins in `chunk`, or -1 where this one is still not whole. */
  #continue(chunk: Uint8Array): number {
    let position = 0;
    if (this.#filled < HEAD_BYTES) {
      position = Math.min(HEAD_BYTES - this.#filled, chunk.length);
      this.#keep(chunk, 0, position);
      if (this.#filled < HEAD_BYTES) return -1;
    }
    const whole = HEAD_BYTES + this.#length(this.#buffer, 0);
    const end = Math.min(chunk.length, position + whole - this.#filled);
    this.#keep(chunk, position, end);
    return this.#filled === whole ? end : -1;
  }

  /** Copies part of a chunk behind what is kept, in memory that doubles: each byte is moved a bounded number of times. */
  #keep(chunk: Uint8Array, from: number, to: number): void {
    const filled = this.#filled + to - from;
    if (filled > this.#buffer.length) {
      const room = Math.min(
        Math.max(filled, this.#buffer.length * 2),
        Math.max(filled, HEAD_BYTES + this.#limit),
      );
      const larger = Buffer.allocUnsafeSlow(room);
      this.#buffer.copy(larger, 0, 0, this.#filled);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk.subarray(from, to), this.#filled);
    this.#filled = filled;
  }

  /** Ends the kept frame: its length; the memory of a large one is let go after this. */
  #takeWhole(): number {
    const whole = this.#filled;
    this.#filled = 0;
    return whole;
  }

  #length(bytes: Buffer, position: number): number {
    const length = bytes.readUInt32BE(position);
    if (length === 0)
      throw new FrameError('empty', 'a frame has no content: expected at least 1 byte, got length 0');
    if (length > this.#limit) {
      throw new FrameError(
        'oversize',
        `a frame is too long: expected at most ${this.#limit} bytes, got length ${length}`,
      );
    }
    return length;
  }

  #give(bytes: Buffer, end: number, onValue: (value: unknown) => boolean, begin = 0): boolean {
    const value = decodeValue(bytes, begin + HEAD_BYTES, end);
    if (bytes === this.#buffer && bytes.length > KEEP_BYTES) this.#buffer = Buffer.allocUnsafe(FIRST_BYTES);
    this.#frames += 1;
    return onValue(value);
  }
}

function decodeValue(bytes: Uint8Array, start: number, end: number): unknown {
  try {
    return codec.unpack(bytes, { start, end });
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : 'unreadable';
    throw new FrameError('garbage', `a frame is not one MessagePack value: ${why}`, error);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
