/** What `promptd verify` and `promptd rebuild` find in stored data that is not as it was written. */

import type { ResultFileRef } from './rows.ts';
import type { RunState } from './states.ts';

/**
 * `changed`: it is not what its hash or the database says. `missing`: it was stored or published, and is gone. `unknown`: it
 * says that it is of a run that the database does not know. `unreadable`: it cannot be read as what it should be.
 */
export type MisfitKind = 'changed' | 'missing' | 'unknown' | 'unreadable';

/** A run as the database knows it, with what stands behind its answer. */
export interface StoredRun {
  readonly job: number;
  readonly name: string;
  readonly run: number;
  readonly state: RunState;
  readonly source: string;
  readonly digest: string;
  /** Canonical JSON whose hash the digest is; null where no specification is stored. */
  readonly request: string | null;
  /** Of its latest result or ended file. */
  readonly epoch: number | null;
  /** The largest that it ever had. */
  readonly last_epoch: number;
  /** Null where it has no result. */
  readonly result: StoredResult | null;
}

export interface StoredResult {
  readonly attempt: number;
  /** Null where its text is not stored. */
  readonly text_sha256: string | null;
  readonly text_bytes: number;
  /** Of the stored text. */
  readonly stored_bytes: number | null;
  readonly files: readonly ResultFileRef[];
  /** Of the prompt that scripts made for it. */
  readonly prompt_sha256: string | null;
}

export interface Misfit {
  readonly kind: MisfitKind;
  /** The file, by its path from the workspace on; or the run, `faq-17@2`. */
  readonly where: string;
  /** A sentence: what was expected, what was found. */
  readonly message: string;
}

/** How much has been looked at. */
export interface Verified {
  /** Runs that ended, by their rows. */
  readonly runs: number;
  /** Texts of the database, each against its SHA-256. */
  readonly bodies: number;
  /** Files in results/ and ended/, and those that came with answers. */
  readonly files: number;
  /** Results that carry no hash: the bare pair of a job and its answer. */
  readonly unverified: number;
  readonly misfits: number;
  /** Whether there is a database to hold the files to. */
  readonly database: boolean;
}

export interface VerifyObserver {
  /** Waited for, so that a slow reader of many does not fill the memory. */
  misfit(misfit: Misfit): Promise<void>;
  /** Told now and then. */
  progress(so_far: Verified): void;
}
