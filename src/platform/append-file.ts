/** One file that only grows. Appends queue behind each other, so two of them never mix their bytes. */
import type { FileHandle } from 'node:fs/promises';
import type { AppendFile } from '../core/ports/files.ts';

export class NodeAppendFile implements AppendFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  #end: number;
  #last: Promise<unknown> = Promise.resolve();
  #broken: Error | null = null;

  constructor(handle: FileHandle, path: string, bytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.#end = bytes;
  }

  append(bytes: Uint8Array): Promise<number> {
    return this.#inTurn(() => this.#append(bytes));
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
    const done = this.#last.then(act, act);
    this.#last = done;
    // The caller hears of a failure; the queue behind it goes on.
    done.catch(() => undefined);
    return done;
  }
}
