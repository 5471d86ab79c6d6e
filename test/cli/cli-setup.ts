/** The command line with a terminal, a time and a workspace of the test's own, against a server that the test scripts. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from '../../src/client/client.ts';
import type { CliDeps, FileReport, Sink, Workspace } from '../../src/cli/deps.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import type { Timers } from '../../src/core/ports/clock.ts';
import { systemFolderNames } from '../../src/platform/folder-names.ts';
import { jobOf, Lookup } from '../../src/workspace/lookup.ts';
import { temporaryFolder } from '../client/scripted-server.ts';
import { FakePromptd } from './fake-promptd.ts';

// Commander and libraries for colours look at the real streams when they are loaded, which opens these; they are the
// runner's and no leak.
for (const stream of [process.stdin, process.stdout, process.stderr]) stream.unref?.();

const NOW = Date.parse('2026-11-22T10:00:00.000Z');

/** Timers that stand still until the test lets time pass. */
export class HeldTimers implements Timers {
  readonly #due = new Map<object, { readonly at: number; readonly fn: () => void }>();
  now = NOW;
  /** Waits of this length or shorter end at once: those between tries to connect. */
  passing_ms = 0;

  after(ms: number, fn: () => void): { cancel(): void } {
    const key = {};
    if (ms <= this.passing_ms) {
      const immediate = setImmediate(fn);
      return { cancel: () => clearImmediate(immediate) };
    }
    this.#due.set(key, { at: this.now + ms, fn });
    return { cancel: () => this.#due.delete(key) };
  }

  soon(fn: () => void): void {
    setImmediate(fn);
  }

  advance(ms: number): void {
    this.now += ms;
    for (const [key, { at, fn }] of [...this.#due]) {
      if (at > this.now || !this.#due.delete(key)) continue;
      fn();
    }
  }
}

export class TextSink implements Sink {
  text = '';
  columns?: number;
  isTTY = false;
  readonly #waiting: { readonly has: (text: string) => boolean; readonly resolve: () => void }[] = [];
  #onError: ((error: NodeJS.ErrnoException) => void) | null = null;

  write(text: string): boolean {
    this.text += text;
    for (const one of [...this.#waiting]) {
      if (!one.has(this.text)) continue;
      this.#waiting.splice(this.#waiting.indexOf(one), 1);
      one.resolve();
    }
    return true;
  }

  once(): void {
    throw new Error('nobody waits for a sink that is never full');
  }

  on(_event: 'error', listener: (error: NodeJS.ErrnoException) => void): void {
    this.#onError = listener;
  }

  off(): void {
    this.#onError = null;
  }

  breaks(error: NodeJS.ErrnoException): void {
    this.#onError?.(error);
  }

  /** Resolves once the text has come. */
  shows(part: string): Promise<void> {
    if (this.text.includes(part)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ has: (text) => text.includes(part), resolve }));
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly timers: HeldTimers;
  readonly ended: Promise<Ran>;
  interrupt(): void;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly tty?: boolean;
  readonly columns?: number;
  readonly deps?: Partial<CliDeps>;
  readonly passing_ms?: number;
}

export class TestCli implements AsyncDisposable {
  readonly fake = new FakePromptd();
  readonly folder: string;
  readonly workspace: Workspace;
  /** How often a server had to be made sure of. */
  ensured = 0;
  /** Whether the server counts as started by the command. */
  starts = false;
  validated: readonly FileReport[] = [];
  readonly #clean: () => PromiseLike<void>;

  constructor(folder: string, clean: () => PromiseLike<void>) {
    this.folder = folder;
    this.#clean = clean;
    this.workspace = {
      root: folder,
      config_file: path.join(folder, 'promptd.config.json'),
      jobs_dir: path.join(folder, 'jobs'),
      results_dir: path.join(folder, 'results'),
      ended_dir: path.join(folder, 'ended'),
      socket: path.join(folder, 's'),
      server: () => Promise.resolve({ pid: 4242, url: 'http://127.0.0.1:7433', started_at: NOW }),
      key: () => Promise.resolve('pd_admin_x'),
      endpoints: () =>
        Promise.resolve({
          names: ['ollama', 'simulator'],
          kinds: new Map([
            ['ollama', 'ollama'],
            ['simulator', 'simulator'],
          ]),
          default_endpoint: 'ollama',
        }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fake.server.close();
    await this.#clean();
  }

  async file(name: string, content: unknown): Promise<void> {
    const whole = path.join(this.folder, name);
    await mkdir(path.dirname(whole), { recursive: true });
    await writeFile(whole, typeof content === 'string' ? content : JSON.stringify(content));
  }

  start(argv: readonly string[], options: RunOptions = {}): Running {
    const stdout = new TextSink();
    const stderr = new TextSink();
    if (options.columns !== undefined) stdout.columns = options.columns;
    stdout.isTTY = options.tty ?? false;
    stderr.isTTY = options.tty ?? false;
    const timers = new HeldTimers();
    timers.passing_ms = options.passing_ms ?? 0;
    let interrupt: () => void = () => undefined;
    const tty = options.tty ?? false;
    const deps: CliDeps = {
      argv,
      env: options.env ?? {},
      cwd: this.folder,
      version: '9.9.9',
      stdout,
      stderr,
      stdin: (async function* () {
        if (options.stdin !== undefined) yield options.stdin;
      })(),
      isTty: { stdin: tty, stdout: tty, stderr: tty },
      now: () => timers.now,
      timers,
      onInterrupt: (fn) => {
        interrupt = fn;
        return () => (interrupt = () => undefined);
      },
      findWorkspace: () => Promise.resolve(this.workspace),
      connect: () => Promise.resolve(connect({ url: this.fake.server.url }, timers)),
      ensureServer: () => {
        this.ensured++;
        return Promise.resolve({
          client: connect({ url: this.fake.server.url }, timers),
          started: this.starts,
          notice: null,
        });
      },
      serve: () => Promise.resolve(0),
      instance: () => Promise.resolve(0),
      init: () => Promise.reject(new Error('not in this test')),
      quickWorkspace: () => Promise.resolve(this.workspace),
      validate: () => Promise.resolve(this.validated),
      workOf: () => Promise.reject(new Error('not in this test')),
      openJob: () => Promise.reject(new Error('not in this test')),
      testEndpoint: () => Promise.reject(new Error('not in this test')),
      lookup: {
        resultsOf: (results, name) =>
          new Lookup({ layout: { results }, names: systemFolderNames }).resultsOf(name),
        jobOf: (file) => Promise.resolve(jobOf(file)),
      },
      rebuild: () => Promise.reject(new Error('not in this test')),
      examine: () => {
        throw new Error('not in this test');
      },
      verify: () => Promise.reject(new Error('not in this test')),
      ...options.deps,
    };
    const ended = runCli(deps).then((code) => ({ code, stdout: stdout.text, stderr: stderr.text }));
    return { stdout, stderr, timers, ended, interrupt: () => interrupt() };
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return this.start(argv, options).ended;
  }
}

/** A workspace in a folder of its own, its server listening. */
export async function setup(): Promise<TestCli> {
  const folder = await temporaryFolder();
  const cli = new TestCli(folder.path, () => folder[Symbol.asyncDispose]());
  await mkdir(cli.workspace.jobs_dir);
  await cli.fake.server.listen();
  return cli;
}

export function job(base: string): object {
  return { prompt: base, configuration: { LLM_name: 'llama3.2:3b' } };
}
