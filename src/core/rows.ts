/**
 * What is stored, as plain records. The fields are the SQL columns, so a row needs no mapping anywhere.
 * Times are wall time in Unix milliseconds; flags are booleans here and 0/1 in SQL.
 */
import type { Json, JsonObject } from './json.ts';
import type { ReasonCode } from './reasons.ts';
import type { RunState } from './states.ts';
import type { Usage } from './usage.ts';

export type JobType = 'llm' | 'command';
export type JobSource = 'http' | 'folder' | 'batch_file';

/** One run: the hot row of the queue. What determines its answer never changes after its insertion. */
export interface RunRow {
  readonly id: number;
  readonly name: string;
  readonly run: number;
  readonly type: JobType;
  readonly source: JobSource;
  readonly lane: number;
  readonly endpoint: string;
  readonly model: string;
  readonly digest: string;
  readonly batch: string | null;
  readonly key: string | null;
  readonly max_attempts: number;
  readonly attempt_timeout_ms: number;
  readonly submitted_at: number;
  /** Above this line nothing changes after acceptance, but max_attempts and attempt_timeout_ms by a person's retry. */
  readonly state: RunState;
  /** Effective priority: its own, or the highest of those that wait for the same answer. */
  readonly priority: number;
  readonly rank: number;
  /** Whether it is the one run of its digest that is under way; at most one is (unique index). */
  readonly leads: boolean;
  /** When a `scheduled` or `retrying` run becomes due; null in every other state. */
  readonly due_at: number | null;
  /** Number of its latest attempt, 0 before the first: the fence. */
  readonly attempt: number;
  /** The instance of its latest attempt. */
  readonly instance: number | null;
  readonly errors: number;
  readonly lost: number;
  readonly interrupted: number;
  /** Since when every attempt of it was throttled. */
  readonly rate_limited_since: number | null;
  /** The last error, and how often it came in a row. */
  readonly last_error: string | null;
  readonly same_errors: number;
  readonly cancel_requested_at: number | null;
  readonly reason_code: ReasonCode | null;
  readonly reason_message: string | null;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  /** Epoch of its published result or ended file. */
  readonly epoch: number | null;
  /** The run whose answer it took (same work); null where it was asked for itself. */
  readonly answered_by: number | null;
}

/** Options of a job, normalised; all but `run_at` and `tags` can be given anew by `retry`. */
export interface RunOptions {
  readonly priority: number;
  readonly attempt_timeout_ms: number;
  readonly first_token_timeout_ms: number;
  readonly stall_timeout_ms: number;
  readonly max_attempts: number;
  readonly run_at: number | null;
  readonly tags: readonly string[];
}

/** What is asked, stored once per run, immutable. */
export interface SpecRow {
  /** SHA-256 (hex) of the body that is the job as given: canonical JSON of `{type, prompt, configuration}`. */
  readonly spec_sha256: string;
  /** SHA-256 (hex) of the body that is the built prompt: canonical JSON of its messages, or of the recipe for them. */
  readonly prompt_sha256: string;
  /** Canonical JSON whose hash is the digest: what is sent, the messages by their hash. See core/identity.ts. */
  readonly request: string;
  readonly options: RunOptions;
  readonly metadata: Json | undefined;
  /** Where the job stands: `<name>.json` or `<file>#<key>`. */
  readonly link: string;
}

export type AttemptOutcome =
  | 'succeeded'
  | 'errored'
  | 'timed_out'
  | 'lost'
  | 'interrupted'
  | 'rate_limited'
  | 'cancelled';
/** The budget that an attempt used up; null: it was free. */
export type Charge = 'errors' | 'lost' | 'interrupted' | 'rate_limited';

export interface AttemptRow {
  readonly job: number;
  readonly attempt: number;
  readonly instance: number;
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly outcome: AttemptOutcome | null;
  readonly charged_for: Charge | null;
  readonly reason_code: ReasonCode | null;
  readonly error: string | null;
  readonly timings: Timings | null;
  readonly usage: Usage | null;
  readonly cost: Cost | null;
  readonly parameters_sent: JsonObject | null;
  readonly warnings: readonly string[];
  /** SHA-256 (hex) of the body that is the prompt which scripts made for it; null where the prompt was built at acceptance. */
  readonly prompt_sha256: string | null;
  /** Where its log lies: a file under the log folder, and the bytes in it. */
  readonly log_file: string | null;
  readonly log_offset: number;
  readonly log_bytes: number;
  /** An answer that came after the run had failed or was cancelled: kept, published nowhere; `retry` takes it. */
  readonly kept_answer: KeptAnswer | null;
}

/** Durations in ms, measured on the instance's monotonic clock; null where it was not reached. */
export interface Timings {
  readonly queued_ms: number | null;
  readonly build_ms: number | null;
  readonly first_token_ms: number | null;
  readonly call_ms: number | null;
}

export interface Cost {
  readonly amount: number;
  readonly currency: string;
  readonly as_of: string;
}

export interface KeptAnswer {
  readonly text_sha256: string;
  readonly text_bytes: number;
  readonly meta: AnswerMeta;
}

/** Everything about an answer but its text. Stored as JSON with the result, and copied into the result file. */
export interface AnswerMeta {
  readonly model: string;
  readonly model_answered: string | null;
  readonly endpoint: string;
  readonly endpoint_kind: string;
  readonly parameters_sent: JsonObject;
  readonly finish_reason: string;
  readonly warnings: readonly string[];
  readonly usage: Usage | null;
  readonly timings: Timings;
  readonly cost: Cost | null;
  readonly reasoning?: string;
  /** What came beside the text, in `results/<EPOCH>_<name>.files/`; absent where nothing did. */
  readonly files?: readonly ResultFileRef[];
  /** SHA-256 (hex) of the body that is the prompt which scripts made for it; absent where it was built at acceptance. */
  readonly prompt_sha256?: string;
  /** Version of the promptd that made the answer; kept with it, so that a result file's bytes never depend on its writer. */
  readonly promptd_version?: string;
}

/** A file that belongs to an answer. */
export interface ResultFileRef {
  readonly name: string;
  readonly media_type: string;
  readonly bytes: number;
  /** SHA-256 (hex) of its bytes. */
  readonly sha256: string;
  /** SHA-256 (hex) of the body that is its base64 text. */
  readonly body_sha256: string;
}

/** The immutable answer of a run. */
export interface ResultRow {
  readonly job: number;
  readonly epoch: number;
  readonly attempt: number;
  readonly text_sha256: string;
  readonly text_bytes: number;
  readonly meta: AnswerMeta;
  readonly accepted_at: number;
}

export type PublicationKind = 'job' | 'result' | 'ended';

/** A file that is still to be written from committed rows. */
export interface PublicationRow {
  readonly kind: PublicationKind;
  readonly job: number;
  /** Null for job files, whose names carry none; the time where such a file is published once more. */
  readonly epoch: number | null;
}

export interface LaneRow {
  readonly id: number;
  readonly endpoint: string;
  readonly model: string;
  /** What its jobs need of an instance: '' nothing, 'workspace' scripts, 'exec' commands. */
  readonly needs: LaneNeeds;
  /** Virtual time: the rank last claimed. */
  readonly last_rank: number;
}

export type LaneNeeds = '' | 'workspace' | 'exec';

/** The last rank that a batch (`''`: jobs of no batch) was given in a lane. */
export interface RankRow {
  readonly lane: number;
  readonly batch: string;
  readonly last_rank: number;
}

export interface InstanceRow {
  readonly id: number;
  readonly name: string;
  /** The process that was last seen under this name: tells a restart from a reconnect across restarts of the scheduler. */
  readonly process_id: string;
  readonly first_seen_at: number;
  readonly last_seen_at: number;
}

/** Limits and pauses of an endpoint set at run time; they win over the file until reset. */
export interface EndpointRow {
  readonly name: string;
  readonly max_concurrent: number | null;
  readonly paused: boolean;
}

export type KeyScope = 'submit' | 'read' | 'admin' | 'instance';

export interface KeyRow {
  readonly id: string;
  readonly name: string;
  /** SHA-256 (hex) of the whole key; the key itself is shown once and kept nowhere. */
  readonly sha256: string;
  readonly scopes: readonly KeyScope[];
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
}
