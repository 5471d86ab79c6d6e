/**
 * Files of `jobs/` that are called like no job and no batch of the queue: what a server that does not watch the folder can say of
 * it for a listing. No file is opened, so one whose jobs say other names than its own is among them.
 */
import type { Clock, Timers } from '../core/ports/clock.ts';
import type { JobFolder } from '../core/ports/job-folder.ts';
import { Breath } from './breath.ts';
import { type KnownNames, unknownAmong } from './known-names.ts';
import { ListingDue } from './listing-due.ts';

export interface UnaskedFilesOptions {
  readonly folder: Pick<JobFolder, 'changedAt' | 'names'>;
  readonly known: KnownNames;
  /** Another one whenever the queue may know more names than before. */
  readonly accepted: () => number;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** A folder of a usual size is counted within it, and so is the first answer complete. */
const WAIT_MS = 250;

export class UnaskedFiles {
  readonly #options: UnaskedFilesOptions;
  readonly #listing = new ListingDue();
  readonly #breath: Breath;
  #count: number | null = null;
  #looking: Promise<void> | null = null;
  #stopped = false;

  constructor(options: UnaskedFilesOptions) {
    this.#options = options;
    this.#breath = new Breath(options);
  }

  /**
   * How many there are, as far as a look that takes no longer than a moment tells; else as the last one told. Null before the
   * first has ended, or where the folder cannot be read. Listed anew only where names came into the folder or the queue since.
   */
  async count(): Promise<number | null> {
    if (!this.#stopped) {
      this.#looking ??= this.#look().finally(() => (this.#looking = null));
      await this.#within(this.#looking);
    }
    return this.#count;
  }

  /** Resolves when nothing of it is under way. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { folder, accepted, clock } = this.#options;
    try {
      const began_m = clock.monotonic();
      const changed_at = await folder.changedAt();
      const seen = `${changed_at ?? ''}:${accepted()}`;
      if (!this.#listing.isDue(seen, began_m)) return;
      const count = changed_at === null ? 0 : await this.#list();
      if (this.#stopped) return;
      this.#count = count;
      this.#listing.listed(seen, began_m, clock.monotonic());
    } catch {
      // A folder that cannot be read is no trouble of a server that does not watch it: the last count stands.
    }
  }

  async #list(): Promise<number> {
    const { folder, known } = this.#options;
    let unknown = 0;
    this.#breath.begin();
    for await (const names of folder.names()) {
      if (this.#stopped) return unknown;
      unknown += unknownAmong(known, names).size;
      await this.#breath.take();
    }
    return unknown;
  }

  async #within(looking: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#options.timers.after(WAIT_MS, late.resolve, false);
    await Promise.race([looking, late.promise]);
    timer.cancel();
  }
}

/**
 * The file in which a job of this name may stand that the queue does not know: its own, a batch called like it, or a batch of
 * which it would be a line. Null where none stands that the queue does not know either.
 */
export async function unaskedFileOf(
  name: string,
  folder: Pick<JobFolder, 'look'>,
  known: KnownNames,
): Promise<UnaskedFile | null> {
  const unknown = unknownAmong(known, candidates(name));
  for (const file of unknown) {
    const version = await folder.look(file);
    if (version !== null) return { file, changed_at: version.mtime_ms };
  }
  return null;
}

export interface UnaskedFile {
  readonly file: string;
  /** Unix ms. */
  readonly changed_at: number;
}

function candidates(name: string): string[] {
  const parts = name.split('.');
  const batches = parts.map((_, i) => `${parts.slice(0, parts.length - i).join('.')}.jsonl`);
  return [`${name}.json`, ...batches];
}
