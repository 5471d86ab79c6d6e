/** Whoever drops files into `jobs/`, and servers that live for a while beside it until they are killed. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { expect } from 'vitest';
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { type Content, pick } from './dropped-jobs.ts';
import type { Lot, Step } from './dropped-plan.ts';
import type { Machine } from './machine.ts';

export const PATIENCE_MS = 120_000;

/** Puts files there and remembers what was put. */
export class Dropper {
  readonly #machine: Machine;
  /** What stands, or should, under each name. */
  readonly put = new Map<string, Content>();
  #moved = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    mkdirSync(machine.path('jobs'), { recursive: true });
  }

  do(step: Step): void {
    const { file } = step;
    const path = this.#machine.path('jobs', file);
    const before = this.put.get(file);
    if (step.do === 'remove') {
      rmSync(path, { recursive: true });
      this.put.delete(file);
    } else if (step.do === 'append') {
      appendFileSync(path, step.content);
      this.put.set(file, Buffer.concat([before instanceof Buffer ? before : Buffer.alloc(0), step.content]));
    } else {
      if (step.do === 'write') writeFileSync(path, step.content);
      else this.#move(path, step.content);
      this.put.set(file, step.content);
    }
  }

  #move(path: string, content: Content): void {
    if (content === 'directory') return mkdirSync(path);
    this.#moved += 1;
    const made = this.#machine.path(`made-${this.#moved}.tmp`);
    if (content === 'symlink') symlinkSync(this.#machine.path('promptd.config.json'), made);
    else if (content === 'fifo') execFileSync('mkfifo', [made]);
    else writeFileSync(made, content === 'too large' ? '' : content);
    if (content === 'too large') truncateSync(made, LIMITS.job_bytes_max + 1);
    renameSync(made, path);
  }
}

/** Where a server kills itself; each is hit whenever files are taken, asked and published. */
const POINTS: readonly CrashPointName[] = [
  'watcher.before_submit',
  'watcher.after_submit',
  'submit.before_turn',
  'submit.before_answer',
  'turn.before_commit',
  'store.in_commit',
  'turn.after_commit',
  'turn.before_claim',
  'turn.before_acknowledge',
  'turn.before_dispatch',
  'turn.after_dispatch',
  'events.before_fan_out',
  'publisher.after_temp',
  'publisher.before_link',
  'publisher.after_link',
  'publisher.before_unlink',
  'publisher.before_sync',
  'publisher.after_sync',
  'publisher.after_report',
];
const HITS_MAX = 6;
const BURST_MAX = 250;

export interface LivesOptions {
  readonly machine: Machine;
  readonly dropper: Dropper;
  readonly random: SeededRandom;
  /** Whether instances are killed, too. */
  readonly kills_instances: boolean;
  /** Different works that were asked before the plan of these lots. */
  readonly works_before: number;
  readonly say: (line: string) => void;
}

/** Drops one lot, in bursts, before and while a server lives that is killed at a place or moment of chance. */
export async function liveAndDie(lot: Lot, options: LivesOptions): Promise<void> {
  const { machine, dropper, random, kills_instances, say } = options;
  const { steps } = lot;
  const works = options.works_before + lot.works;
  const early = random.below(Math.ceil(steps.length / 2));
  for (const step of steps.slice(0, early)) dropper.do(step);
  const crash = random.below(2) === 0 ? `${pick(random, POINTS)}:${1 + random.below(HITS_MAX)}` : null;
  const server = machine.spawn(['serve'], crash === null ? {} : { PROMPTD_CRASH_AT: crash });
  const isDead = (): boolean => server.exitCode !== null || server.signalCode !== null;
  const client = machine.client();
  const answers = async (): Promise<boolean> => (await client.folder().catch(() => null)) !== null;
  for (let at = early; at < steps.length;) {
    const to = at + 1 + random.below(BURST_MAX);
    for (const step of steps.slice(at, to)) dropper.do(step);
    at = to;
    // Others, the model among them, get their turn; the next burst comes at once, or when the server had time for a word.
    if (random.below(2) === 0) await breathe();
    else await until('the server to answer', async () => isDead() || (await answers()), PATIENCE_MS);
  }
  if (kills_instances) {
    await askedMore(options, works, isDead);
    for (const pid of await machine.localInstances()) killIfThere(pid);
  }
  await askedMore(options, works, isDead);
  const by_itself = isDead();
  server.kill('SIGKILL');
  await until('the server to be gone', isDead);
  expect([server.exitCode, server.signalCode], crash ?? 'killed').toEqual([null, 'SIGKILL']);
  client.close();
  if (kills_instances && random.below(2) === 0) await machine.endOrphans();
  say(
    `${crash ?? 'a moment'}${by_itself ? ', by itself' : ''}; ${machine.model.requests.length} requests so far`,
  );
}

/** Until a random share of what is dropped and not asked yet was asked. */
async function askedMore(
  { machine, random }: LivesOptions,
  works: number,
  isDead: () => boolean,
): Promise<void> {
  const { requests } = machine.model;
  const wanted = requests.length + random.below(Math.max(1, works - requests.length));
  await until('more to be asked', () => isDead() || requests.length >= wanted, PATIENCE_MS);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in this moment.
  }
}
