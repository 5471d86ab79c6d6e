/**
 * One fixed scenario of seventeen jobs that comes by every crash point: both protocols, a batch, a prompt that a script makes, the
 * same work under two names, a cancel of what runs, a job with a time to run at, a retry after an error and one after a 429, a
 * job that cannot succeed, and files that are dropped into jobs/: a job, a batch, the same work again, and a wrong one.
 * Whoever is killed in it is started again; whoever speaks to it asks again until there is an answer, and knows nothing of it.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { Problem } from '../../src/core/errors.ts';
import { CRASH_POINTS, type CrashPointName } from '../../src/core/ports/crashpoint.ts';
import { hasEnded } from '../../src/core/states.ts';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { type Machine } from './machine.ts';
import { until } from '../support/until.ts';

/** `local`: `serve` with its child. `remote`: `serve` without one, and an instance that is started by itself. */
export type Setting = 'local' | 'remote';

/** What its machine is set up with. */
export const SETUP = { endpoints: ['paced'], config: { watch: { enabled: true } } };

/** Far enough away to be still ahead when the submission is decided. */
const LATER_MS = 1_000;
const PATIENCE_MS = 60_000;

/** What is asked, by name. A prompt is as good as a name: each job has its own, but for the follower. */
export const JOBS = {
  plain: 'ollama:test-model',
  other: 'openai:test-model',
  scripted: 'openai:test-model',
  'lot-1': 'ollama:test-model',
  'lot-2': 'openai:test-model',
  'lot-3': 'ollama:test-model',
  flaky: 'openai:test-model',
  throttled: 'paced:test-model',
  later: 'ollama:test-model',
  leader: 'ollama:test-model',
  follower: 'ollama:test-model',
  unwanted: 'openai:test-model',
  wrong: 'ollama:test-model',
  dropped: 'ollama:test-model',
  'lines.a': 'openai:test-model',
  'lines.b': 'ollama:test-model',
  twin: 'ollama:test-model',
} as const;
export type Name = keyof typeof JOBS;

/** Whose answer it takes, of work that another has asked. */
export const SHARED: Partial<Record<Name, Name>> = { follower: 'leader', twin: 'dropped' };

function linesOf(...names: Name[]): string {
  const lines = names.map((name) => JSON.stringify({ ...droppedJob(name), key: name.split('.')[1] }));
  return `${lines.join('\n')}\n`;
}

function droppedJob(name: Name): object {
  return { prompt: promptOf(name), configuration: { LLM_name: JOBS[name], temperature: 0 } };
}

/** What is put into jobs/, by the names of the files. */
export const DROPPED = {
  'dropped.json': `${JSON.stringify(droppedJob('dropped'), null, 1)}\n`,
  'lines.jsonl': linesOf('lines.a', 'lines.b'),
  'twin.json': `${JSON.stringify(droppedJob('twin'))}\n`,
  'misspelled.json': '{"promt": "What?", "configuration": {"LLM_name": "ollama:test-model"}}\n',
} as const;

/** Made elsewhere an hour ago, and moved in: no file must rest any more. */
function drop(machine: Machine, file: keyof typeof DROPPED): void {
  const made = machine.path(`.${file}.tmp`);
  const hour_ago = Date.now() / 1_000 - 3_600;
  writeFileSync(made, DROPPED[file]);
  utimesSync(made, hour_ago, hour_ago);
  mkdirSync(machine.path('jobs'), { recursive: true });
  renameSync(made, machine.path('jobs', file));
}

/** Prints a prompt that is another one at each attempt; the question in it is that of {@link promptOf}. */
const SCRIPT = 'prompts/ask.sh';

function writeScript(machine: Machine): void {
  const messages = `{"messages": [{"role": "system", "content": "I am $$"}, {"role": "user", "content": "${promptOf('scripted')}"}]}`;
  mkdirSync(machine.path('prompts'));
  writeFileSync(machine.path(SCRIPT), `#!/bin/sh\ncat <<END\n${messages}\nEND\n`, { mode: 0o755 });
}

export function promptOf(name: Name): string {
  return `What is ${SHARED[name] ?? name}?`;
}

function jobOf(name: Name, later: string): JobIn {
  return {
    name,
    prompt: name === 'scripted' ? { script: SCRIPT } : promptOf(name),
    configuration: { LLM_name: JOBS[name], temperature: 0 },
    ...(name.startsWith('lot-') ? { batch: 'lot' } : {}),
    ...(name === 'later' ? { options: { run_at: later } } : {}),
  };
}

/** A process that is started again whenever it is killed, with the same environment. */
class Kept {
  readonly ends: string[] = [];
  readonly #spawn: () => ChildProcess;
  readonly #machine: Machine;
  #child: ChildProcess;
  #given_up = false;

  constructor(machine: Machine, spawn: () => ChildProcess) {
    this.#machine = machine;
    this.#spawn = spawn;
    this.#child = this.#start();
  }

  #start(): ChildProcess {
    const child = this.#spawn();
    // Told before the child is ended with the test: whoever starts it again would leave it running.
    this.#machine.onFinished(() => {
      this.#given_up = true;
    });
    child.once('exit', (code, signal) => {
      this.ends.push(signal ?? `exit ${code}`);
      if (!this.#given_up && this.ends.length < 3) this.#child = this.#start();
    });
    return child;
  }

  /** Asks it to end; resolves with its exit code. */
  async stop(): Promise<number | null> {
    this.#given_up = true;
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
    return child.exitCode;
  }
}

export interface Played {
  /** `name@run` of what was acknowledged. */
  readonly acknowledged: ReadonlySet<string>;
  /** How `serve`, and the remote instance where there is one, ended: the last by being asked to. */
  readonly ends: readonly (readonly string[])[];
  readonly exit_codes: readonly (number | null)[];
  /** How often each point was hit, over all processes. */
  readonly hits: ReadonlyMap<CrashPointName, number>;
  readonly killed: readonly string[];
}

/** `crash_at`: `point:hit`, for the first process that gets there; null: nobody is killed. */
export async function play(machine: Machine, setting: Setting, crash_at: string | null): Promise<Played> {
  writeScript(machine);
  const log = machine.path('.crash-log');
  const env = { PROMPTD_CRASH_LOG: log, ...(crash_at === null ? {} : { PROMPTD_CRASH_AT: crash_at }) };
  const kept = [
    new Kept(machine, () =>
      machine.spawn(['serve'], setting === 'local' ? env : { PROMPTD_SLOTS: '0', PROMPTD_CRASH_LOG: log }),
    ),
  ];
  const user = new User(machine);
  if (setting === 'remote') {
    const address = await user.instancesAddress();
    const args = ['instance', '--connect', address, '--name', 'far'];
    kept.push(new Kept(machine, () => machine.spawn(args, env)));
  }
  await user.askAll();
  await logCopied(machine);
  const lines = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []);
  const killed = (): string[] => lines().filter((line) => line.startsWith('killed at '));
  if (crash_at !== null) await patiently(`somebody to be killed at ${crash_at}`, () => killed().length > 0);
  // Whoever was killed last may only be starting, and would not know yet how to end.
  await user.connected(setting === 'remote' ? 'far' : 'local');
  const exit_codes: (number | null)[] = [];
  for (const one of kept) exit_codes.push(await one.stop());
  return {
    acknowledged: user.acknowledged,
    ends: kept.map(({ ends }) => ends),
    exit_codes,
    hits: new Map(CRASH_POINTS.map((point) => [point, lines().filter((line) => line === point).length])),
    killed: killed(),
  };
}

/** Beside others on a small machine, a process may take long to start. */
function patiently(what: string, wanted: () => Promise<boolean> | boolean): Promise<void> {
  return until(what, wanted, PATIENCE_MS);
}

/** The database's log is copied once nothing is committed for a while; that has points of its own. */
async function logCopied(machine: Machine): Promise<void> {
  const log = machine.path('.promptd', 'queue.db-wal');
  await patiently(
    "the database's log to be copied",
    () => statSync(log, { throwIfNoEntry: false })?.size === 0,
  );
}

class User {
  readonly acknowledged = new Set<string>();
  /** When `later` is to run: fixed when it is first submitted, and said again in the same words. */
  #later = '';
  readonly #machine: Machine;
  readonly #client: Client;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#client = machine.client();
    const { model } = machine;
    model.script(promptOf('flaky'), [{ status: 500 }, {}]);
    model.script(promptOf('throttled'), [{ status: 429, retry_after: '1' }, {}]);
    model.script(promptOf('leader'), { hold: 'headers' });
    model.script(promptOf('unwanted'), { stall: 'headers' });
    model.script(promptOf('wrong'), { status: 400, error: 'no such parameter' });
  }

  async instancesAddress(): Promise<string> {
    const file = this.#machine.path('.promptd', 'server.json');
    await patiently('serve to announce itself', () => existsSync(file));
    const text = readFileSync(file, 'utf8');
    const { instances } = JSON.parse(text) as { instances: { host: string; port: number } };
    return `${instances.host}:${instances.port}`;
  }

  /** Somebody serves, and this instance is there. */
  async connected(name: string): Promise<void> {
    await patiently(`${name} to be connected`, async () => {
      const instances = await this.#asked((client) => client.instances());
      return instances.some((one) => one.name === name && one.state === 'connected');
    });
  }

  async askAll(): Promise<void> {
    // Each file is taken before the next one comes.
    drop(this.#machine, 'dropped.json');
    await this.#submit('plain');
    await this.#ended('plain');
    await this.#taken('dropped');
    drop(this.#machine, 'lines.jsonl');
    await this.#submit('other', 'scripted');
    await this.#ended('other', 'scripted');
    await this.#submit('lot-1', 'lot-2', 'lot-3');
    await this.#ended('lot-1', 'lot-2', 'lot-3', 'dropped');
    await this.#taken('lines.a', 'lines.b');
    drop(this.#machine, 'twin.json');
    drop(this.#machine, 'misspelled.json');
    await this.#sameWorkTwice();
    await this.#cancelsWhatRuns();
    this.#later = new Date(Date.now() + LATER_MS).toISOString();
    await this.#submit('throttled', 'wrong', 'later');
    await this.#ended('throttled', 'wrong', 'later');
    await this.#submit('flaky');
    await this.#taken('twin');
    await this.#ended('flaky', 'lines.a', 'lines.b', 'twin');
    const rejected = this.#machine.path('rejected');
    await patiently('a wrong file to be reported', () => readdirSync(rejected).length > 0);
  }

  async #taken(...names: Name[]): Promise<void> {
    for (const name of names) {
      await patiently(`${name} to be taken`, async () => {
        const { jobs } = await this.#asked((client) => client.jobsPage({ prefix: name }));
        return jobs.length > 0;
      });
      this.acknowledged.add(`${name}@1`);
    }
  }

  async #sameWorkTwice(): Promise<void> {
    await this.#submit('leader');
    await this.#asking('leader');
    await this.#submit('follower');
    const releasing = setInterval(() => this.#machine.model.release(), 20);
    await this.#ended('leader', 'follower').finally(() => clearInterval(releasing));
  }

  async #cancelsWhatRuns(): Promise<void> {
    await this.#submit('unwanted');
    await this.#asking('unwanted');
    await this.#asked((client) => client.cancelMany({ names: ['unwanted'] }));
    await this.#ended('unwanted');
  }

  async #asking(name: Name): Promise<void> {
    await patiently(`${name} to be asked`, () => this.#machine.model.count(promptOf(name)) > 0);
  }

  async #submit(...names: Name[]): Promise<void> {
    const jobs = names.map((name) => jobOf(name, this.#later));
    const { jobs: answers } = await this.#asked((client) => client.submitMany(jobs));
    for (const answer of answers) this.acknowledged.add(`${answer.name}@${answer.run}`);
  }

  async #ended(...names: Name[]): Promise<void> {
    for (const name of names) {
      await patiently(`${name} to end`, async () => {
        const { state } = await this.#asked((client) => client.job(name, { wait: 5 }));
        return hasEnded(state);
      });
    }
  }

  /** The answer of whoever serves; asked again while nobody does. */
  async #asked<T>(ask: (client: Client) => Promise<T>): Promise<T> {
    let answer: { readonly value: T } | null = null;
    await patiently('an answer', async () => {
      answer = await ask(this.#client).then(
        (value) => ({ value }),
        (error: unknown) => {
          if (error instanceof Problem && error.code === 'Unreachable') return null;
          throw error;
        },
      );
      return answer !== null;
    });
    return (answer as unknown as { readonly value: T }).value;
  }
}
