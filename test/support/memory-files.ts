/**
 * Files in memory, for tests where the file system is not the point, or where it is to fail: the nth call of an operation
 * fails with a code, `crash` leaves only what was fsynced, and `losePower` keeps, drops or tears each write and each name
 * that was not. (Folders are taken to be on disk once they are made.)
 */
import type { Random } from '../../src/core/ports/clock.ts';
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

/** What a call fails with, and which part of its bytes (0 to 1) was written before it did. */
export interface DiskFault {
  readonly code: string;
  readonly written?: number;
}

/** Names that appear and go together: one call. */
interface NameChange {
  readonly directory: string;
  readonly names: readonly (readonly [path: string, file: MemoryFile | null])[];
}

export class MemoryFiles implements Files {
  readonly #files = new Map<string, MemoryFile>();
  /** What the folders on disk say, without the changes that were not fsynced. */
  readonly #durable = new Map<string, MemoryFile>();
  #changes: NameChange[] = [];
  readonly #directories = new Set<string>(['/']);
  readonly #calls = new Map<Operation, number>();
  #faults: Fault[] = [];
  /** Of the write that has just failed. */
  #fault: DiskFault | null = null;
  /** A call waits for this before it does anything: a slow disk. */
  before: (operation: Operation, path: string) => Promise<void> | void = () => undefined;
  /** Asked at each call whether it fails; beside the faults that are set by {@link fail}. */
  failing: (operation: Operation, path: string) => DiskFault | null = () => null;
  /** Told of every name that came or went, also by {@link put} and {@link remove}. */
  onName: (path: string) => void = () => undefined;

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

  /**
   * The power goes. Of each name that was made or removed and whose folder was not fsynced, and of all bytes behind the last
   * fsync of a file, chance decides: kept, lost, or the bytes torn, cut or with zeros where a block never arrived.
   */
  losePower(random: Random): void {
    for (const { names } of this.#changes) {
      if (random.next() < 0.5) continue;
      for (const [path, file] of names) setOrDelete(this.#durable, path, file);
    }
    this.#changes = [];
    this.#files.clear();
    for (const [path, file] of this.#durable) this.#files.set(path, file);
    for (const file of new Set(this.#files.values())) {
      if (file.bytes !== file.synced) file.bytes = file.synced = torn(file, random);
      file.links = [...this.#files.values()].filter((one) => one === file).length;
    }
  }

  /** What stands under a path, without a call: for those who look from outside. Not to be written to. */
  peek(path: string): Uint8Array | null {
    return this.#files.get(path)?.bytes ?? null;
  }

  /** Puts a file there as another program would: whole, and on disk. */
  put(path: string, bytes: Uint8Array): void {
    const file = { bytes: Buffer.from(bytes), synced: Buffer.from(bytes), mode: 0o644, links: 1 };
    file.synced = file.bytes;
    this.#place(path, file);
  }

  /** Other bytes in the same file, which the folder does not notice. */
  edit(path: string, bytes: Uint8Array): void {
    const file = this.#files.get(path);
    if (file === undefined) return this.put(path, bytes);
    file.bytes = file.synced = Buffer.from(bytes);
    this.#place(path, file, false);
    return undefined;
  }

  /** Takes a file away, as another program would. */
  remove(path: string): void {
    this.#place(path, null);
  }

  /** One bit of a file turns. */
  damage(path: string, offset: number): void {
    const file = this.#files.get(path);
    if (file === undefined || offset >= file.bytes.length) throw systemError('ENOENT', 'damage', path);
    file.bytes = Buffer.from(file.bytes);
    file.bytes.writeUInt8(file.bytes.readUInt8(offset) ^ 1, offset);
    if (file.bytes.length === file.synced.length) file.synced = file.bytes;
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
    const file: MemoryFile = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0), mode: 0o600, links: 1 };
    this.#rename([[path, file]]);
    file.bytes = Buffer.from(bytes.subarray(0, this.#writes('writeNew', path, bytes.length)));
    if (file.bytes.length < bytes.length) throw this.#full('write', path);
    file.mode = mode;
    await this.#call('sync', path);
    file.synced = file.bytes;
  }

  async link(from: string, to: string): Promise<void> {
    await this.#call('link', to);
    const file = this.#files.get(from);
    if (file === undefined) throw systemError('ENOENT', 'link', from);
    if (this.#files.has(to)) throw systemError('EEXIST', 'link', to);
    file.links += 1;
    this.#rename([[to, file]]);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', to);
    const file = this.#files.get(from);
    if (file === undefined) throw systemError('ENOENT', 'rename', from);
    this.#rename([
      [from, null],
      [to, file],
    ]);
  }

  async unlink(path: string): Promise<void> {
    await this.#call('unlink', path);
    const file = this.#files.get(path);
    if (file === undefined) return;
    file.links -= 1;
    this.#rename([[path, null]]);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#call('syncDirectory', path);
    const left: NameChange[] = [];
    for (const change of this.#changes) {
      if (change.directory !== path) left.push(change);
      else for (const [name, file] of change.names) setOrDelete(this.#durable, name, file);
    }
    this.#changes = left;
  }

  async openAppend(path: string): Promise<AppendFile> {
    await this.#call('openAppend', path);
    const found = this.#files.get(path);
    const file = found ?? { bytes: Buffer.alloc(0), synced: Buffer.alloc(0), mode: 0o600, links: 1 };
    if (found === undefined) this.#rename([[path, file]]);
    let end = file.bytes.length;
    return {
      append: async (bytes) => {
        await this.#call('append', path);
        const begin = end;
        const written = this.#writes('append', path, bytes.length);
        // At a position: what a failed append left behind is written over.
        file.bytes = Buffer.concat([file.bytes.subarray(0, begin), bytes.subarray(0, written)]);
        if (written < bytes.length) throw this.#full('write', path);
        end = begin + bytes.length;
        return begin;
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

  /** How many of so many bytes this call writes before it fails; all of them where it does not. */
  #writes(operation: 'append' | 'writeNew', path: string, bytes: number): number {
    const fault = this.failing(operation, path);
    this.#fault = fault;
    return fault === null ? bytes : Math.min(bytes - 1, Math.floor(bytes * (fault.written ?? 0)));
  }

  #full(operation: string, path: string): Error {
    return systemError(this.#fault?.code ?? 'ENOSPC', operation, path);
  }

  #rename(names: NameChange['names']): void {
    for (const [path, file] of names) setOrDelete(this.#files, path, file);
    const [first] = names[0] ?? [''];
    this.#changes.push({ directory: first.slice(0, first.lastIndexOf('/')), names });
    for (const [path] of names) this.onName(path);
  }

  /** On disk at once: what was to become of the name before is over. */
  #place(path: string, file: MemoryFile | null, isNew = true): void {
    setOrDelete(this.#files, path, file);
    setOrDelete(this.#durable, path, file);
    this.#changes = this.#changes.map(({ directory, names }) => ({
      directory,
      names: names.filter(([name]) => name !== path),
    }));
    if (isNew) this.onName(path);
  }

  async #call(operation: Operation, path: string): Promise<void> {
    this.#calls.set(operation, this.calls(operation) + 1);
    await this.before(operation, path);
    const whole = operation !== 'append' && operation !== 'writeNew';
    const failure = whole ? this.failing(operation, path) : null;
    if (failure !== null) throw systemError(failure.code, operation, path);
    for (const fault of this.#faults) {
      if (fault.operation !== operation) continue;
      fault.seen += 1;
      if (fault.seen === fault.nth || (fault.lasting && fault.seen > fault.nth)) {
        throw systemError(fault.code, operation, path);
      }
    }
  }
}

function setOrDelete(names: Map<string, MemoryFile>, path: string, file: MemoryFile | null): void {
  if (file === null) names.delete(path);
  else names.set(path, file);
}

/** What a disk may have of a file whose last bytes were not fsynced. */
function torn({ bytes, synced }: MemoryFile, random: Random): Buffer {
  const how = random.next();
  if (how < 0.3) return bytes;
  if (how < 0.5 || bytes.length <= synced.length) return synced;
  const cut = synced.length + Math.floor(random.next() * (bytes.length - synced.length));
  if (how < 0.8) return bytes.subarray(0, cut);
  const holed = Buffer.from(bytes);
  return holed.fill(0, cut, Math.min(bytes.length, cut + 512));
}

/** The call of the system that a call of the port fails in. */
const SYSCALLS: Readonly<Record<string, string>> = {
  sync: 'fsync',
  syncDirectory: 'fsync',
  append: 'write',
  writeNew: 'write',
};

function systemError(code: string, operation: string, path: string): Error {
  const syscall = SYSCALLS[operation] ?? operation;
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code, syscall });
}
