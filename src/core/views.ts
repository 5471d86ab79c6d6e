/** What HTTP and the CLI's `--json` show of the records of rows.ts. Times are RFC 3339 in UTC. */
import type { Analysis } from './analysis.ts';
import type { LiveState } from './attempt.ts';
import type { Json } from './json.ts';
import { answerFilePath } from './names.ts';
import type { AttemptRow, Cost, JobType, KeptAnswer, ResultFileRef, RunOptions } from './rows.ts';
import type { RunState } from './states.ts';
import type { Usage } from './usage.ts';

export interface ReasonView {
  readonly code: string;
  readonly message: string;
  readonly since?: string;
  readonly until?: string;
}

/** "Job out" of docs/http.md: one run of a job. */
export interface JobView {
  readonly name: string;
  readonly run: number;
  readonly batch: string | null;
  readonly key: string | null;
  readonly metadata: Json;
  readonly type: JobType;
  readonly state: RunState;
  readonly reason: ReasonView | null;
  readonly endpoint: string;
  readonly model: string;
  readonly digest: string;
  readonly created: boolean;
  readonly answered_before: boolean;
  /** The run whose answer this one waits for or took: `name@run`. */
  readonly shared_with: string | null;
  readonly options: Omit<RunOptions, 'run_at'> & { readonly run_at: string | null };
  readonly options_differ?: boolean;
  /** In the answer to a submission that made a next run: what differs from the run before, e.g. `prompt.base`. */
  readonly differs?: readonly string[];
  /** What was noticed when the job was accepted, and did not refuse it. */
  readonly warnings?: readonly string[];
  /** Says so where the file of the job holds something else than what was accepted under its name. */
  readonly job_file?: string;
  /** Of a run whose answer, or end, no attempt here brought: it was asked elsewhere, or before the database was made again. */
  readonly adopted?: AdoptedView;
  readonly attempts: number;
  readonly submitted_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly instance: number | null;
  readonly live: LiveState | null;
  /** Why `live` is null for a run that is running. */
  readonly live_missing?: string;
  readonly links: { readonly self: string; readonly result: string; readonly logs: string };
}

export interface AdoptedView {
  /** In which it stands, from the workspace on. */
  readonly file: string;
  /** That file carried no hash when it was taken, so nobody can say whether it was changed. */
  readonly unverified: boolean;
}

/** A line of a list: the same words, without what needs another read. */
export type JobLine = Omit<
  JobView,
  | 'metadata'
  | 'options'
  | 'options_differ'
  | 'differs'
  | 'warnings'
  | 'job_file'
  | 'adopted'
  | 'live'
  | 'live_missing'
  | 'created'
  | 'answered_before'
>;

export type AttemptView = Omit<
  AttemptRow,
  'job' | 'log_file' | 'log_offset' | 'started_at' | 'ended_at' | 'kept_answer'
> & {
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly kept_answer: KeptAnswer['text_sha256'] | null;
};

/** `GET /jobs/{name}?with=…` adds what is named: attempts, the spec as given, the prompt as sent, the request that its digest is of, all runs. */
export interface JobDetail extends JobView {
  readonly with?: {
    readonly attempts?: readonly AttemptView[];
    readonly spec?: Json;
    /** Its messages; null where scripts make them and no attempt has made any yet. */
    readonly prompt?: Json;
    /** Of a prompt that scripts make at each attempt. */
    readonly prompt_made?: PromptMade;
    readonly request?: Json;
    readonly runs?: readonly {
      readonly run: number;
      readonly state: RunState;
      readonly finished_at: string | null;
    }[];
  };
}

export interface PromptMade {
  /** The scripts that make it, as paths in the workspace. */
  readonly scripts: readonly string[];
  /** The attempt whose prompt is shown: the one that answered, else the latest that came so far. */
  readonly attempt: number | null;
  readonly sha256: string | null;
}

/** A file that came beside the text of an answer. */
export interface ResultFileView {
  readonly name: string;
  readonly media_type: string;
  readonly bytes: number;
  /** SHA-256 (hex) of its bytes. */
  readonly sha256: string;
  /** `<EPOCH>_<name>.files/<file>`, beside the result file. */
  readonly path: string;
}

/** The null result keeps the relation of jobs and results total (R12). */
export interface ResultView {
  readonly job: string;
  readonly result: string | null;
  readonly name?: string;
  readonly run?: number;
  readonly file?: string;
  readonly key?: string | null;
  readonly metadata?: Json;
  readonly digest?: string;
  readonly attempt?: number;
  readonly endpoint?: string;
  readonly model?: string;
  readonly model_answered?: string | null;
  readonly parameters_sent?: Json;
  readonly finish_reason?: string;
  readonly warnings?: readonly string[];
  readonly usage?: Usage | null;
  readonly cost?: Cost | null;
  readonly files?: readonly ResultFileView[];
  readonly sha256?: string;
  readonly accepted_at?: string;
  /** With `?analyse=1`: what its Markdown is made of. */
  readonly analysis?: Analysis;
}

/** A file in results/, as its name tells, with the run whose answer it holds where that is known. */
export interface ResultNameView {
  /** `<EPOCH>_<name>.json` */
  readonly file: string;
  /** Unix ms. */
  readonly epoch: number;
  readonly name: string;
  readonly run: number | null;
}

/** Every result of a job by the name of its file, the oldest first (R10). */
export interface ResultNamesView {
  readonly job: string;
  readonly results: readonly ResultNameView[];
  /** Stands where there is none: the null result (R12). */
  readonly result?: null;
  /** Older ones are left out. */
  readonly has_more?: boolean;
}

/** The job of a result file, by the file's name (R11). */
export interface JobOfResultView extends ResultNameView {
  readonly job: string;
}

/** Jobs of a lot that were asked as a further run of their names, the first of them with what differs from the run before. */
export interface NextRuns {
  readonly total: number;
  readonly some: readonly {
    readonly name: string;
    readonly run: number;
    readonly differs: readonly string[];
  }[];
}

export interface LotView {
  readonly created: number;
  readonly answered_before: number;
  readonly shared: number;
  /** Accepted before and not completed yet. */
  readonly known: number;
  readonly jobs: readonly { readonly name: string; readonly run: number; readonly state: RunState }[];
  /** Absent where there is none, and in a lot of fresh draws. */
  readonly next_runs?: NextRuns;
  /** With `?on_invalid=skip`: what was left out, by place in the lot. */
  readonly refused?: readonly { readonly index: number; readonly errors: readonly unknown[] }[];
  readonly warnings?: readonly string[];
}

export interface BatchView {
  readonly batch: string;
  readonly created_at: string;
  readonly counts: Readonly<Record<RunState, number>>;
  readonly total: number;
  readonly ended: number;
  readonly tokens: { readonly input: number; readonly output: number };
  /** What its answers cost as far as that is known, one sum for each currency. */
  readonly cost: readonly { readonly currency: string; readonly amount: number }[];
  /** Answers whose cost is not known; they are in no sum. */
  readonly cost_unknown: number;
  /** Seconds until its end at the rate so far; null where nothing ended yet. */
  readonly eta_s: number | null;
}

/** One line of `GET /events`: a run changed its state. */
export interface RunEventView {
  readonly name: string;
  readonly run: number;
  readonly batch: string | null;
  readonly state: RunState;
  readonly attempt: number;
  readonly reason: string | null;
}

/** Undefined where there are none, or where there is no epoch to find them by. */
export function filesView(
  files: readonly ResultFileRef[] | undefined,
  epoch: number | null,
  run: string,
): readonly ResultFileView[] | undefined {
  if (epoch === null) return undefined;
  return files?.map(({ name, media_type, bytes, sha256 }) => {
    return { name, media_type, bytes, sha256, path: answerFilePath(epoch, run, name) };
  });
}

export function isoTime(ms: number): string;
export function isoTime(ms: number | null): string | null;
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
