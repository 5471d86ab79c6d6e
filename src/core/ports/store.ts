/**
 * The writer's side of the database: one `load` before a turn decides, one `commit` after it. This is the whole seam for
 * another database. A suite in test/stores/ holds every implementation to it.
 */
import type {
  AttemptRow,
  EndpointRow,
  InstanceRow,
  KeyRow,
  LaneRow,
  PublicationRow,
  RankRow,
  ResultRow,
  RunRow,
  SpecRow,
} from '../rows.ts';
import type { RunState } from '../states.ts';

/** What a turn wants to know. Each list may be empty; keys that match nothing are simply missing from what is loaded. */
export interface LoadKeys {
  /** The latest run of each name. */
  readonly names?: readonly string[];
  readonly runs?: readonly { readonly name: string; readonly run: number }[];
  readonly ids?: readonly number[];
  /** The latest run of a name that asks this digest. */
  readonly asked?: readonly { readonly name: string; readonly digest: string }[];
  /** For each digest: the run that leads, a completed run, and else the run that ended last. */
  readonly digests?: readonly string[];
  /** Up to `limit` runs that wait (`blocked`) for the answer of a digest. `best`: in claim order, else in any. */
  readonly followers?: readonly { readonly digest: string; readonly limit: number; readonly best: boolean }[];
  /** Up to `limit` scheduled or retrying runs with `due_at <= before`, the earliest first. */
  readonly due?: { readonly before: number; readonly limit: number };
  /** Up to `limit` queued runs of a lane in claim order: priority desc, rank, id. */
  readonly claims?: readonly { readonly lane: number; readonly limit: number }[];
  /** Attempts of a run, by the run's id. */
  readonly attempts?: readonly number[];
  /** Results by run id. */
  readonly results?: readonly number[];
  /** What an instance is sent for these runs, by id. */
  readonly orders?: readonly number[];
  /** Lanes with a rank of a batch in them. */
  readonly ranks?: readonly { readonly lane: number; readonly batch: string }[];
  /** The largest epoch ever given to a run of each name. */
  readonly epochs?: readonly string[];
  /** Options of these runs, by id. */
  readonly options?: readonly number[];
  /** Bodies by their SHA-256 (hex). */
  readonly bodies?: readonly string[];
}

/** What is sent for a run, as it was stored at acceptance. */
export interface OrderBody {
  readonly job: number;
  readonly request: string;
  readonly prompt: string;
  readonly spec: SpecRow;
}

export interface Loaded {
  /** Every run that any key asked for, once each. */
  readonly runs: readonly RunRow[];
  /** Ids of runs, by what was asked. */
  readonly latest: ReadonlyMap<string, number>;
  /** By `name digest`. */
  readonly asked: ReadonlyMap<string, number>;
  readonly leaders: ReadonlyMap<string, number>;
  readonly completed: ReadonlyMap<string, number>;
  readonly last_ended: ReadonlyMap<string, number>;
  readonly followers: ReadonlyMap<string, readonly number[]>;
  readonly due: readonly number[];
  readonly claims: ReadonlyMap<number, readonly number[]>;
  readonly attempts: ReadonlyMap<number, readonly AttemptRow[]>;
  readonly results: ReadonlyMap<number, ResultRow>;
  readonly orders: ReadonlyMap<number, OrderBody>;
  readonly ranks: readonly RankRow[];
  readonly epochs: ReadonlyMap<string, number>;
  readonly specs: ReadonlyMap<number, SpecRow>;
  readonly bodies: ReadonlyMap<string, string>;
}

/**
 * One write as a plain value, with the condition under which it holds. Ids of new rows are chosen by the writer, from
 * {@link StoreStart.next_job_id} and {@link StoreStart.next_lane_id} on.
 */
export type Change =
  /** Stored once by its hash; no effect where it is there already. */
  | { readonly do: 'put_body'; readonly sha256: string; readonly body: string }
  /** Holds while `(name, run)` is free and, where `run.leads`, no other run of the digest leads or has answered as its leader. Writes the tags too. */
  | { readonly do: 'insert_run'; readonly run: RunRow; readonly spec: SpecRow }
  /** Holds while the stored row has this state and attempt and, where `run.leads`, no other run of the digest leads or has answered as its leader. */
  | {
      readonly do: 'update_run';
      readonly if_state: RunState;
      readonly if_attempt: number;
      readonly run: RunRow;
    }
  | { readonly do: 'insert_attempt'; readonly attempt: AttemptRow }
  /** Holds while the stored attempt has not ended. */
  | { readonly do: 'end_attempt'; readonly attempt: AttemptRow }
  /** What is known only later of an attempt: what it cost, and an answer to keep. Holds while it has ended and keeps none. */
  | { readonly do: 'keep_answer'; readonly attempt: AttemptRow }
  /** Holds while the run has no result. */
  | { readonly do: 'insert_result'; readonly result: ResultRow }
  | { readonly do: 'put_publication'; readonly publication: PublicationRow }
  /** The file stands; no effect where the row is gone already. */
  | { readonly do: 'drop_publication'; readonly publication: PublicationRow }
  | { readonly do: 'put_lane'; readonly lane: LaneRow }
  | { readonly do: 'put_rank'; readonly rank: RankRow }
  | { readonly do: 'put_batch'; readonly batch: string; readonly created_at: number }
  | { readonly do: 'put_instance'; readonly instance: InstanceRow }
  | { readonly do: 'put_endpoint'; readonly endpoint: EndpointRow }
  | { readonly do: 'put_key'; readonly key: KeyRow };

/** A change whose condition did not hold. */
export interface Refused {
  readonly index: number;
  readonly change: Change;
}

/** What a scheduler knows when it starts. */
export interface StoreStart {
  /** Random, made with the database; leases and spooled outcomes carry it. */
  readonly store_id: string;
  readonly next_job_id: number;
  readonly next_lane_id: number;
  readonly lanes: readonly LaneRow[];
  readonly instances: readonly InstanceRow[];
  readonly endpoints: readonly EndpointRow[];
  /** Every run that is `running`. */
  readonly running: readonly RunRow[];
  /** Lanes with at least one queued run. */
  readonly lanes_with_work: readonly number[];
  readonly next_due_at: number | null;
  /** Digests that runs wait for while nobody asks: left by a crash between the end of a leader and that of its followers. */
  readonly orphaned_digests: readonly string[];
  /** Every digest that some run waits for, orphaned or not. */
  readonly followed_digests: readonly string[];
  readonly unpublished: number;
}

/** The disk is full or read-only: nothing was written, and it may be tried again. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}
/** Another program holds the database's write lock: nothing was written, and it may be tried again. */
export class StoreBusyError extends Error {
  override readonly name = 'StoreBusyError';
}
/** A constraint or an assertion of the database refused: nothing was written; the same changes would be refused again. */
export class StoreConstraintError extends Error {
  override readonly name = 'StoreConstraintError';
}

export interface Store {
  start(): Promise<StoreStart>;
  load(keys: LoadKeys): Promise<Loaded>;
  /**
   * Applies all changes in one transaction, in order, and resolves with `[]` when they are on disk; or applies none and
   * resolves with those whose condition did not hold. Rejects with StoreFullError, StoreBusyError or StoreConstraintError
   * (nothing was written); any other rejection is fatal: the process must end.
   */
  commit(changes: readonly Change[]): Promise<readonly Refused[]>;
  /** The earliest `due_at` of a scheduled or retrying run. */
  nextDue(): Promise<number | null>;
  /** Work outside turns: a checkpoint of the log where it has grown beyond its limit. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}
