/** What is found when a chaos run has come to rest, and what was found on the way: the other side of the comparison. */
import type { AttemptOutcome, Charge } from '../../src/core/rows.ts';
import type { RunState } from '../../src/core/states.ts';

export interface FoundRun {
  readonly id: number;
  readonly name: string;
  readonly run: number;
  readonly digest: string;
  readonly state: RunState;
  readonly leads: boolean;
  /** Number of its latest attempt. */
  readonly attempt: number;
  readonly epoch: number | null;
  /** The id of the run whose answer it took. */
  readonly answered_by: number | null;
  /** The last message of its prompt, which is the question. */
  readonly question: string;
}

export interface FoundAttempt {
  readonly job: number;
  readonly attempt: number;
  readonly outcome: AttemptOutcome | null;
  readonly charged_for: Charge | null;
}

export interface FoundResult {
  readonly job: number;
  readonly epoch: number;
  readonly attempt: number;
  readonly text: string;
}

/** The database at a moment when nobody wrote it: after `serve` was killed, or at the end. */
export interface Snapshot {
  /** `after kill 3 of serve`, `at the end`. */
  readonly when: string;
  /** What `PRAGMA integrity_check` says; `ok`. */
  readonly integrity: string;
  readonly runs: readonly FoundRun[];
  readonly attempts: readonly FoundAttempt[];
  readonly results: readonly FoundResult[];
  /** Files that were still to be written. */
  readonly to_publish: number;
}

export interface FoundFile {
  readonly folder: 'results' | 'ended' | 'jobs' | 'conflicts' | 'rejected' | 'tmp';
  readonly file: string;
  readonly sha256: string;
  /** Of results and ended files, as they say it themselves; null where the file is not whole. */
  readonly name: string | null;
  readonly run: number | null;
  readonly text: string | null;
}

/** A file of results/ or ended/ as it stood at some moment of the run. */
export interface Sighting {
  readonly folder: FoundFile['folder'];
  readonly file: string;
  readonly sha256: string;
}

/** A run as HTTP tells of it at rest. */
export interface ServedRun {
  readonly name: string;
  readonly run: number;
  readonly state: RunState;
  readonly digest: string;
  readonly text: string | null;
}

/** A request as the model server saw it. */
export interface ModelAsked {
  readonly question: string;
  /** Counted from 1 among the requests of this question. */
  readonly nth: number;
  /** Whether the whole answer was sent. */
  readonly answered: boolean;
}

export interface Evidence {
  /** In order of time; the last one is that of the end. */
  readonly snapshots: readonly Snapshot[];
  readonly served: readonly ServedRun[];
  readonly files: readonly FoundFile[];
  readonly sightings: readonly Sighting[];
  readonly asked: readonly ModelAsked[];
  /** Processes that ended though nobody ended them, or not as they should when asked to. */
  readonly strange_ends: readonly string[];
}
