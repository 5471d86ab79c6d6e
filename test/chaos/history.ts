/**
 * What the users of a chaos run did, and what they were told: the one side of the comparison. Written down by those who
 * sent it, in one process, so all times are of one monotonic clock (ms).
 */
import type { RunState } from '../../src/core/states.ts';

/** A job as a user thinks of it. One question belongs to one endpoint and is asked in one way, so it stands for one digest. */
export interface Asked {
  readonly name: string;
  readonly question: string;
  readonly if_exists: 'same' | 'new_run';
}

/** What the server said of a run; `run` and `digest` are null where that answer does not name them. */
export interface Told {
  readonly name: string;
  readonly run: number | null;
  readonly state: RunState | null;
  readonly digest: string | null;
}

/** `refused`: a clear no of promptd. `unknown`: cut, timed out, overloaded: it may have happened. */
export type Outcome = 'ok' | 'refused' | 'unknown';

interface OfAnyOp {
  readonly user: string;
  readonly via: 'http' | 'cli';
  readonly sent_at: number;
  readonly answered_at: number;
  readonly outcome: Outcome;
  /** The code of the problem, where there was one. */
  readonly code: string | null;
}

/** `told` has one entry for each job, in their order, where the outcome is `ok`; else none. */
export interface SubmitOp extends OfAnyOp {
  readonly op: 'submit';
  readonly jobs: readonly Asked[];
  readonly told: readonly Told[];
}

export interface ChangeOp extends OfAnyOp {
  readonly op: 'cancel' | 'retry';
  readonly name: string;
  readonly run: number;
  readonly told: readonly Told[];
}

/** `text` is the answer that was read with the state, null where there was none. */
export interface ReadOp extends OfAnyOp {
  readonly op: 'read';
  readonly name: string;
  readonly told: readonly Told[];
  readonly text: string | null;
}

export type Op = SubmitOp | ChangeOp | ReadOp;
