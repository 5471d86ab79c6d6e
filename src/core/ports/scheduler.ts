/** The scheduler as its callers see it: the HTTP server over IPC, tests directly. */
import type { Adoption, AdoptionVerdict } from '../adoption.ts';
import type { LiveState, LogEntry } from '../attempt.ts';
import type { RunRef } from '../names.ts';
import type { Reason } from '../reasons.ts';
import type { KeyRow, RunOptions } from '../rows.ts';
import type { RunState } from '../states.ts';
import type { OnInvalid, PreparedJob, SubmitReceipt, SubmitVerdict } from '../submission.ts';

export type CancelVerdict = 'cancelled' | 'cancelling' | 'already_ended' | 'not_found';
export type RetryVerdict = 'queued' | 'blocked' | 'answered' | 'wrong_state' | 'not_found';
/** As a submission has it, but that what is under way is not drawn again. */
export type RerunVerdict = Exclude<SubmitVerdict, 'conflict'> | 'wrong_state' | 'not_found';

export interface RunAnswer<V> {
  readonly name: string;
  readonly run: number;
  readonly verdict: V;
  readonly state: RunState | null;
}

/** Options that a person may give anew with a retry. */
export type RetryOptions = Partial<Pick<RunOptions, 'priority' | 'attempt_timeout_ms' | 'max_attempts'>>;

/** Why the runs of a lane that are queued do not run at this moment. */
export interface LaneStatus {
  readonly lane: number;
  readonly endpoint: string;
  readonly model: string;
  readonly reason: Reason;
}

export interface InstanceStatus {
  readonly id: number;
  readonly name: string;
  readonly state: 'connected' | 'draining' | 'disconnected';
  readonly slots: number;
  readonly endpoints: readonly string[];
  readonly address: string | null;
  readonly version: string | null;
  /** Of a connected process of the server's own machine; null elsewhere. */
  readonly pid: number | null;
  /** Time since anything was heard of it; null where it is not connected. */
  readonly silent_ms: number | null;
  readonly running: readonly {
    readonly name: string;
    readonly run: number;
    readonly attempt: number;
    readonly endpoint: string;
    readonly model: string;
    readonly elapsed_ms: number;
    readonly timeout_ms: number;
    /** Of the attempt's own process, on the instance's machine; null where it runs in that of the instance. */
    readonly pid: number | null;
  }[];
}

export interface EndpointStatus {
  readonly name: string;
  readonly kind: string;
  readonly max_concurrent: number;
  readonly running: number;
  readonly paused: boolean;
  readonly gate: 'open' | 'closed' | 'probing';
  readonly reason: Reason | null;
}

export interface SchedulerStatus {
  readonly store_id: string;
  readonly turns: number;
  readonly unpublished: number;
  /** Set while turns fail, e.g. because the disk is full. */
  readonly trouble: Reason | null;
  readonly instances: readonly InstanceStatus[];
  readonly endpoints: readonly EndpointStatus[];
}

/** A change of a run's state, after its commit. */
export interface RunChange {
  readonly name: string;
  readonly run: number;
  readonly batch: string | null;
  readonly state: RunState;
  readonly attempt: number;
  readonly reason_code: string | null;
}

/** A piece of a running attempt's log. `offset` counts bytes of the attempt's NDJSON log behind this entry. */
export interface LogPiece extends LogEntry {
  readonly attempt: number;
  readonly offset: number;
}

export type FollowEnd =
  /** The attempt has ended; its log is complete in the log folder. */
  | 'ended'
  /** No instance has it (any more): look again at the row. */
  | 'gone';

/**
 * Every promise settles after the commit that makes it true. Rejections are `Problem`s: `DiskLow`, `StoreBusy`,
 * `Overloaded`, `ShuttingDown`; nothing was done then.
 */
export interface Scheduler {
  submit(jobs: readonly PreparedJob[], onInvalid: OnInvalid): Promise<SubmitReceipt>;
  cancel(runs: readonly RunRef[]): Promise<readonly RunAnswer<CancelVerdict>[]>;
  retry(runs: readonly RunRef[], options: RetryOptions): Promise<readonly RunAnswer<RetryVerdict>[]>;
  /** Takes runs that files tell of, each as it is; nothing is executed, and nothing is published that stands already. */
  adopt(adoptions: readonly Adoption[]): Promise<readonly AdoptionVerdict[]>;
  /**
   * Publishes the accepted jobs of these runs once more, since another content has taken the place of their files: they go to
   * `conflicts/jobs/` then. No effect on runs that are not known.
   */
  publishJobs(runs: readonly RunRef[]): Promise<void>;
  /** What the instance says of a running attempt; null where it does not answer within `wait_ms`, or nobody runs it. */
  live(name: string, run: number, wait_ms: number): Promise<LiveState | null>;
  lanes(): Promise<readonly LaneStatus[]>;
  status(): Promise<SchedulerStatus>;
  /**
   * Streams the log of the attempt that runs now, from a byte offset, until it ends. Resolves when no more will come.
   * `stop` aborts it.
   */
  follow(
    name: string,
    run: number,
    from: { readonly attempt: number; readonly offset: number },
    onPiece: (piece: LogPiece) => void,
    stop: AbortSignal,
  ): Promise<FollowEnd>;
  /** Changes of runs, in order of their commits. Returns the way to stop. */
  onChanges(fn: (changes: readonly RunChange[]) => void): () => void;
  putKey(key: KeyRow): Promise<void>;
}
