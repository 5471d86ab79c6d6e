/**
 * The users of a chaos run: they submit, one job or a lot, the same work under several names, the same job again, other work
 * under a name; cancel, retry and read; over HTTP, and now and then with the command line. What each sent and was told is
 * written down before anybody else could know of it.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { Problem } from '../../src/core/errors.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { BIN } from './fleet.ts';
import type { Asked, ChangeOp, Op, Outcome, ReadOp, SubmitOp, Told } from './history.ts';
import { IMPOSSIBLE } from './whims.ts';

/** What everybody knows of: names with what they stand for, and the runs that were acknowledged. */
export class Town {
  readonly history: Op[] = [];
  readonly names: Asked[] = [];
  readonly runs: { readonly name: string; readonly run: number }[] = [];
  /** Those that somebody saw end without an answer: what people retry. */
  readonly ended_badly: { readonly name: string; readonly run: number }[] = [];
  readonly #onOp: (op: Op) => void;

  constructor(onOp: (op: Op) => void) {
    this.#onOp = onOp;
  }

  record(op: Op): void {
    this.history.push(op);
    this.#onOp(op);
    for (const { name, run, state } of op.told)
      if (run !== null && (state === 'failed' || state === 'cancelled')) this.ended_badly.push({ name, run });
    if (op.op !== 'submit' || op.outcome !== 'ok') return;
    for (const { name, run } of op.told) if (run !== null) this.runs.push({ name, run });
  }
}

export interface UserOptions {
  readonly name: string;
  readonly town: Town;
  readonly client: Client;
  readonly random: SeededRandom;
  readonly workspace: string;
  /** Where job files for the command line lie, outside of jobs/. */
  readonly drafts: string;
  /** Between two acts, on average. */
  readonly pause_ms: number;
}

/** Longer than most stops of a server, shorter than all of them. */
const PATIENCE_MS = 6_000;
/** Names of late are more interesting than those of long ago. */
const RECENT = 60;

export class User {
  readonly #options: UserOptions;
  /** Submissions of which nobody knows what became. Most are handed in again as they are. */
  readonly #unanswered: (readonly Asked[])[] = [];
  #count = 0;

  constructor(options: UserOptions) {
    this.#options = options;
  }

  /** Acts until it is told to stop, and finishes what it has begun. */
  async live(stop: AbortSignal): Promise<void> {
    const { random, pause_ms } = this.#options;
    while (!stop.aborted) {
      const outcome = await this.#act(random.next());
      // Nobody there, or nobody who answers: like anybody else they wait a moment.
      const pause = Math.floor(random.next() * 2 * (outcome === 'unknown' ? 4 * pause_ms : pause_ms));
      await sleep(pause, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  #act(chance: number): Promise<Outcome> {
    const again = this.#unanswered.shift();
    if (again !== undefined && chance < 0.6) return this.#submit(again);
    if (chance < 0.32) return this.#submit([this.#newJob()]);
    if (chance < 0.4) return this.#submitLot();
    if (chance < 0.5) return this.#submit([this.#known()]);
    if (chance < 0.54) return this.#submit([{ ...this.#known(), question: this.#question() }]);
    if (chance < 0.59)
      return this.#submit([{ ...this.#known(), question: this.#question(), if_exists: 'new_run' }]);
    if (chance < 0.69) return this.#change('cancel');
    if (chance < 0.79) return this.#change('retry');
    if (chance < 0.98) return this.#read();
    return chance < 0.99 ? this.#submitByHand() : this.#changeByHand(chance < 0.995 ? 'cancel' : 'retry');
  }

  /** A name of its own; one question in four is somebody else's. */
  #newJob(): Asked {
    const { name, random, town } = this.#options;
    this.#count += 1;
    const shared = random.next() < 0.25 ? this.#oneOf(town.names)?.question : undefined;
    const job: Asked = {
      name: `${name}-${this.#count}`,
      question: shared ?? this.#question(),
      if_exists: 'same',
    };
    town.names.push(job);
    return job;
  }

  #question(): string {
    const { name, random } = this.#options;
    this.#count += 1;
    const endpoint = random.next() < 0.5 ? 'ollama' : 'openai';
    return `${random.next() < 0.03 ? `${IMPOSSIBLE} ` : ''}${endpoint} question ${name} ${this.#count}`;
  }

  #known(): Asked {
    return this.#oneOf(this.#options.town.names) ?? this.#newJob();
  }

  #oneOf<T>(all: readonly T[]): T | undefined {
    const from = Math.max(0, all.length - RECENT);
    return all[from + this.#options.random.below(all.length - from)];
  }

  #submitLot(): Promise<Outcome> {
    const jobs = Array.from({ length: 2 + this.#options.random.below(14) }, () => this.#newJob());
    return this.#submit(jobs);
  }

  async #submit(jobs: readonly Asked[]): Promise<Outcome> {
    const { client, town } = this.#options;
    const [only] = jobs;
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const op = await this.#tried('http', async () => {
      if (only !== undefined && jobs.length === 1)
        return [toldOf(await client.submit(jobOf(only), { signal }))];
      const lot = await client.submitMany(jobs.map(jobOf), { signal });
      return lot.jobs.map(({ name, run, state }) => ({ name, run, state, digest: null }));
    });
    town.record({ ...op, op: 'submit', jobs } satisfies SubmitOp);
    if (op.outcome === 'unknown') this.#unanswered.push(jobs);
    return op.outcome;
  }

  async #submitByHand(): Promise<Outcome> {
    const { drafts, town } = this.#options;
    const job = this.#newJob();
    const file = join(drafts, `${job.name}.json`);
    const { name: _name, if_exists: _exists, ...content } = jobOf(job);
    await writeFile(file, JSON.stringify(content));
    const op = await this.#tried('cli', async () => {
      await this.#promptd('submit', file);
      return [{ name: job.name, run: null, state: null, digest: null }];
    });
    town.record({ ...op, op: 'submit', jobs: [job] } satisfies SubmitOp);
    return op.outcome;
  }

  /** Now and then something that cannot be changed. */
  #toChange(what: ChangeOp['op']): { readonly name: string; readonly run: number } | undefined {
    const { town, random } = this.#options;
    const badly = what === 'retry' && random.next() < 0.8;
    return this.#oneOf(badly ? town.ended_badly : town.runs);
  }

  async #change(what: ChangeOp['op']): Promise<Outcome> {
    const { client, town } = this.#options;
    const ref = this.#toChange(what);
    if (ref === undefined) return 'refused';
    const options = { signal: AbortSignal.timeout(PATIENCE_MS) };
    const op = await this.#tried('http', async () => [
      toldOf(await (what === 'cancel' ? client.cancel(ref, options) : client.retry(ref, options))),
    ]);
    town.record({ ...op, op: what, ...ref } satisfies ChangeOp);
    return op.outcome;
  }

  async #changeByHand(what: ChangeOp['op']): Promise<Outcome> {
    const { town } = this.#options;
    const ref = this.#toChange(what);
    if (ref === undefined) return 'refused';
    const op = await this.#tried('cli', async () => {
      await this.#promptd(what, `${ref.name}@${ref.run}`);
      return [];
    });
    town.record({ ...op, op: what, ...ref } satisfies ChangeOp);
    return op.outcome;
  }

  async #read(): Promise<Outcome> {
    const { client, town } = this.#options;
    const ref = this.#oneOf(town.runs);
    if (ref === undefined) return 'refused';
    const options = { signal: AbortSignal.timeout(PATIENCE_MS) };
    let text: string | null = null;
    const op = await this.#tried('http', async () => {
      const job = await client.job(ref, options);
      if (job.state === 'completed') ({ result: text } = await client.result(ref, options));
      return [toldOf(job)];
    });
    town.record({ ...op, op: 'read', name: ref.name, text } satisfies ReadOp);
    return op.outcome;
  }

  async #tried(
    via: 'http' | 'cli',
    act: () => Promise<readonly Told[]>,
  ): Promise<Omit<SubmitOp, 'op' | 'jobs'>> {
    const base = { user: this.#options.name, via, sent_at: performance.now() };
    try {
      const told = await act();
      return { ...base, answered_at: performance.now(), outcome: 'ok' as const, code: null, told };
    } catch (error) {
      const [outcome, code] = outcomeOf(error);
      return { ...base, answered_at: performance.now(), outcome, code, told: [] };
    }
  }

  /** Rejects with a Problem that carries what the command said, where it ended badly. */
  async #promptd(...args: readonly string[]): Promise<void> {
    const { workspace } = this.#options;
    const env = { ...process.env, ...(await overTcp(workspace)) };
    const options = { cwd: workspace, env, timeout: 4 * PATIENCE_MS, killSignal: 'SIGKILL' } as const;
    await new Promise<void>((resolve, reject) => {
      execFile(process.execPath, [BIN, ...args], options, (error, _stdout, stderr) => {
        if (error === null) resolve();
        else
          reject(error.code === 6 ? new Problem('WrongState', stderr) : new Problem('Unreachable', stderr));
      });
    });
  }
}

/** By address and key: within its workspace a command would start a server where it finds none, which nobody here would know. */
async function overTcp(workspace: string): Promise<Readonly<Record<string, string>>> {
  const state = (file: string): Promise<string> => readFile(join(workspace, '.promptd', file), 'utf8');
  const { url } = JSON.parse(await state('server.json')) as { readonly url: string };
  return { PROMPTD_URL: url, PROMPTD_KEY: (await state('admin.key')).trim() };
}

/** Answers after which nothing can have happened; every other one leaves that open. */
const REFUSALS: ReadonlySet<string> = new Set(['NameTaken', 'WrongState', 'NotFound']);

function outcomeOf(error: unknown): readonly [Outcome, string] {
  if (!(error instanceof Problem)) return ['unknown', error instanceof Error ? error.name : 'unknown'];
  return [REFUSALS.has(error.code) ? 'refused' : 'unknown', error.code];
}

function toldOf(view: { name: string; run: number; state: Told['state']; digest: string }): Told {
  return { name: view.name, run: view.run, state: view.state, digest: view.digest };
}

/** Time limits short enough for models that stall; no name of a question leads to two configurations. */
function jobOf({ name, question, if_exists }: Asked): JobIn {
  const endpoint = question.includes('openai') ? 'openai' : 'ollama';
  return {
    name,
    prompt: question,
    configuration: { LLM_name: `${endpoint}:test-model`, temperature: 0 },
    options: { timeout: '20s', first_token_timeout: '3s', stall_timeout: '2s' },
    if_exists,
  };
}
