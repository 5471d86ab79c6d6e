/** One file that only grows. Appends queue behind each other, so two of them never mix their bytes. */
import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { AppendFile } from '../core/ports/files.ts';

export class NodeAppendFile implements AppendFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  #end: number;
  #last: Promise<unknown> = Promise.resolve();
  #broken: Error | null = null;
  /** Appends and fsyncs under way or waiting. */
  #waiting = 0;

  constructor(handle: FileHandle, path: string, bytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.#end = bytes;
  }

  append(bytes: Uint8Array): Promise<number> {
    return this.#inTurn(() => this.#append(bytes));
  }

  appendNow(bytes: Uint8Array): number | null {
    if (this.#waiting > 0 || this.#broken !== null) return null;
    const begin = this.#end;
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(this.#handle.fd, bytes, written, bytes.length - written, begin + written);
    }
    this.#end = begin + bytes.length;
    return begin;
  }

  sync(): Promise<void> {
    return this.#inTurn(() => this.#sync());
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#handle.close();
  }

  async #append(bytes: Uint8Array): Promise<number> {
    if (this.#broken !== null) throw this.#broken;
    const begin = this.#end;
    // Written at positions of ours: a failed append leaves nothing that a later one would stand behind.
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        written,
        bytes.length - written,
        begin + written,
      );
      // Nothing taken and no error: no system says so of a file, and whoever asked again would ask for ever.
      if (bytesWritten === 0)
        throw new Error(`${this.#path}: the system took none of ${bytes.length - written} bytes`);
      written += bytesWritten;
    }
    this.#end = begin + bytes.length;
    return begin;
  }

  /** After a failed fsync the kernel may have thrown the pages away and say "done" the next time: never asked twice. */
  async #sync(): Promise<void> {
    if (this.#broken !== null) throw this.#broken;
    try {
      await this.#handle.datasync();
    } catch (error) {
      this.#broken =
        error instanceof Error ? error : new Error(`fsync of ${this.#path} failed`, { cause: error });
      throw this.#broken;
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const done = this.#last.then(act, act);
    this.#last = done;
    const finished = (): void => {
      this.#waiting -= 1;
    };
    // The caller hears of a failure; the queue behind it goes on.
    done.then(finished, finished);
    return done;
  }
}
