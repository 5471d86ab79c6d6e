/** One `run` from submission to the last end, across servers that go away and come back. */
import type { Client } from '../../client/client.ts';
import { Patience } from '../../client/reconnect.ts';
import { Problem } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { LotView } from '../../core/views.ts';
import { type Context, SERVER_STARTED } from '../context.ts';
import type { SourceJob } from '../intake/source-job.ts';
import { submitJobs, type Submitted } from '../submission.ts';
import { Board, type RunSeen } from './board.ts';
import { followToEnd } from './follow.ts';
import { type Progress, startProgress } from './progress.ts';
import { commonestWait } from './waiting.ts';

export interface RunSessionOptions {
  readonly context: Context;
  readonly jobs: readonly SourceJob[];
  readonly if_exists: 'same' | 'new_run';
  readonly on_invalid: 'refuse' | 'skip';
  /** A word that makes them fresh draws. */
  readonly fresh?: string | undefined;
  readonly signal: AbortSignal;
  /** Called once the first submission is accepted. */
  readonly onAccepted?: (submitted: Submitted) => void;
}

const PUBLISHED_WITHIN_MS = 10_000;
const ASKED_AGAIN_FOR_MS = 30_000;

export class RunSession {
  readonly board = new Board();
  readonly #options: RunSessionOptions;
  #submitted: Submitted | null = null;
  #startedServer = false;

  constructor(options: RunSessionOptions) {
    this.#options = options;
  }

  /** Null before the first submission was accepted. */
  get submitted(): Submitted | null {
    return this.#submitted;
  }

  /** Whether the server was started by this command, so that it goes on by itself and ends when it is idle. */
  get startedServer(): boolean {
    return this.#startedServer;
  }

  /** Resolves when every run has ended. */
  async toEnd(): Promise<void> {
    const { context, signal } = this.#options;
    const progress = await startProgress({
      deps: context.deps,
      board: this.board,
      quiet: context.out.isQuiet,
      waiting: async (stopped) => commonestWait(await context.client(), this.board, stopped),
    });
    try {
      await followToEnd({
        board: this.board,
        timers: context.deps.timers,
        signal,
        open: () => this.#open((text) => progress.say(text)),
        learn: (client, isAgain) => this.#learn(client, isAgain, progress),
        onChange: () => progress.update(),
        onLoss: () =>
          progress.say('The connection to the server was lost; looking for it again. Nothing is lost.'),
      });
    } finally {
      progress.stop();
    }
  }

  /** Asks something once all has ended; of another server, started if need be, where this one has gone meanwhile. */
  async ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    const { context, signal } = this.#options;
    const patience = new Patience(context.deps.timers, ASKED_AGAIN_FOR_MS);
    for (let client = await context.client(); ;) {
      try {
        return await question(client);
      } catch (error) {
        signal.throwIfAborted();
        await patience.wait(error, signal);
        client = await this.#open(context.out.notice.bind(context.out));
      }
    }
  }

  /** Result files are written right after the commit; a summary that names the folder waits for them. */
  async published(client: Client): Promise<void> {
    const { context, signal } = this.#options;
    const patience = new Patience(context.deps.timers, PUBLISHED_WITHIN_MS);
    try {
      while ((await client.stats({ signal })).unpublished > 0) {
        await patience.wait(new Problem('Overloaded', 'files are still being written'), signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Problem) || error.code !== 'Overloaded') throw error;
      context.out.notice('Some result files are still being written.');
    }
  }

  async #open(say: (text: string) => void): Promise<Client> {
    const { context, signal } = this.#options;
    if (context.isRemote) return context.client();
    const workspace = await context.needWorkspace();
    const { client, started, notice } = await context.deps.ensureServer(workspace, { signal });
    await context.adopt(client);
    if (started) {
      this.#startedServer = true;
      say(SERVER_STARTED);
    }
    if (notice !== null) say(notice);
    return client;
  }

  async #learn(client: Client, isAgain: boolean, progress: Progress): Promise<Iterable<RunSeen>> {
    if (isAgain && this.#submitted !== null) return this.#relearn(client, this.#submitted.answer);
    const { jobs, if_exists, on_invalid, fresh, signal, onAccepted } = this.#options;
    const submitted = await submitJobs({ client, jobs, if_exists, on_invalid, fresh, signal });
    this.#submitted = submitted;
    for (const warning of submitted.answer.warnings ?? []) progress.say(`warning: ${warning}`);
    onAccepted?.(submitted);
    return submitted.answer.jobs;
  }

  /** The same again is answered and not asked again. What became another job's name since is looked up run by run. */
  async #relearn(client: Client, first: LotView): Promise<Iterable<RunSeen>> {
    const { jobs, fresh, signal } = this.#options;
    // Sent again, a fresh draw would be the next run of a name that became another job's since.
    const sent = fresh === undefined ? jobs.map(({ job }) => job) : [];
    const again = await client.submitMany(sent, { on_invalid: 'skip', signal });
    const now = new Map<string, RunSeen>(again.jobs.map((run) => [formatRunRef(run), run]));
    const seen: RunSeen[] = [];
    for (const { name, run } of first.jobs) {
      const ref = formatRunRef({ name, run });
      const known = now.get(ref) ?? (await client.job(ref, { signal }));
      seen.push({ name, run, state: known.state });
    }
    return seen;
  }
}
