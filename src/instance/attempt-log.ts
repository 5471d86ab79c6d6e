/**
 * The log of one attempt while it runs: NDJSON of LogEntry, read at byte offsets by those who follow, and taken whole at the
 * end. Small logs stay in memory; what grows beyond that goes to a file, and what grows beyond the limit is cut, which the
 * last entry says.
 */
import type { LogEntry, LogStream } from '../core/attempt.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { AppendFile, Files } from '../core/ports/files.ts';

/** Kept for the entry that says the log was cut. */
const CUT_BYTES = 256;
/** Longer texts are several entries, so that pieces for followers end at a line. In UTF-16 code units. */
const ENTRY_LENGTH_MAX = 16 * 1024;
/** No line is longer: six bytes a code unit at worst, and its head. */
const LINE_BYTES_MAX = ENTRY_LENGTH_MAX * 6 + 256;

export interface AttemptLogOptions {
  readonly clock: Clock;
  readonly files: Files;
  /** Where it goes when it has become large; nothing may stand there. */
  readonly path: string;
  readonly log_bytes_max: number;
  readonly memory_bytes_max: number;
  /** There is more to read. */
  readonly onMore: () => void;
}

export class AttemptLog {
  readonly #options: AttemptLogOptions;
  /** Lines that are not in the file (yet); the first begins at byte `#spilled`. */
  #lines: Buffer[] = [];
  #memory_bytes = 0;
  #spilled = 0;
  #bytes = 0;
  #cut = false;
  #closed = false;
  #file: AppendFile | null = null;
  #spilling: Promise<void> | null = null;

  constructor(options: AttemptLogOptions) {
    this.#options = options;
  }

  /** Length of the log so far. */
  get bytes(): number {
    return this.#bytes;
  }

  append(stream: LogStream, text: string): void {
    if (this.#cut || this.#closed) return;
    for (const part of parts(text)) {
      if (!this.#appendEntry({ at: this.#options.clock.now(), stream, text: part })) break;
    }
    if (this.#memory_bytes > this.#options.memory_bytes_max) this.#spilling ??= this.#spill();
    this.#options.onMore();
  }

  /** Whole lines from `offset` on, about `bytes` of them; nothing where there is no more. */
  async read(offset: number, bytes: number): Promise<Uint8Array> {
    const wanted = Math.max(bytes, LINE_BYTES_MAX);
    const got =
      offset < this.#spilled ? await this.#readFile(offset, wanted) : this.#readMemory(offset, wanted);
    return got.subarray(0, got.lastIndexOf(10) + 1);
  }

  /** All of it; nothing is logged any more after this call. */
  async whole(): Promise<string> {
    this.#closed = true;
    await this.#spilling;
    const memory = Buffer.concat(this.#lines);
    if (this.#spilled === 0) return memory.toString('utf8');
    const file = await this.#options.files.readPart(this.#options.path, 0, this.#spilled);
    return Buffer.concat([file ?? new Uint8Array(), memory]).toString('utf8');
  }

  /** Nobody reads it any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#spilling;
    this.#lines = [];
    const file = this.#file;
    this.#file = null;
    if (file === null) return;
    await file.close();
    await this.#options.files.unlink(this.#options.path);
  }

  #appendEntry(entry: LogEntry): boolean {
    const line = lineOf(entry);
    if (this.#bytes + line.length <= this.#options.log_bytes_max - CUT_BYTES) {
      this.#keep(line);
      return true;
    }
    this.#cutHere(`it has reached log_bytes_max, ${this.#options.log_bytes_max} bytes`);
    return false;
  }

  #cutHere(why: string): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#keep(
      lineOf({ at: this.#options.clock.now(), stream: 'info', text: `The log is cut here: ${why}.` }),
    );
  }

  #keep(line: Buffer): void {
    this.#lines.push(line);
    this.#memory_bytes += line.length;
    this.#bytes += line.length;
  }

  async #spill(): Promise<void> {
    try {
      this.#file ??= await this.#options.files.openAppend(this.#options.path);
      while (this.#memory_bytes > this.#options.memory_bytes_max) {
        const count = this.#lines.length;
        const bytes = Buffer.concat(this.#lines);
        await this.#file.append(bytes);
        this.#lines.splice(0, count);
        this.#memory_bytes -= bytes.length;
        this.#spilled += bytes.length;
      }
    } catch (error) {
      // A log is not a promise: the attempt goes on, what is in memory stays, and the log says where it ends.
      this.#cutHere(
        `it could not be written (${error instanceof Error ? error.message.slice(0, 100) : 'unknown'})`,
      );
    } finally {
      this.#spilling = null;
    }
  }

  async #readFile(offset: number, bytes: number): Promise<Buffer> {
    const part = await this.#options.files.readPart(
      this.#options.path,
      offset,
      Math.min(bytes, this.#spilled - offset),
    );
    return part === null ? Buffer.alloc(0) : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  }

  #readMemory(offset: number, bytes: number): Buffer {
    const found: Buffer[] = [];
    let at = this.#spilled;
    let length = 0;
    for (const line of this.#lines) {
      if (length >= bytes) break;
      if (at + line.length > offset) {
        const rest = at < offset ? line.subarray(offset - at) : line;
        found.push(rest);
        length += rest.length;
      }
      at += line.length;
    }
    return Buffer.concat(found);
  }
}

function lineOf(entry: LogEntry): Buffer {
  return Buffer.from(`${JSON.stringify(entry)}\n`, 'utf8');
}

/** Cuts a text into entries, never between the two halves of a character. */
function* parts(text: string): Generator<string> {
  let from = 0;
  do {
    let to = Math.min(text.length, from + ENTRY_LENGTH_MAX);
    if (to < text.length && isHighSurrogate(text.charCodeAt(to - 1))) to -= 1;
    yield text.slice(from, to);
    from = to;
  } while (from < text.length);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}
