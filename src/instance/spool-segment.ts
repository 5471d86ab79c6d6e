/** One file of a spool: records are appended until it is full, and it is deleted when nothing in it is wanted any more. */
import type { AppendFile, Files } from '../core/ports/files.ts';

const NAME = /^outcomes-(\d{10})\.spool$/;

export interface SegmentOptions {
  readonly files: Files;
  readonly directory: string;
  readonly number: number;
}

export class SpoolSegment {
  readonly number: number;
  readonly path: string;
  /** Outcomes in it that are not acknowledged. */
  live = 0;
  /** Size of the file. */
  bytes = 0;
  /** Whether something in it could not be read: then it is set aside instead of deleted. */
  corrupt = false;
  readonly #files: Files;
  readonly #directory: string;
  #file: AppendFile | null = null;

  constructor(options: SegmentOptions) {
    this.number = options.number;
    this.#files = options.files;
    this.#directory = options.directory;
    this.path = `${options.directory}/outcomes-${String(options.number).padStart(10, '0')}.spool`;
  }

  /** Numbers of the segments in a directory's listing, in order. */
  static numbers(names: readonly string[]): number[] {
    const numbers = names.flatMap((name) => {
      const digits = NAME.exec(name)?.[1];
      return digits === undefined ? [] : [Number(digits)];
    });
    return numbers.toSorted((a, b) => a - b);
  }

  get writable(): boolean {
    return this.#file !== null;
  }

  /** Makes the file, and its name durable. */
  async create(): Promise<void> {
    const file = await this.#files.openAppend(this.path);
    try {
      await this.#files.syncDirectory(this.#directory);
    } catch (error) {
      await file.close();
      throw unsynced(this.#directory, error);
    }
    this.#file = file;
  }

  /** Gives the offset at which the bytes begin. */
  async append(bytes: Uint8Array): Promise<number> {
    if (this.#file === null) throw new Error(`${this.path} is not open for writing`);
    const offset = await this.#file.append(bytes);
    this.bytes = offset + bytes.length;
    return offset;
  }

  async sync(): Promise<void> {
    try {
      await this.#file?.sync();
    } catch (error) {
      throw unsynced(this.path, error);
    }
  }

  /** No more is written to it. */
  async seal(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async remove(): Promise<void> {
    if (this.corrupt) await this.#files.rename(this.path, `${this.path}.corrupt`);
    else await this.#files.unlink(this.path);
  }
}

/** Without the system's code: a full disk that an fsync reports cannot be waited out, unlike that of a write. */
function unsynced(path: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : 'unknown';
  return new Error(
    `fsync of ${path} failed: ${why}; what was written may be lost, so nothing more is promised`,
    {
      cause,
    },
  );
}
