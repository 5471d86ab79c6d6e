/**
 * What the command line is given from outside: the terminal, the time, and everything that starts something. `app` hands in
 * the real ones, tests hand in their own.
 */
import type { Client } from '../client/client.ts';
import type { AttemptObserver } from '../core/attempt.ts';
import type { EndpointKind, Isolation } from '../core/endpoints.ts';
import type { Work } from '../core/differences.ts';
import type { Fault } from '../core/errors.ts';
import type { Finding } from '../core/examination.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Rebuilt, RebuildObserver } from '../core/rebuilding.ts';
import type { Usage } from '../core/usage.ts';
import type { Verified, VerifyObserver } from '../core/verification.ts';

/** Where data or notices go: a writable stream, as far as it is used. */
export interface Sink {
  /** False where the reader is slow: wait for 'drain' before writing much more. */
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  off(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  readonly columns?: number | undefined;
}

/** A folder with promptd.config.json, found. Paths are absolute. */
export interface Workspace {
  readonly root: string;
  readonly config_file: string;
  readonly jobs_dir: string;
  readonly results_dir: string;
  readonly ended_dir: string;
  readonly socket: string;
  /** The server that holds the workspace now, as `.promptd/server.json` says; null where none runs. */
  server(): Promise<ServerInfo | null>;
  /** The admin key, where this user may read it. */
  key(): Promise<string | null>;
  /** Names of the configured endpoints, and the one for models that name none: what a job is checked against. */
  endpoints(): Promise<EndpointNames>;
}

export interface ServerInfo {
  readonly pid: number;
  /** Base URL of its HTTP server on TCP. */
  readonly url: string;
  /** Unix ms. */
  readonly started_at: number;
}

export interface EndpointNames {
  readonly names: readonly string[];
  /** Of what kind each is, by name. */
  readonly kinds: ReadonlyMap<string, EndpointKind>;
  readonly default_endpoint: string | null;
}

export interface ServeOptions {
  readonly workspace: Workspace;
  readonly host?: string;
  readonly port?: number;
  readonly instances_port?: number;
  readonly slots?: number;
  /** End when there was nothing to do for a while: how `run` starts a server. */
  readonly detached: boolean;
}

export interface InstanceOptions {
  /** `host:port` of a server's instance port. */
  readonly connect: string;
  readonly name?: string;
  readonly slots?: number;
  readonly endpoints?: readonly string[];
  /** Over what its configuration says. */
  readonly isolation?: Isolation;
  /** The folder whose scripts it may run and whose configuration it reads; null: none. */
  readonly workspace: Workspace | null;
}

export interface InitOptions {
  readonly model?: string;
}

export interface InitReport {
  readonly root: string;
  /** Relative to root, in the order in which they were written. */
  readonly written: readonly string[];
  /** What was there already and was left as it is. */
  readonly kept: readonly string[];
  /** The model of the example job, and whether it is the stand-in that answers without a model. */
  readonly model: string;
  readonly simulated: boolean;
  /** Sentences worth reading, e.g. that no Ollama answered. */
  readonly notes: readonly string[];
}

/** What is wrong with one job file; no faults: it is right. */
export interface FileReport {
  readonly file: string;
  readonly faults: readonly Fault[];
  /** How many jobs stand in it. */
  readonly jobs: number;
}

/** A job that one attempt is to be made of, here and without a server. */
export interface ExecuteOptions {
  /** Null: the job belongs to none. Then its links begin at `folder`, where its result goes to `results/`. */
  readonly workspace: Workspace | null;
  /** The folder of the job's file, absolute. */
  readonly folder: string;
  /** As it would be submitted. */
  readonly job: unknown;
  /** Its file, by the path from `jobs/`; null where it came from stdin. */
  readonly link: string | null;
  /** Whether commands may run, whatever the configuration says. */
  readonly allow_exec: boolean;
}

/** What is said besides while an attempt is made. */
export interface ExecuteObserver extends AttemptObserver {
  notice(sentence: string): void;
}

/** How an attempt ended. */
export type Executed =
  /** `result` is what stands in the file. */
  | { readonly kind: 'answered'; readonly result: JsonObject; readonly file: string }
  /** It was answered, but the file could not be written. */
  | { readonly kind: 'unwritten'; readonly result: JsonObject; readonly trouble: string }
  | { readonly kind: 'failed'; readonly reason: { readonly code: ReasonCode; readonly message: string } }
  | { readonly kind: 'stopped' };

/** What an attempt would do; secrets are `***` in it. */
export type RehearsedCall =
  | {
      readonly kind: 'http';
      readonly method: string;
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Json;
    }
  | {
      readonly kind: 'program';
      readonly argv: readonly string[];
      readonly stdin: string;
      readonly env: Readonly<Record<string, string>>;
    }
  /** Nothing leaves promptd as a request: the simulator, and AI packages. */
  | { readonly kind: 'own'; readonly parameters: JsonObject };

export type Rehearsed =
  | {
      readonly kind: 'rehearsed';
      /** The messages as they would be sent. */
      readonly prompt: Json;
      readonly call: RehearsedCall;
      /** Commands are off here: it would end with ExecOff. */
      readonly exec_off: boolean;
    }
  | Extract<Executed, { readonly kind: 'failed' | 'stopped' }>;

/** A job that was read and checked as the server does it. */
export interface ReadyJob {
  readonly name: string;
  readonly digest: string;
  readonly link: string;
  readonly endpoint: string;
  /** Null where the endpoint is not configured here. */
  readonly endpoint_kind: EndpointKind | null;
  readonly model: string;
  /** What was noticed and did not refuse it. */
  readonly warnings: readonly string[];
  /** Folder of its result, absolute. */
  readonly results_dir: string;
  /** Makes one attempt. Rejects with Problem WrongState where the workspace's server has the same work to do. */
  attempt(observer: ExecuteObserver, signal: AbortSignal): Promise<Executed>;
  /** Does everything but the call: scripts run, the command's own program does not, and nobody is asked. */
  rehearse(observer: AttemptObserver, signal: AbortSignal): Promise<Rehearsed>;
}

export type OpenedJob =
  | { readonly ok: true; readonly job: ReadyJob }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export interface EndpointTestOptions {
  /** Null: the endpoints that are there by themselves. */
  readonly workspace: Workspace | null;
  readonly endpoint: string;
  /** Null: one that the endpoint lists. */
  readonly model: string | null;
}

/** What came of one tiny call. */
export type EndpointTest = {
  readonly endpoint: string;
  readonly kind: EndpointKind;
  /** Host of the first server; null where the kind has none. */
  readonly server: string | null;
  /** Null where the call did not come so far. */
  readonly model: string | null;
} & (
  | {
      readonly ok: true;
      readonly answer: string;
      readonly model_answered: string | null;
      readonly finish_reason: string;
      readonly first_token_ms: number | null;
      readonly total_ms: number;
      readonly usage: Usage | null;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly reason: { readonly code: ReasonCode; readonly message: string } }
);

/** Results and jobs by file names; no file is opened. */
export interface ResultLookup {
  /** The oldest first. */
  resultsOf(
    results_dir: string,
    name: string,
  ): Promise<readonly { readonly file: string; readonly epoch: number; readonly name: string }[]>;
  /** The job file of a result file; null where it is not named as one. */
  jobOf(result_file: string): Promise<string | null>;
}

export interface VerifyOptions {
  readonly workspace: Workspace;
  /** Only what belongs to this run; null: everything. */
  readonly only: { readonly name: string; readonly run: number } | null;
}

/** What a job asks, and its digest. */
export type WorkOrFaults =
  | { readonly ok: true; readonly digest: string; readonly work: Work }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export type ConnectTarget =
  /** PROMPTD_URL and PROMPTD_KEY where they are set, else the workspace's own socket. */
  { readonly workspace: Workspace | null };

export interface EnsuredServer {
  readonly client: Client;
  /** Whether it was started by this call. */
  readonly started: boolean;
  /** What is to be known of one that was there already; null: nothing. */
  readonly notice: string | null;
}

export interface CliDeps {
  /** Arguments behind the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly isTty: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** Wall time, Unix ms. */
  now(): number;
  readonly timers: Timers;
  /** Calls back at each Ctrl-C, instead of ending the process, until the function it returns is called. */
  onInterrupt(fn: () => void): () => void;
  /** Upwards from `start`, or exactly `explicit`. Rejects with `NoWorkspace` where `explicit` is none, `InvalidConfig` where one cannot be read. */
  findWorkspace(start: string, explicit?: string): Promise<Workspace | null>;
  /** Rejects with `NoWorkspace` where neither names a server. Whether one answers shows at the first call. */
  connect(target: ConnectTarget): Promise<Client>;
  /** Starts a detached server where none answers, and waits until it does. */
  ensureServer(workspace: Workspace, options: { readonly signal?: AbortSignal }): Promise<EnsuredServer>;
  /** Runs until it is told to stop; resolves with the exit code. */
  serve(options: ServeOptions): Promise<number>;
  instance(options: InstanceOptions): Promise<number>;
  init(dir: string, options: InitOptions): Promise<InitReport>;
  /** A workspace of the user's own for jobs that belong to none: `run -m MODEL -p PROMPT`. */
  quickWorkspace(): Promise<Workspace>;
  /** Checks files as the server would, prompts built, without one. */
  validate(workspace: Workspace | null, files: readonly string[]): Promise<readonly FileReport[]>;
  /** What a job asks, made as the server would, without one. */
  workOf(workspace: Workspace | null, job: unknown): Promise<WorkOrFaults>;
  /** Reads and checks a job of which one attempt is to be made without a server. */
  openJob(options: ExecuteOptions): Promise<OpenedJob>;
  /** Asks an endpoint something tiny, from here. Rejects with `NotFound` where there is none of that name; null where the signal ended it. */
  testEndpoint(options: EndpointTestOptions, signal: AbortSignal): Promise<EndpointTest | null>;
  readonly lookup: ResultLookup;
  /** Makes the database from the folders. Rejects with `WorkspaceHeld` beside a server, `WrongState` where there is one. */
  rebuild(workspace: Workspace, observer: RebuildObserver): Promise<Rebuilt>;
  /** Looks at the machine and the workspace. */
  examine(workspace: Workspace): AsyncIterable<Finding>;
  /** Hashes what is stored once more. Resolves with what was looked at by then where the signal ends it; rejects with `StoreRefused` where the database does not open. */
  verify(options: VerifyOptions, observer: VerifyObserver, signal: AbortSignal): Promise<Verified>;
}
