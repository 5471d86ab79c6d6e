/**
 * Draws the list of actions of a seed. Each seed has a mood of its own (which faults, how many questions, how patient), so
 * that some runs are all about one thing; nothing here depends on what happens in the run.
 */
import { sha256 } from '../../src/core/identity.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { Action, JobWish, Part } from './actions.ts';
import { FAULTS, type FaultKind } from './faults.ts';
import { Losing } from './losing.ts';
import { BAD } from './model.ts';
import { Copying } from './copying.ts';
import { Dropping } from './dropping.ts';
import { DESK } from './packages.ts';
import { Redrawing } from './redrawing.ts';
import { SERVERS } from './world.ts';

interface Mood {
  readonly faults: readonly FaultKind[];
  readonly faults_per_turn: number;
  /** So many different questions are asked at first: few are shared much. */
  readonly questions: number;
  readonly patience_ms: number;
  /** Of the names that are cancelled, retried and asked again: the last so many. */
  readonly attention: number;
  readonly max_attempts: number;
}

const LATE: FaultKind = 'an instance is cut off, and what it has answered fails elsewhere';

/** What takes an effort to meet comes more often. */
const OFTEN: readonly FaultKind[] = [
  'the server ends at a crash point',
  'the server ends at a crash point',
  'an instance ends at a crash point',
  LATE,
];

/** Part of the jobs whose prompt a script makes. */
const SCRIPTS = 0.12;
/** Part of the jobs that an AI package is asked. */
const DESKS = 0.12;

/** A number in [0, 1) that a text stands for: no draw, so what is drawn stays what it was. */
function shareOf(text: string): number {
  return Number.parseInt(sha256(text).slice(0, 8), 16) / 2 ** 32;
}

function endpointOf(random: SeededRandom, desk: boolean): string {
  const drawn = SERVERS[random.below(SERVERS.length)]?.name ?? 'fast';
  return desk ? DESK : drawn;
}

export function schedule(seed: number, turns: number, faults?: readonly FaultKind[]): Action[] {
  return new Scheduling(seed, faults).draw(turns);
}

class Scheduling {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #mood: Mood;
  readonly #actions: Action[] = [];
  readonly #jobs: JobWish[] = [];
  readonly #paused = new Set<string>();
  /** What is broken, with the turn in which it is mended. */
  readonly #broken = new Map<Part, number>();
  readonly #dropping: Dropping;
  readonly #copying: Copying;
  readonly #redrawing: Redrawing;
  readonly #losing: Losing;
  #strikes = 0;

  constructor(seed: number, faults: readonly FaultKind[] | undefined) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed * 104_729 + 3);
    const random = this.#random;
    const all = Object.keys(FAULTS) as FaultKind[];
    const narrow = random.next() < 0.5 ? 0.2 : 0.7;
    const drawn = all.filter(() => random.next() < narrow);
    this.#mood = {
      faults: faults ?? [...drawn, ...OFTEN.filter(() => random.next() < 0.6)],
      faults_per_turn: this.#one([0.15, 0.3, 0.5]),
      questions: this.#one([3, 12, 60]),
      patience_ms: this.#one([400, 1_500, 4_000]),
      attention: this.#one([4, 15, 1_000]),
      max_attempts: this.#one([1, 4, 10]),
    };
    this.#dropping = new Dropping(seed, this.#mood.questions);
    this.#copying = new Copying(seed, this.#mood.questions);
    this.#redrawing = new Redrawing(seed);
    this.#losing = new Losing(seed);
  }

  draw(turns: number): Action[] {
    for (let turn = 0; turn < turns; turn += 1) {
      this.#ask();
      this.#actions.push(...this.#dropping.turn(this.#jobs), ...this.#copying.turn(this.#jobs));
      this.#actions.push(...this.#redrawing.turn(this.#jobs, this.#fromFiles()));
      this.#actions.push(...this.#losing.turn());
      if (this.#random.next() < this.#mood.faults_per_turn) this.#strike(turn);
      this.#mend(turn);
      const { patience_ms } = this.#mood;
      this.#actions.push({
        do: 'advance',
        ms: this.#random.below(this.#random.next() < 0.08 ? 20_000 : patience_ms),
      });
    }
    // In the end somebody asks once more for whatever did not work.
    const names = this.#jobs.slice(-40).map(({ name }) => name);
    if (this.#random.next() < 0.5) this.#actions.push({ do: 'retry', names, max_attempts: null });
    return this.#actions;
  }

  /** Names of jobs that came as files. */
  #fromFiles(): string[] {
    const dropped = this.#dropping.files.filter((file) => file.endsWith('.json'));
    return [...dropped.map((file) => file.slice(0, -5)), ...this.#copying.asked.map(({ name }) => name)];
  }

  #one<T>(of: readonly [T, ...T[]]): T {
    return of[this.#random.below(of.length)] ?? of[0];
  }

  #ask(): void {
    const what = this.#random.next();
    if (what < 0.4) this.#submitNew();
    else if (what < 0.62) this.#submitAgain();
    else if (what < 0.76) this.#onNames('cancel');
    else if (what < 0.91) this.#onNames('retry');
    else if (what < 0.96) this.#pause();
    else this.#actions.push({ do: 'insist' });
  }

  #submitNew(): void {
    const batch = this.#random.next() < 0.3 ? `batch-${this.#random.below(3)}` : null;
    const jobs = Array.from({ length: 1 + this.#random.below(5) }, () => this.#newJob(batch));
    this.#jobs.push(...jobs);
    this.#submit(jobs);
  }

  /** The same several times at once; other content under its name, which is a conflict; or as the next run of the name. */
  #submitAgain(): void {
    const job = this.#pick();
    if (job === undefined) return;
    const how = this.#random.next();
    if (how < 0.4) return this.#submit([job], 1 + this.#random.below(4));
    if (how < 0.6) return this.#submit([{ ...this.#newJob(null), name: job.name, if_exists: 'same' }]);
    if (how < 0.8) return this.#submit([{ ...job, draw: 1 + this.#random.below(3), if_exists: 'new_run' }]);
    return this.#submit([{ ...this.#newJob(null), name: job.name, if_exists: 'new_run' }]);
  }

  #submit(jobs: readonly JobWish[], times = 1): void {
    const on_invalid = this.#random.next() < 0.7 ? 'refuse_all' : 'skip';
    this.#actions.push({ do: 'submit', jobs, on_invalid, times });
  }

  #newJob(batch: string | null): JobWish {
    const random = this.#random;
    const bad = random.next() < 0.06;
    const questions = this.#mood.questions + Math.floor(this.#jobs.length / 2);
    const late = random.next() < 0.12;
    const name = `job-${this.#jobs.length}-${random.below(1_000)}`;
    const desk = shareOf(`${this.#seed} ${name} desk`) < DESKS;
    return {
      name,
      script: shareOf(`${this.#seed} ${name}`) < SCRIPTS,
      text: bad ? `${BAD} ${random.below(4)}` : `question ${random.below(questions)}`,
      draw: 0,
      endpoint: endpointOf(random, desk),
      model: `m${random.below(2)}`,
      batch,
      priority: random.below(4) === 0 ? random.below(5) - 2 : 0,
      run_in_ms: late ? random.below(60_000) : null,
      max_attempts: 1 + random.below(this.#mood.max_attempts),
      attempt_timeout_ms: 15_000 + random.below(45_000),
      if_exists: 'same',
      source: random.next() < 0.7 ? 'http' : 'folder',
    };
  }

  #pick(): JobWish | undefined {
    const from = Math.max(0, this.#jobs.length - this.#mood.attention);
    return this.#jobs[from + this.#random.below(Math.max(1, this.#jobs.length - from))];
  }

  #onNames(what: 'cancel' | 'retry'): void {
    const many = this.#random.next() < (what === 'retry' ? 0.2 : 0.05);
    const length = many ? 20 : 1 + this.#random.below(3);
    const names = Array.from({ length }, () => this.#pick()?.name ?? 'nobody');
    if (what === 'cancel') this.#actions.push({ do: 'cancel', names });
    else {
      const max_attempts = this.#random.next() < 0.3 ? 1 + this.#random.below(3) : null;
      this.#actions.push({ do: 'retry', names, max_attempts });
    }
  }

  #pause(): void {
    const name = SERVERS[this.#random.below(SERVERS.length)]?.name ?? 'fast';
    const paused = !this.#paused.delete(name) && this.#random.next() < 0.6;
    if (paused) this.#paused.add(name);
    const max_concurrent = this.#random.next() < 0.5 ? 1 + this.#random.below(12) : null;
    this.#actions.push({ do: 'endpoint', name, paused, max_concurrent });
  }

  #strike(turn: number): void {
    const kind = this.#mood.faults[this.#random.below(Math.max(1, this.#mood.faults.length))];
    if (kind === undefined) return;
    if (kind === LATE) this.#prepareLate();
    this.#strikes += 1;
    // Spread evenly over seeds and strikes, so that of many places each is met.
    const a = (this.#seed * 0.618_033_988_7 + this.#strikes * 0.381_966) % 1;
    this.#actions.push({ do: 'fault', kind, a, b: this.#random.next() });
    for (const part of FAULTS[kind].breaks) {
      if (!this.#broken.has(part)) this.#broken.set(part, turn + this.#random.below(6));
    }
  }

  /** Somebody must be asked who can answer late, and asked again who can fail for a while. */
  #prepareLate(): void {
    const jobs = Array.from({ length: 5 }, () => this.#newJob(null));
    const patient = jobs.map((job) => ({ ...job, run_in_ms: null, max_attempts: 10 }));
    this.#jobs.push(...patient);
    this.#submit(patient);
    this.#actions.push({ do: 'advance', ms: 150 });
  }

  #mend(turn: number): void {
    for (const [part, until] of this.#broken) {
      if (until > turn) continue;
      this.#broken.delete(part);
      this.#actions.push({ do: 'mend', part });
    }
  }
}
