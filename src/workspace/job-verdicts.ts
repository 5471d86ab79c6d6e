/**
 * What became of the files of `jobs/`, and when each is looked at again for that: settled ones when they are another version,
 * changed ones when somebody asked them since, wrong ones after a while, since what they need may be mended elsewhere.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Fault } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import { type ChangedFile, ChangedFiles } from './changed-files.ts';
import type { Due } from './due-files.ts';
import type { FolderLedger } from './folder-ledger.ts';
import { type ChangedJob, isTaken, type JobDoor } from './job-intake.ts';
import type { RejectedReports } from './rejected-file.ts';

export interface RejectedFile {
  readonly file: string;
  /** Unix ms. */
  readonly since: number;
  readonly faults: readonly Fault[];
  /** Its name in `rejected/`. */
  readonly report: string;
  /** The version that was judged. */
  readonly version: string;
}

export interface JobVerdictsOptions {
  readonly door: Pick<JobDoor, 'specsOf'>;
  readonly reports: Pick<RejectedReports, 'write'>;
  readonly clock: Clock;
  readonly ledger: FolderLedger;
}

/** What a wrong file needs may be mended elsewhere: it is read again after this time. */
const WRONG_AGAIN_MS = 10_000;

export class JobVerdicts {
  readonly #options: JobVerdictsOptions;
  readonly #rejected = new Map<string, RejectedFile>();
  readonly #changed = new ChangedFiles();
  /** Of files of which nothing can be said now, why not. */
  readonly #troubles = new Map<string, string>();
  #settled = 0;

  constructor(options: JobVerdictsOptions) {
    this.#options = options;
  }

  get rejected(): ReadonlyMap<string, RejectedFile> {
    return this.#rejected;
  }

  get changed(): ReadonlyMap<string, ChangedFile> {
    return this.#changed.all;
  }

  /** The file in which a job of this name has other words than were accepted. */
  changedFileOf(name: string): string | null {
    return this.#changed.fileOf(name);
  }

  /** How many times it became clear what becomes of a file. */
  get settled(): number {
    return this.#settled;
  }

  /** Of one of the files of which nothing can be said now; null where there is none. */
  get trouble(): string | null {
    const [first] = this.#troubles.values();
    return first ?? null;
  }

  /** Nothing can be said of it now, e.g. since it cannot be read. */
  postpone(file: string, trouble: string): void {
    this.wait(file, WRONG_AGAIN_MS);
    this.#troubles.set(file, trouble);
  }

  /** As it is, it is worth no other look for so long. */
  wait(file: string, ms: number): void {
    const { ledger, clock } = this.#options;
    ledger.wait(file, clock.monotonic() + ms);
    this.#troubles.delete(file);
  }

  /** It is wrong, which is reported once of each version and each fault. */
  async reject({ file, version }: Due, faults: readonly Fault[], sha256: string | null): Promise<void> {
    const { clock, reports } = this.#options;
    this.wait(file, WRONG_AGAIN_MS);
    const before = this.#rejected.get(file);
    if (before?.version === version.id && isDeepStrictEqual(before.faults, faults)) return;
    const isFile = version.kind === 'file';
    const report = await reports.write({
      file,
      faults,
      version: {
        kind: version.kind,
        bytes: isFile ? version.bytes : null,
        modified_at: isFile ? new Date(version.mtime_ms).toISOString() : null,
        sha256,
      },
    });
    this.#changed.delete(file);
    const since = before?.since ?? clock.now();
    this.#rejected.set(file, { file, since, faults, report, version: version.id });
  }

  /**
   * The queue knows its jobs, `changed` in other words. Gives the names whose accepted words the file no longer says, where
   * that was not known of this version of it.
   */
  settle({ file, version }: Due, changed: readonly ChangedJob[]): string[] {
    const { clock, ledger } = this.#options;
    this.#settled += 1;
    this.#rejected.delete(file);
    this.#troubles.delete(file);
    if (changed.length === 0) {
      this.#changed.delete(file);
      ledger.take(file, version.id);
      return [];
    }
    const isNew = this.#changed.put({ file, since: clock.now(), jobs: changed, version: version.id });
    // Read again only when it is another: whether somebody has asked it since shows in the queue.
    this.wait(file, Infinity);
    return isNew ? changed.map(({ name }) => name) : [];
  }

  /** Changed files of which somebody made runs since are read again, and found known. */
  askAgain(): void {
    const { door, ledger } = this.#options;
    for (const { file, jobs } of this.changed.values()) if (isTaken(door, jobs)) ledger.wait(file, 0);
  }

  /** It is gone. */
  forget(file: string): void {
    this.#options.ledger.forget(file);
    this.#rejected.delete(file);
    this.#troubles.delete(file);
    this.#changed.delete(file);
  }
}
