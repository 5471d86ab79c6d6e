/** A disk of the simulation: it outlives the processes that use it, and has a weather of its own. */
import type { Files } from '../../src/core/ports/files.ts';
import { MemoryFiles, type DiskFault, type Operation } from '../support/memory-files.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Life } from './life.ts';

type DiskWeather =
  | { readonly kind: 'fine' | 'failing fsync' }
  /** Of the bytes of a write that fails, this part (0 to 1) was written. */
  | { readonly kind: 'full'; readonly written: number }
  /** Calls that write take up to so long, so that others come in between, and so does the end of the process. */
  | { readonly kind: 'slow'; readonly ms: number };

const WRITING: ReadonlySet<Operation> = new Set([
  'append',
  'link',
  'rename',
  'sync',
  'syncDirectory',
  'unlink',
  'writeNew',
]);
const NEEDS_ROOM: ReadonlySet<Operation> = new Set(['append', 'link', 'writeNew', 'openAppend']);

export class SimDisk {
  readonly files = new MemoryFiles();
  readonly #random: SeededRandom;
  weather: DiskWeather = { kind: 'fine' };
  /** Whether an fsync has failed in this life, so that the process may end for it. */
  failed_fsync = false;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.files.failing = (operation) => this.#failing(operation);
  }

  /** The disk as one process sees it, the only one that uses it now. What it had begun and not done when it dies is never done. */
  mount(life: Life): Files {
    this.failed_fsync = false;
    this.files.before = (operation) => this.#before(operation, life);
    return life.mortal(this.files);
  }

  losePower(): void {
    this.files.losePower(this.#random);
  }

  #before(operation: Operation, life: Life): Promise<void> | undefined {
    const { weather } = this;
    if (weather.kind !== 'slow' || !WRITING.has(operation)) return undefined;
    return new Promise((resolve) => life.after(this.#random.below(weather.ms), resolve));
  }

  #failing(operation: Operation): DiskFault | null {
    const { weather } = this;
    if (weather.kind === 'full' && NEEDS_ROOM.has(operation))
      return this.#random.next() < 0.7 ? { code: 'ENOSPC', written: weather.written } : null;
    if (weather.kind !== 'failing fsync' || (operation !== 'sync' && operation !== 'syncDirectory'))
      return null;
    if (this.#random.next() < 0.5) return null;
    this.failed_fsync = true;
    return { code: 'EIO' };
  }
}
