/** The real file system behind a wrapper in which any kind of write can be told to fail, files that grow included. */
import type { AppendFile, Files } from '../../src/core/ports/files.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { systemError } from '../workspace/faulty-files.ts';

type Calls = keyof Files | keyof AppendFile;

const READS = ['facts', 'read', 'readPart', 'list', 'freeBytes'] as const satisfies readonly Calls[];
/** What a method of the ports asks of the system, by which its errors are told apart. The compiler misses none of them. */
export const WRITES = {
  makeDirectory: 'mkdir',
  writeNew: 'write',
  link: 'link',
  rename: 'rename',
  unlink: 'unlink',
  syncDirectory: 'fsync',
  openAppend: 'open',
  truncate: 'ftruncate',
  append: 'write',
  appendNow: 'write',
  sync: 'fsync',
  close: 'close',
} as const satisfies Readonly<Record<Exclude<Calls, (typeof READS)[number]>, string>>;

export type Write = keyof typeof WRITES;

export interface Fault {
  readonly at: (write: Write, path: string) => boolean;
  readonly code: string;
  /** Another call than the last one that the method makes, e.g. the open of a `writeNew`. */
  readonly syscall?: string;
}

export class FaultyDisk {
  /** Every write so far, failed ones too: `link /path`. For a link or rename the path that is made. */
  readonly writes: string[] = [];
  readonly failed: string[] = [];
  fault: Fault | null = null;
  readonly files: Files;

  constructor(real: Files = systemFiles) {
    this.files = {
      ...real,
      makeDirectory: this.#wrap('makeDirectory', real.makeDirectory),
      writeNew: this.#wrap('writeNew', real.writeNew),
      link: this.#wrap('link', real.link, 1),
      rename: this.#wrap('rename', real.rename, 1),
      unlink: this.#wrap('unlink', real.unlink),
      syncDirectory: this.#wrap('syncDirectory', real.syncDirectory),
      truncate: this.#wrap('truncate', real.truncate),
      openAppend: async (path) => {
        this.#meet('openAppend', path);
        return this.#wrapFile(await real.openAppend(path), path);
      },
    };
  }

  #wrap<A extends readonly unknown[], R>(
    write: Write,
    act: (...args: A) => Promise<R>,
    named = 0,
  ): (...args: A) => Promise<R> {
    return async (...args) => {
      this.#meet(write, String(args[named]));
      return act(...args);
    };
  }

  #wrapFile(file: AppendFile, path: string): AppendFile {
    return {
      append: async (bytes) => {
        this.#meet('append', path);
        return file.append(bytes);
      },
      appendNow: (bytes) => {
        this.#meet('appendNow', path);
        return file.appendNow(bytes);
      },
      sync: async () => {
        this.#meet('sync', path);
        return file.sync();
      },
      close: async () => {
        // A file whose close fails is closed all the same.
        await file.close();
        this.#meet('close', path);
      },
    };
  }

  #meet(write: Write, path: string): void {
    this.writes.push(`${write} ${path}`);
    const { fault } = this;
    if (fault === null || !fault.at(write, path)) return;
    this.failed.push(`${write} ${path}`);
    throw systemError(fault.code, fault.syscall ?? WRITES[write]);
  }
}
