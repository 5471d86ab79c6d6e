/** `jobs/` of the simulation, or `results/`: a folder on the server's disk, into which people put files, and as its watcher looks at it. */
import type { Clock } from '../../src/core/ports/clock.ts';
import type { FileVersion, JobFolder } from '../../src/core/ports/job-folder.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimDisk } from './disk.ts';
import type { Life } from './life.ts';

interface Version {
  readonly id: string;
  readonly mtime_ms: number;
}

export interface WatchedFolderOptions {
  readonly disk: SimDisk;
  /** Its path, without a last slash. */
  readonly folder: string;
  /** Of the world. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly hit: (what: string) => void;
}

/** How finely file systems tell the time of a folder. */
const GRANULARITIES_MS = [1, 10, 100] as const;
const LATE_MS = 5_000;
const LISTED_AT_ONCE = 20;

export class WatchedFolder {
  readonly #options: WatchedFolderOptions;
  readonly #granularity_ms: number;
  /** By the bytes themselves: a change makes others. */
  readonly #versions = new WeakMap<Uint8Array, Version>();
  #serial = 0;
  #changed_at = 0;
  #tell: ((name: string) => void) | null = null;

  constructor(options: WatchedFolderOptions) {
    this.#options = options;
    const { disk, folder, random } = options;
    this.#granularity_ms = GRANULARITIES_MS[random.below(GRANULARITIES_MS.length)] ?? 1;
    const tellOthers = disk.files.onName;
    disk.files.onName = (path) => {
      tellOthers(path);
      if (!path.startsWith(`${folder}/`)) return;
      this.#changed_at = options.clock.now();
      this.#tell?.(path.slice(folder.length + 1));
    };
  }

  get path(): string {
    return this.#options.folder;
  }

  /** Moved there, over whatever stood there. */
  put(name: string, bytes: Uint8Array): void {
    this.#options.disk.files.put(this.#pathOf(name), bytes);
    this.#stamp(name);
  }

  /** In place, which the folder does not notice where the file was there. */
  write(name: string, bytes: Uint8Array): void {
    this.#options.disk.files.edit(this.#pathOf(name), bytes);
    this.#stamp(name);
    this.#tell?.(name);
  }

  remove(name: string): void {
    this.#options.disk.files.remove(this.#pathOf(name));
  }

  /** What stands there now, without a call. */
  peek(name: string): Uint8Array | null {
    return this.#options.disk.files.peek(this.#pathOf(name));
  }

  names(): string[] {
    const { disk, folder } = this.#options;
    return disk.files.paths
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1));
  }

  /** When this was written, as its report tells it. */
  modifiedAt(name: string): string {
    const bytes = this.peek(name);
    return bytes === null ? '' : new Date(this.#versionOf(bytes).mtime_ms).toISOString();
  }

  /** As one process sees it. */
  seenBy(life: Life): JobFolder {
    const view: JobFolder = {
      changedAt: async () => {
        await this.#slowly(life);
        return String(Math.floor(this.#changed_at / this.#granularity_ms));
      },
      names: () => this.#listing(life),
      look: async (name) => {
        await this.#slowly(life);
        const bytes = this.peek(name);
        return bytes === null ? null : this.#seen(bytes);
      },
      read: async (name, version) => {
        await this.#slowly(life);
        const bytes = this.peek(name);
        return bytes === null || this.#versionOf(bytes).id !== version.id ? null : Buffer.from(bytes);
      },
      hints: (onHint) => {
        this.#tell = (name) => this.#hint(life, name, onHint);
        return () => undefined;
      },
    };
    return life.mortal(view);
  }

  /** What comes while it is listed is not in it. */
  async *#listing(life: Life): AsyncGenerator<readonly string[]> {
    const names = this.names();
    while (names.length > 0) {
      yield names.splice(0, 1 + this.#options.random.below(LISTED_AT_ONCE));
      await this.#slowly(life);
    }
  }

  /** Lost, twice, late, or without a name. */
  #hint(life: Life, name: string, onHint: (name: string | null) => void): void {
    const { random, hit } = this.#options;
    const how = random.next();
    if (how < 0.3) return hit('a hint was lost');
    const tell = (): void =>
      life.after(how < 0.5 ? random.below(LATE_MS) : 0, () => onHint(told)) && undefined;
    const told = how > 0.95 ? null : name;
    tell();
    if (random.next() < 0.2) tell();
    return undefined;
  }

  #slowly(life: Life): Promise<void> | undefined {
    const { weather } = this.#options.disk;
    if (weather.kind !== 'slow') return undefined;
    return new Promise((resolve) => life.after(this.#options.random.below(weather.ms), resolve));
  }

  #pathOf(name: string): string {
    return `${this.#options.folder}/${name}`;
  }

  #stamp(name: string): void {
    const bytes = this.peek(name);
    if (bytes !== null) this.#versionOf(bytes);
  }

  #seen(bytes: Uint8Array): FileVersion {
    return { ...this.#versionOf(bytes), kind: 'file', bytes: bytes.length };
  }

  #versionOf(bytes: Uint8Array): Version {
    const known = this.#versions.get(bytes);
    if (known !== undefined) return known;
    this.#serial += 1;
    const version = { id: String(this.#serial), mtime_ms: Math.floor(this.#options.clock.now()) };
    this.#versions.set(bytes, version);
    return version;
  }
}
