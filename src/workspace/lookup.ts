/**
 * The results of a job, and the job of a result, by file names alone (R10, R11): no file is opened, and a folder of a million
 * results is walked name by name.
 */
import { basename, dirname } from 'node:path';
import { isAnswerFolder, jobFileName, splitResultFileName } from '../core/names.ts';
import type { FolderNames } from '../core/ports/files.ts';
import type { WorkspaceLayout } from './layout.ts';

/** A file in results/, as its name tells. */
export interface ResultName {
  /** `<EPOCH>_<name>.json` */
  readonly file: string;
  /** Unix ms. */
  readonly epoch: number;
  readonly name: string;
}

/** What a job without a result maps to, so that every job has one (R12). */
export interface NullResult {
  readonly job: string;
  readonly result: null;
}

export interface LookupOptions {
  readonly layout: Pick<WorkspaceLayout, 'results'>;
  readonly names: FolderNames;
}

export class Lookup {
  readonly #results: string;
  readonly #names: FolderNames;

  constructor(options: LookupOptions) {
    this.#results = options.layout.results;
    this.#names = options.names;
  }

  /** Every result of a job by its name, the oldest first; none is an answer too. */
  async resultsOf(name: string): Promise<readonly ResultName[]> {
    const ending = `_${name}.json`;
    const found: ResultName[] = [];
    for await (const file of this.#names(this.#results)) {
      if (!file.endsWith(ending)) continue;
      const split = splitResultFileName(file);
      // `7_a_b.json` ends like a result of `b` and is one of `a_b`: only the first underscore divides.
      if (split?.name === name) found.push({ file, ...split });
    }
    return found.toSorted((one, other) => one.epoch - other.epoch);
  }

  /** The latest result of a job, or the null result. */
  async resultOf(name: string): Promise<ResultName | NullResult> {
    const results = await this.resultsOf(name);
    return results.at(-1) ?? nullResult(name);
  }
}

function nullResult(name: string): NullResult {
  return { job: jobFileName(name), result: null };
}

/**
 * The job file of a result file, by its name or path; null where it is not named as a result is, or lies among the files of
 * an answer.
 */
export function jobOf(resultFile: string): string | null {
  if (isAnswerFolder(basename(dirname(resultFile)))) return null;
  const split = splitResultFileName(basename(resultFile));
  return split === null ? null : jobFileName(split.name);
}
