/**
 * The readers' side of the database: bounded statements on an index, each finished before it returns, never a write.
 * Implementations are synchronous inside: nothing stays open across an await.
 */
import type { AttemptRow, InstanceRow, KeyRow, PublicationRow, ResultRow, RunRow, SpecRow } from '../rows.ts';
import type { RunState } from '../states.ts';

/** A selection of runs; every field narrows it. */
export interface RunFilter {
  readonly state?: readonly RunState[];
  readonly batch?: string;
  readonly reason?: string;
  readonly endpoint?: string;
  readonly model?: string;
  /** Runs of these lanes, or of all but these. */
  readonly lanes?: { readonly in: readonly number[] } | { readonly not_in: readonly number[] };
  readonly tag?: string;
  readonly key?: string;
  /** Submitted at or after this, Unix ms. */
  readonly since?: number;
  /** Names that begin with this. */
  readonly prefix?: string;
  /** Only the latest run of each name (the default of every list for people). */
  readonly latest?: boolean;
}

export interface RunPage {
  /** Newest first, by id. */
  readonly runs: readonly RunRow[];
  /** Give it back as `before` for the next page; null at the end. */
  readonly next_before: number | null;
}

export type CountBy = 'state' | 'reason' | 'model' | 'endpoint' | 'batch';

export interface CountRow {
  readonly by: Readonly<Partial<Record<CountBy, string | null>>>;
  readonly runs: number;
}

export interface BatchRow {
  readonly batch: string;
  readonly created_at: number;
  readonly counts: Readonly<Partial<Record<RunState, number>>>;
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** What its answers cost, as far as that is known, by currency. */
  readonly costs: readonly { readonly currency: string; readonly amount: number }[];
  /** Answers whose cost is not known. */
  readonly cost_unknown: number;
  readonly first_started_at: number | null;
  readonly last_finished_at: number | null;
}

/** All that a file in jobs/, results/ or ended/ is made from: committed columns only. */
export interface PublicationBody {
  readonly publication: PublicationRow;
  readonly run: RunRow;
  /** Its `prompt_sha256` is that of `prompt_body`. */
  readonly spec: SpecRow;
  /** Canonical JSON `{type, prompt, configuration}`. */
  readonly spec_body: string;
  /** Canonical JSON of the prompt of this result or end: its messages, or the recipe where no attempt made any. */
  readonly prompt_body: string;
  readonly result: (ResultRow & { readonly text: string }) | null;
  readonly answered_by: { readonly name: string; readonly run: number } | null;
  readonly attempts: readonly AttemptRow[];
}

/** What the name of a result file, or of the file of an end, says. */
export interface AnswerFileName {
  readonly name: string;
  readonly epoch: number;
}

/** Files of jobs, or of results and ends. */
export type PublicationPart = 'jobs' | 'answers';

export interface ReadStore {
  readonly store_id: string;
  /** `run: null` is the latest run. */
  run(name: string, run: number | null): RunRow | null;
  runById(id: number): RunRow | null;
  /** All runs of a name, the latest first, at most `limit`. */
  runsOf(name: string, limit: number): readonly RunRow[];
  /** Those of the names that have runs. One look for many. */
  named(names: readonly string[]): ReadonlySet<string>;
  /** Of each of the files of answers whether a run of its name has its epoch. One look for many. */
  ofRuns(files: readonly AnswerFileName[]): readonly boolean[];
  /**
   * The names of the result files that were published, of the `count` runs with ids behind `after`; null where no run has such an
   * id. None of them is ever another's.
   */
  published(after: number, count: number): readonly string[] | null;
  runs(filter: RunFilter, limit: number, before: number | null): RunPage;
  counts(by: readonly CountBy[], filter: RunFilter): readonly CountRow[];
  spec(job: number): SpecRow | null;
  attempts(job: number): readonly AttemptRow[];
  result(job: number): ResultRow | null;
  body(sha256: string): string | null;
  /** The run that leads a digest now. */
  leader(digest: string): RunRow | null;
  batches(limit: number): readonly BatchRow[];
  batch(name: string): BatchRow | null;
  instances(): readonly InstanceRow[];
  key(id: string): KeyRow | null;
  keys(): readonly KeyRow[];
  /**
   * What is to be published, in order, at most `limit`; job files stand before the results of the same jobs. `part`: these
   * alone; of `answers` those whose job files wait for nothing.
   */
  publications(limit: number, part?: PublicationPart): readonly PublicationRow[];
  publicationBody(publication: PublicationRow): PublicationBody | null;
  unpublished(): number;
  close(): void;
}
