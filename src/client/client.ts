/**
 * The typed HTTP client: every call of docs/http.md, one method each. The command line and the dashboard use it and nothing else.
 *
 * Every method rejects with a `Problem`: the server's own, or `Unreachable` naming what was tried; an aborted call rejects
 * with the reason of its signal. Every call may be sent again: a job that is known is answered, not asked again.
 */
import type { FolderCounts, FolderView } from '../core/folder-view.ts';
import type { Json } from '../core/json.ts';
import { formatRunRef, type RunRef } from '../core/names.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { CountBy, CountRow } from '../core/ports/read-store.ts';
import type {
  CancelVerdict,
  EndpointStatus,
  InstanceStatus,
  RerunVerdict,
  RetryOptions,
  RetryVerdict,
  RunAnswer,
} from '../core/ports/scheduler.ts';
import type {
  BatchView,
  JobDetail,
  JobLine,
  JobOfResultView,
  JobView,
  LotView,
  ResultNamesView,
  ResultView,
} from '../core/views.ts';
import { readJson, readText } from './answer.ts';
import { type Address, type Call, Connection } from './connection.ts';
import { type JobFilter, queryOf } from './filter.ts';
import { type EventItem, openEvents } from './follow-events.ts';
import { followLogs, type LogItem } from './follow-logs.ts';
import type { JobIn } from './job-in.ts';
import { linesOf } from './lines.ts';
import { joinLots, type LotOptions, shiftFaults } from './lot-answers.ts';
import { type LotLimits, lotsOf } from './lots.ts';
import type { Health, Stats } from './server-views.ts';

/** A name, `NAME@RUN`, or the two apart. */
export type Ref = string | RunRef;

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ClientOptions {
  readonly address: Address;
  /** For the waits between tries of a lost stream; without them a loss ends the stream. */
  readonly timers?: Timers;
  /** Smaller lots than the server takes, for links on which large requests are cut. */
  readonly lots?: LotLimits;
}

export interface RerunOptions extends CallOptions {
  readonly options?: RetryOptions;
  /** Names the draw. */
  readonly fresh?: string;
}

export type DetailPart = 'attempts' | 'spec' | 'prompt' | 'request' | 'runs';

/** Runs of a bulk change: these names (or `NAME@RUN`), or every run that a filter selects. */
export type Selection = { readonly names: readonly string[] } | { readonly filter: JobFilter };

export interface FollowOptions extends CallOptions {
  /** A server that is away is tried again for this long; then the iteration rejects. */
  readonly reconnect_for_ms?: number;
}

/** Streams send a sign of life more often than this; after it a connection counts as dead. */
const STREAM_SILENCE_MS = 60_000;
const RECONNECT_FOR_MS = 120_000;

export class Client {
  readonly #connection: Connection;
  readonly #timers: Timers | null;
  readonly #lots: LotLimits;

  constructor(options: ClientOptions) {
    this.#connection = new Connection(options.address);
    this.#timers = options.timers ?? null;
    this.#lots = options.lots ?? {};
  }

  /** What is spoken to, for messages: a URL or the path of a socket. */
  get place(): string {
    return this.#connection.place;
  }

  /** Closes idle connections. Calls under way end with `Unreachable`. */
  close(): void {
    this.#connection.close();
  }

  /** `fresh`: a word that makes it a fresh draw, which shares answers only with what has the same word. */
  submit(job: JobIn, options: CallOptions & { readonly fresh?: string } = {}): Promise<JobView> {
    const path = `/jobs${queryOf({ fresh: options.fresh })}`;
    return this.#json({ method: 'POST', path, body: jsonBody(job), signal: options.signal });
  }

  /**
   * Submits in lots of at most `submission_jobs_max` jobs and 64 MiB, each of them whole or not at all; the answers are put
   * together in order. A refused lot rejects with its faults (their places counted over all jobs); lots before it stay accepted.
   */
  async submitMany(jobs: Iterable<JobIn> | AsyncIterable<JobIn>, options: LotOptions = {}): Promise<LotView> {
    const answers: { readonly start: number; readonly answer: LotView }[] = [];
    for await (const lot of lotsOf(jobs, this.#lots)) {
      const call = {
        method: 'POST',
        path: `/jobs${queryOf({ on_invalid: options.on_invalid, fresh: options.fresh })}`,
        body: lot.body,
        content_type: 'application/x-ndjson',
        signal: options.signal,
      } as const;
      const answer = await this.#json<LotView>(call).catch((error: unknown) => {
        throw shiftFaults(error, lot.start);
      });
      answers.push({ start: lot.start, answer });
      options.onLot?.(answer, lot.start);
    }
    return joinLots(answers);
  }

  /** `wait`: seconds for which the server may hold the answer back until the run has ended. */
  job(
    ref: Ref,
    options: CallOptions & {
      readonly wait?: number;
      readonly with?: readonly DetailPart[];
      /** Whose prompt is meant. */
      readonly attempt?: number | undefined;
    } = {},
  ): Promise<JobDetail> {
    const query = queryOf({ wait: options.wait, with: options.with, attempt: options.attempt });
    return this.#get(`${jobPath(ref)}${query}`, options);
  }

  /** Newest first, page by page as they are read. */
  async *jobs(
    filter: JobFilter = {},
    options: CallOptions & { readonly page?: number } = {},
  ): AsyncGenerator<JobLine> {
    let cursor: string | undefined;
    do {
      const page = await this.jobsPage(filter, { ...options, limit: options.page ?? 500, cursor });
      yield* page.jobs;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  jobsPage(
    filter: JobFilter,
    options: CallOptions & { readonly limit?: number; readonly cursor?: string | undefined } = {},
  ): Promise<{ readonly jobs: readonly JobLine[]; readonly next_cursor: string | null }> {
    const query = queryOf({ ...filter, limit: options.limit, cursor: options.cursor });
    return this.#get(`/jobs${query}`, options);
  }

  async counts(
    by: readonly CountBy[],
    filter: JobFilter = {},
    options: CallOptions = {},
  ): Promise<readonly CountRow[]> {
    const query = queryOf({ ...filter, by });
    const answer = await this.#get<{ readonly counts: readonly CountRow[] }>(`/jobs/counts${query}`, options);
    return answer.counts;
  }

  /** Rejects with `WrongState` where the run has ended already. */
  cancel(ref: Ref, options: CallOptions = {}): Promise<JobView> {
    return this.#json({ method: 'DELETE', path: jobPath(ref), signal: options.signal });
  }

  async cancelMany(
    selection: Selection,
    options: CallOptions = {},
  ): Promise<readonly RunAnswer<CancelVerdict>[]> {
    return this.#bulk('/jobs/cancel', selectionBody(selection), options);
  }

  retry(ref: Ref, options: CallOptions & { readonly options?: RetryOptions } = {}): Promise<JobView> {
    const body = jsonBody(options.options === undefined ? {} : { options: options.options });
    return this.#json({ method: 'POST', path: `${jobPath(ref)}/retry`, body, signal: options.signal });
  }

  async retryMany(
    selection: Selection,
    options: CallOptions & { readonly options?: RetryOptions } = {},
  ): Promise<readonly RunAnswer<RetryVerdict>[]> {
    const given = options.options === undefined ? {} : { options: options.options };
    return this.#bulk('/jobs/retry', { ...selectionBody(selection), ...given }, options);
  }

  /**
   * Asks what is stored of a run once more, as the next run of its name. Rejects with `WrongState` where it has not ended.
   * Sent again with the same `fresh`, it is the same draw; without one every call is another.
   */
  rerun(ref: Ref, options: RerunOptions = {}): Promise<JobView> {
    const { signal, ...given } = options;
    return this.#json({ method: 'POST', path: `${jobPath(ref)}/rerun`, body: jsonBody(given), signal });
  }

  async rerunMany(
    selection: Selection,
    options: RerunOptions = {},
  ): Promise<readonly RunAnswer<RerunVerdict>[]> {
    const { options: anew, fresh } = options;
    const body = {
      ...selectionBody(selection),
      ...(anew === undefined ? {} : { options: anew }),
      ...(fresh === undefined ? {} : { fresh }),
    };
    return this.#bulk('/jobs/rerun', body, options);
  }

  /** The log of an attempt as text, by default of the current or last one. */
  async logs(ref: Ref, options: CallOptions & { readonly attempt?: number } = {}): Promise<string> {
    const path = `${jobPath(ref)}/logs${queryOf({ attempt: options.attempt })}`;
    const call = { method: 'GET', path, accept: 'text/plain', signal: options.signal } as const;
    return readText(await this.#connection.send(call), this.place);
  }

  /** Every piece of the log once, from the beginning, until the run has ended; takes up again what is cut. */
  followLogs(
    ref: Ref,
    options: FollowOptions & { readonly attempt?: number; readonly after?: string } = {},
  ): AsyncGenerator<LogItem> {
    return followLogs({
      connection: this.#connection,
      timers: this.#timers,
      path: `${jobPath(ref)}/logs${queryOf({ follow: 1, attempt: options.attempt })}`,
      after: options.after ?? '',
      reconnect_for_ms: options.reconnect_for_ms ?? RECONNECT_FOR_MS,
      silence_ms: STREAM_SILENCE_MS,
      signal: options.signal,
    });
  }

  /** The null result where there is none. `analyse`: with what its Markdown is made of. */
  result(ref: Ref, options: CallOptions & { readonly analyse?: boolean } = {}): Promise<ResultView> {
    return this.#get(`${jobPath(ref)}/result${options.analyse === true ? '?analyse=1' : ''}`, options);
  }

  /** The names of every result file of a job, or of a run of it, the oldest first; the null result where there is none. */
  resultsOf(ref: Ref, options: CallOptions = {}): Promise<ResultNamesView> {
    return this.#get(`${jobPath(ref)}/results`, options);
  }

  /** The job of a result file, by the file's name alone. */
  jobOf(result_file: string, options: CallOptions = {}): Promise<JobOfResultView> {
    return this.#get(`/results/${encodeURIComponent(result_file)}/job`, options);
  }

  async instances(options: CallOptions = {}): Promise<readonly InstanceStatus[]> {
    return (await this.#get<{ readonly instances: readonly InstanceStatus[] }>('/instances', options))
      .instances;
  }

  async endpoints(options: CallOptions = {}): Promise<readonly EndpointStatus[]> {
    return (await this.#get<{ readonly endpoints: readonly EndpointStatus[] }>('/endpoints', options))
      .endpoints;
  }

  /** Newest first. */
  async batches(options: CallOptions & { readonly limit?: number } = {}): Promise<readonly BatchView[]> {
    const path = `/batches${queryOf({ limit: options.limit })}`;
    return (await this.#get<{ readonly batches: readonly BatchView[] }>(path, options)).batches;
  }

  batch(name: string, options: CallOptions & { readonly wait?: number } = {}): Promise<BatchView> {
    return this.#get(`/batches/${encodeURIComponent(name)}${queryOf({ wait: options.wait })}`, options);
  }

  /** One result a job, unanswered ones as null results. */
  async *batchResults(name: string, options: CallOptions = {}): AsyncGenerator<ResultView> {
    const path = `/batches/${encodeURIComponent(name)}/results`;
    const call = { method: 'GET', path, accept: 'application/x-ndjson', signal: options.signal } as const;
    for await (const line of linesOf(await this.#connection.send(call))) {
      if (line !== '') yield JSON.parse(line) as ResultView;
    }
  }

  /**
   * What happens to runs from now on. Resolves once the stream is open. After a loss of connection it opens again and says
   * `gap`: read again what matters. With `reconnect_for_ms: 0` it rejects at the first loss instead.
   */
  events(options: FollowOptions & { readonly batch?: string } = {}): Promise<AsyncIterable<EventItem>> {
    return openEvents({
      connection: this.#connection,
      timers: this.#timers,
      path: `/events${queryOf({ batch: options.batch })}`,
      reconnect_for_ms: options.reconnect_for_ms ?? RECONNECT_FOR_MS,
      silence_ms: STREAM_SILENCE_MS,
      signal: options.signal,
    });
  }

  /** Files of `jobs/` that are wrong, or differ from what was accepted. */
  folder(options: CallOptions = {}): Promise<FolderView> {
    return this.#get('/folder', options);
  }

  folderCounts(options: CallOptions = {}): Promise<FolderCounts> {
    return this.#get('/folder/counts', options);
  }

  stats(options: CallOptions = {}): Promise<Stats> {
    return this.#get('/stats', options);
  }

  healthz(options: CallOptions = {}): Promise<Health> {
    return this.#get('/healthz', options);
  }

  #get<T>(path: string, options: CallOptions): Promise<T> {
    return this.#json({ method: 'GET', path, signal: options.signal });
  }

  async #json<T>(call: Call): Promise<T> {
    return readJson(await this.#connection.send(call), this.place);
  }

  async #bulk<V>(path: string, body: Json, options: CallOptions): Promise<readonly RunAnswer<V>[]> {
    const call = { method: 'POST', path, body: jsonBody(body), signal: options.signal } as const;
    return (await this.#json<{ readonly jobs: readonly RunAnswer<V>[] }>(call)).jobs;
  }
}

/** A client of the server at an address: `{socket}` of a workspace, or `{url, key}`. Opens nothing before the first call. */
export function connect(address: Address, timers?: Timers): Client {
  return new Client({ address, ...(timers === undefined ? {} : { timers }) });
}

function jobPath(ref: Ref): string {
  const text = typeof ref === 'string' ? ref : formatRunRef(ref);
  return `/jobs/${encodeURIComponent(text).replace('%40', '@')}`;
}

function jsonBody(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function selectionBody(selection: Selection): { readonly [key: string]: Json } {
  if ('names' in selection) return { names: selection.names };
  const given = Object.entries(selection.filter).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}
