/** One attempt as it travels: the order that a scheduler gives, and the outcome that an instance brings back. */
import type { JsonObject } from './json.ts';
import type { Attachments, Message } from './messages.ts';
import type { ReasonCode } from './reasons.ts';
import type { JobAsGiven, PromptRecipe, ScriptCall } from './recipe.ts';
import type { AnswerMeta, AttemptOutcome, AttemptRow, JobType, Timings } from './rows.ts';

/** Says which attempt is meant, on every message about it. `digest` keeps an answer with its question across databases. */
export interface AttemptRef {
  readonly name: string;
  readonly run: number;
  /** The fence. */
  readonly attempt: number;
  readonly digest: string;
}

export interface AttemptOrder extends AttemptRef {
  readonly type: JobType;
  readonly endpoint: string;
  readonly model: string;
  /** Empty where there is a recipe. */
  readonly messages: readonly Message[];
  /** How the messages are made; null where they were built at acceptance. */
  readonly recipe: PromptRecipe | null;
  /** What the messages, or the recipe, have attached. */
  readonly attachments: Attachments;
  /** The script that prints the command to run; null where the endpoint's platform is spoken to. */
  readonly command: ScriptCall | null;
  /** The command of a job of type `command`; null elsewhere. */
  readonly argv: readonly string[] | null;
  /** The job as given, where a script, a command or an AI package is to see it; else null. */
  readonly job: JobAsGiven | null;
  /** The vocabulary of docs/jobs.md, e.g. `{temperature: 0.2, max_tokens: 400}`. */
  readonly parameters: JsonObject;
  /** Parameters outside the vocabulary, passed on under their own names. */
  readonly extra: JsonObject;
  /** Words of one platform alone, by kind of endpoint: `{ollama: {num_ctx: 16384}}`. */
  readonly drawers: JsonObject;
  readonly attempt_timeout_ms: number;
  readonly first_token_timeout_ms: number;
  readonly stall_timeout_ms: number;
}

/**
 * Whose fault a failed attempt is, which decides what follows.
 * `job`: trying again is useless, the run fails. `transient`: try again later, charged as an error.
 * `throttled`: the endpoint's gate closes for a while, free of charge. `hold`: the endpoint (or one model of it) cannot
 * serve anybody; jobs wait with the reason until a probe passes, free of charge.
 */
export type Blame = 'job' | 'transient' | 'throttled' | 'hold';

export interface AttemptFailure {
  readonly blame: Blame;
  readonly reason_code: ReasonCode;
  /** What happened, for people: never a secret, at most 4,000 characters. */
  readonly message: string;
  /** What `hold` and `throttled` are about: the whole endpoint, or this model of it. */
  readonly scope: 'endpoint' | 'model';
  readonly retry_after_ms: number | null;
}

export interface AttemptAnswer {
  readonly text: string;
  readonly meta: AnswerMeta;
  /** What came beside the text, e.g. images that an AI package made. */
  readonly files?: readonly AnswerFile[];
}

/** What is said of an answer that came whole and was refused: it was paid for all the same. */
export type RefusedAnswer = Pick<AnswerMeta, 'endpoint' | 'model' | 'usage' | 'parameters_sent' | 'warnings'>;

/** Of an answer that will not be brought. */
export function refusedAnswer(meta: AnswerMeta): RefusedAnswer {
  const { endpoint, model, usage, parameters_sent, warnings } = meta;
  return { endpoint, model, usage, parameters_sent, warnings };
}

/** The same as it stands in the attempt's row, with its cost by our prices. */
export type SpentInVain = Pick<AttemptRow, 'usage' | 'cost' | 'parameters_sent' | 'warnings'>;

/** A file of an answer on its way to the store. */
export interface AnswerFile {
  /** A plain file name: no folder, no leading dot, at most 200 characters. */
  readonly name: string;
  readonly media_type: string;
  /** Base64 of its bytes. */
  readonly data: string;
}

/** An answer as it arrived, with the SHA-256 (hex) and the UTF-8 size of its text. */
export interface HashedAnswer extends AttemptAnswer {
  readonly sha256: string;
  readonly bytes: number;
}

/** What an instance spools, sends, and forgets when it is acknowledged. Exactly one of `answer` and `failure` unless cancelled or interrupted. */
export interface AttemptReport extends AttemptRef {
  readonly store_id: string;
  readonly outcome: AttemptOutcome;
  readonly answer: AttemptAnswer | null;
  readonly failure: AttemptFailure | null;
  /** What an answer took that had come whole and is not brought; absent where none had come. */
  readonly spent?: RefusedAnswer;
  readonly timings: Timings;
  /** Canonical JSON of the messages, where the attempt made them by scripts. */
  readonly prompt?: string;
  /** The attempt's log, NDJSON of {@link LogEntry}, capped. */
  readonly log: string;
}

/**
 * What became of a report. `taken`: it counts, as the run's answer or as the end of the current attempt. `kept`: the run has
 * failed or was cancelled, and the answer is kept for its retry. `known`: the run has its answer already. `unwanted`: there is
 * no such run here, or another attempt of it runs.
 */
export const ACKNOWLEDGED = ['taken', 'kept', 'known', 'unwanted'] as const;
export type Acknowledged = (typeof ACKNOWLEDGED)[number];

/** Says to an instance that it may forget a report. */
export interface Acknowledgement extends AttemptRef {
  readonly store_id: string;
  readonly how: Acknowledged;
}

/** One line of an attempt's log. */
export interface LogEntry {
  /** Wall time, Unix ms. */
  readonly at: number;
  readonly stream: LogStream;
  readonly text: string;
}

/** `info`: promptd's own words about the attempt; `stdout`, `stderr`: of a child. */
export type LogStream = 'info' | 'stdout' | 'stderr';

/** What an instance says of a running attempt when asked. */
export interface LiveState {
  readonly phase: 'starting' | 'building' | 'calling' | 'streaming' | 'ending';
  /** Pieces of text received so far; a count of tokens where the platform streams token by token. */
  readonly tokens: number;
  readonly elapsed_ms: number;
}

/** Where the executor tells what it is doing. Calls are cheap and never throw. */
export interface AttemptObserver {
  phase(phase: LiveState['phase']): void;
  text(piece: string): void;
  log(stream: LogStream, text: string): void;
  /** A process that does something for this attempt: its own, a program of the user, the one of an AI package. */
  process?(pid: number, now: 'runs' | 'is_gone'): void;
}
