/** What the HTTP server is given: ports, and nothing of the rooms behind them. */
import type { Analyser } from '../core/ports/analyser.ts';
import type { Fault } from '../core/errors.ts';
import type { FolderView } from '../core/folder-view.ts';
import type { Clock, Random, Timers } from '../core/ports/clock.ts';
import type { LogReader } from '../core/ports/logs.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import type { Reason } from '../core/reasons.ts';
import type { PreparedJob } from '../core/submission.ts';

/** How a request came: over the workspace's own socket, whose permission is the key, or over TCP. */
export type Via = 'socket' | 'tcp';

export type Prepared =
  | { readonly ok: true; readonly job: PreparedJob; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Validates a job as given and builds its prompt. Faults are paths within the job, e.g. `configuration.seed`. */
export type Prepare = (
  value: unknown,
  /** `admin`: over TCP, it came with an admin key. `link`: the file of `jobs/` in which it stands. `fresh`: a word that makes it a fresh draw. */
  from: { readonly via: Via; readonly admin?: boolean; readonly link?: string; readonly fresh?: string },
) => Promise<Prepared>;

/** Paths of the fields in which two jobs differ; requests and specs are canonical JSON. */
export type Differing = (request_a: string, request_b: string, spec_a: string, spec_b: string) => string[];

/** The part of a pino logger that is used. */
export interface HttpLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Those of core/limits.ts that hold here; a test sets them lower. */
export interface HttpLimits {
  readonly job_bytes_max: number;
  readonly submission_jobs_max: number;
  readonly submission_bytes_max: number;
  readonly request_bytes_max: number;
  readonly http_bodies_bytes_max: number;
  readonly http_connections_max: number;
  readonly http_headers_timeout_ms: number;
  readonly http_request_timeout_ms: number;
  readonly auth_failures_per_minute: number;
  readonly live_state_wait_ms: number;
  readonly wait_max_ms: number;
  readonly sse_heartbeat_ms: number;
  readonly follower_buffer_bytes_max: number;
  readonly slow_reader_ms: number;
  readonly page_runs: number;
  readonly page_runs_max: number;
  readonly faults_shown_max: number;
  readonly lanes_cache_ms: number;
}

export interface HttpOptions {
  readonly scheduler: Scheduler;
  readonly reads: ReadStore;
  readonly logs: LogReader;
  readonly prepare: Prepare;
  readonly differing: Differing;
  readonly analyser: Analyser;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly version: string;
  readonly log: HttpLog;
  readonly limits: HttpLimits;
  /** Host headers that are accepted besides this machine's own names, with or without a port. */
  readonly allowed_hosts: readonly string[];
  /** What `GET /stats` adds: the free space of the disk and such, and what is the matter while the queue goes on. */
  readonly extra: { status(): Promise<object>; readonly trouble?: () => Reason | null };
  /** What is the matter in the folders of job files and of answers. */
  readonly folder?: () => Promise<FolderView>;
  /** A sentence where the file of a job of this name holds something else than what was accepted; null where it does not. */
  readonly jobFile?: (name: string) => string | null;
  /** A sentence where a file of `jobs/` is called like a job that the queue does not know; null where none is. */
  readonly unasked?: (name: string) => Promise<string | null>;
  /** Whether `/docs` is served. */
  readonly ui: boolean;
}
