/** Files of `jobs/` whose words differ from those that were accepted under the same names, by file and by name. */
import type { ChangedJob } from './job-intake.ts';

export interface ChangedFile {
  readonly file: string;
  /** Unix ms. */
  readonly since: number;
  readonly jobs: readonly ChangedJob[];
  /** The version that was compared. */
  readonly version: string;
}

export class ChangedFiles {
  readonly #files = new Map<string, ChangedFile>();
  readonly #byName = new Map<string, string>();

  get all(): ReadonlyMap<string, ChangedFile> {
    return this.#files;
  }

  /** Whether this version of it was not known to be changed. */
  put(changed: ChangedFile): boolean {
    const before = this.#files.get(changed.file);
    this.delete(changed.file);
    this.#files.set(changed.file, { ...changed, since: before?.since ?? changed.since });
    for (const { name } of changed.jobs) this.#byName.set(name, changed.file);
    return before?.version !== changed.version;
  }

  delete(file: string): void {
    for (const { name } of this.#files.get(file)?.jobs ?? [])
      if (this.#byName.get(name) === file) this.#byName.delete(name);
    this.#files.delete(file);
  }

  /** The changed file that has a job of this name. */
  fileOf(name: string): string | null {
    return this.#byName.get(name) ?? null;
  }
}
