/**
 * Files in memory, for tests where the file system is not the point, or where it is to fail: the nth call of an operation
 * fails with a code, and `crash` leaves only what was fsynced.
 */
import type { AppendFile, FileFacts, Files } from '../../src/core/ports/files.ts';

export type Operation = keyof Files | 'append' | 'sync' | 'close';

interface MemoryFile {
  bytes: Buffer;
  synced: Buffer;
  mode: number;
  links: number;
}

interface Fault {
  readonly operation: Operation;
  /** The call that fails, counted from 1 when the fault is set. */
  readonly nth: number;
  readonly code: string;
  /** All from the nth on, until `mend`. */
  readonly lasting: boolean;
  seen: number;
}

export class MemoryFiles implements Files {
  readonly #files = new Map<string, MemoryFile>();
  readonly #directories = new Set<string>(['/']);
  readonly #calls = new Map<Operation, number>();
  #faults: Fault[] = [];
  /** A call waits for this before it does anything: a slow disk. */
  before: (operation: Operation, path: string) => Promise<void> | void = () => undefined;

  fail(
    operation: Operation,
    code: string,
    more: { readonly nth?: number; readonly lasting?: boolean } = {},
  ): void {
    this.#faults.push({ operation, code, nth: more.nth ?? 1, lasting: more.lasting ?? false, seen: 0 });
  }

  mend(): void {
    this.#faults = [];
  }

  /** How often an operation was called. */
  calls(operation: Operation): number {
    return this.#calls.get(operation) ?? 0;
  }

  /** The power goes: what was not fsynced is gone. */
  crash(): void {
    for (const file of this.#files.values()) file.bytes = file.synced;
  }

  /** One bit of a file turns. */
  damage(path: string, offset: number): void {
    const file = this.#files.get(path);
    if (file === undefined || offset >= file.bytes.length) throw systemError('ENOENT', 'damage', path);
    file.bytes = Buffer.from(file.bytes);
    file.bytes.writeUInt8(file.bytes.readUInt8(offset) ^ 1, offset);
  }

  get paths(): string[] {
    return [...this.#files.keys()].toSorted();
  }

  async facts(path: string): Promise<FileFacts | null> {
    await this.#call('facts', path);
    const file = this.#files.get(path);
    if (file !== undefined) {
      return { kind: 'file', bytes: file.bytes.length, links: file.links, mode: file.mode, mtime_ms: 0 };
    }
    return this.#directories.has(path)
      ? { kind: 'directory', bytes: 0, links: 2, mode: 0o755, mtime_ms: 0 }
      : null;
  }

  async read(path: string): Promise<Uint8Array | null> {
    await this.#call('read', path);
    const file = this.#files.get(path);
    return file === undefined ? null : Buffer.from(file.bytes);
  }

  async readPart(path: string, offset: number, bytes: number): Promise<Uint8Array | null> {
    await this.#call('readPart', path);
    const file = this.#files.get(path);
    return file === undefined ? null : Buffer.from(file.bytes.subarray(offset, offset + bytes));
  }

  async list(directory: string): Promise<string[]> {
    await this.#call('list', directory);
    if (!this.#directories.has(directory)) throw systemError('ENOENT', 'scandir', directory);
    const inside = [...this.#files.keys(), ...this.#directories].filter((path) =>
      path.startsWith(`${directory}/`),
    );
    return [...new Set(inside.map((path) => path.slice(directory.length + 1).split('/')[0] ?? ''))];
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#call('makeDirectory', path);
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      this.#directories.add(path.slice(0, end));
    }
  }

  async writeNew(path: string, bytes: Uint8Array, mode: number): Promise<void> {
    await this.#call('writeNew', path);
    if (this.#files.has(path)) throw systemError('EEXIST', 'open', path);
    const copy = Buffer.from(bytes);
    this.#files.set(path, { bytes: copy, synced: copy, mode, links: 1 });
  }

  async link(from: string, to: string): Promise<void> {
    await this.#call('link', to);
    const file = this.#files.get(from);
    if (file === undefined) throw systemError('ENOENT', 'link', from);
    if (this.#files.has(to)) throw systemError('EEXIST', 'link', to);
    file.links += 1;
    this.#files.set(to, file);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', to);
    const file = this.#files.get(from);
    if (file === undefined) throw systemError('ENOENT', 'rename', from);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  async unlink(path: string): Promise<void> {
    await this.#call('unlink', path);
    const file = this.#files.get(path);
    if (file !== undefined) file.links -= 1;
    this.#files.delete(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#call('syncDirectory', path);
  }

  async openAppend(path: string): Promise<AppendFile> {
    await this.#call('openAppend', path);
    const file = this.#files.get(path) ?? {
      bytes: Buffer.alloc(0),
      synced: Buffer.alloc(0),
      mode: 0o600,
      links: 1,
    };
    this.#files.set(path, file);
    return {
      append: async (bytes) => {
        await this.#call('append', path);
        const offset = file.bytes.length;
        file.bytes = Buffer.concat([file.bytes, bytes]);
        return offset;
      },
      appendNow: () => null,
      sync: async () => {
        await this.#call('sync', path);
        file.synced = file.bytes;
      },
      close: () => this.#call('close', path),
    };
  }

  async truncate(path: string, bytes: number): Promise<void> {
    await this.#call('truncate', path);
    const file = this.#files.get(path);
    if (file === undefined) throw systemError('ENOENT', 'truncate', path);
    file.bytes = file.bytes.subarray(0, bytes);
  }

  async freeBytes(path: string): Promise<number> {
    await this.#call('freeBytes', path);
    return 2 ** 40;
  }

  async #call(operation: Operation, path: string): Promise<void> {
    this.#calls.set(operation, this.calls(operation) + 1);
    await this.before(operation, path);
    for (const fault of this.#faults) {
      if (fault.operation !== operation) continue;
      fault.seen += 1;
      if (fault.seen === fault.nth || (fault.lasting && fault.seen > fault.nth)) {
        throw systemError(fault.code, operation, path);
      }
    }
  }
}

function systemError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code });
}
