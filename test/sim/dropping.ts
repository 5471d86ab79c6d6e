/**
 * Draws who puts what into `jobs/`: files of one job and of many, under names of their own and under those of jobs that are
 * submitted at the same time, wrong ones, changes of what stands there. It has a chance of its own, made of the seed, so that
 * everything else in the list of a seed is what it was before anybody dropped files.
 */
import { sha256 } from '../../src/core/identity.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { Action, Drop, JobWish } from './actions.ts';
import { BAD } from './model.ts';
import { SERVERS } from './world.ts';

/** How often somebody comes to the folder in a turn; each seed has one of these. */
const RATES = [0, 0, 0.12, 0.35] as const;
const STEMS = ['file', '5_file', 'a.b', 'x_1_2'] as const;

type Content = Pick<Drop, 'text' | 'right'>;
interface JobValue {
  readonly name?: string;
  readonly key?: string;
  readonly prompt: unknown;
  readonly configuration: { readonly LLM_name: string };
  readonly options: { readonly timeout: string; readonly max_attempts: number };
}

export class Dropping {
  readonly #random: SeededRandom;
  readonly #rate: number;
  readonly #questions: number;
  /** What stands there, as far as nothing else happens to it. */
  readonly files: string[] = [];
  #count = 0;

  constructor(seed: number, questions: number) {
    this.#random = new SeededRandom(Number.parseInt(sha256(`${seed} drops`).slice(0, 8), 16));
    this.#rate = RATES[this.#random.below(RATES.length)] ?? 0;
    this.#questions = questions;
  }

  /** Most of it comes at the same moment as what `jobs` asks, which is what others have submitted so far. */
  turn(jobs: readonly JobWish[]): Action[] {
    if (this.#random.next() >= this.#rate) return [];
    const what = this.#random.next();
    if (what < 0.16) return this.#answer(jobs);
    if (what < 0.3) return [this.#drop(this.#newFile('json'), this.#oneJob())];
    if (what < 0.45) return [this.#drop(this.#newFile('jsonl'), this.#batch())];
    if (what < 0.6) return this.#ofJob(jobs);
    if (what < 0.76) return [this.#wrong()];
    const file = this.files[this.#random.below(this.files.length)];
    if (file === undefined) return [];
    if (what < 0.92) return [this.#drop(file, file.endsWith('.json') ? this.#oneJob() : this.#batch())];
    return [{ do: 'remove', file }];
  }

  /** Of a job that comes with it, of one that was dropped before, or of one that came by another door. */
  #answer(jobs: readonly JobWish[]): Action[] {
    const random = this.#random;
    const how = random.next();
    this.#count += 1;
    const right = random.next() < 0.85;
    const answerOf = (file: string): Action => {
      return { do: 'answer', name: file.replace(/\.jsonl?$/, ''), epoch: 1_000_000 + this.#count, right };
    };
    const dropped = this.files[random.below(this.files.length)];
    const wish = jobs[Math.max(0, jobs.length - 1 - random.below(4))];
    if (how < 0.15 && dropped !== undefined) return [answerOf(dropped)];
    if (how < 0.3 && wish !== undefined) return [answerOf(wish.name)];
    const file = this.#newFile('json');
    const both = [answerOf(file), this.#drop(file, this.#oneJob())];
    return how < 0.9 ? both : both.toReversed();
  }

  #drop(file: string, { text, right }: Content): Action {
    const random = this.#random;
    const how = random.next() < (file.endsWith('.json') ? 0.7 : 0.3) ? 'move' : 'write';
    const parts = 1 + random.below(6);
    const part_ms = 100 + random.below(1_400);
    return { do: 'drop', drop: { file, text, right, how, parts, part_ms } };
  }

  #newFile(ending: 'json' | 'jsonl'): string {
    const stem = STEMS[this.#random.below(STEMS.length)] ?? 'file';
    this.#count += 1;
    const file = `${stem}-${this.#count}.${ending}`;
    this.files.push(file);
    return file;
  }

  /** Under the name of a job that came by another door: in the same words, or in others. */
  #ofJob(jobs: readonly JobWish[]): Action[] {
    const wish = jobs[Math.max(0, jobs.length - 1 - this.#random.below(6))];
    if (wish === undefined) return [];
    const file = `${wish.name}.json`;
    if (this.#random.next() < 0.15) return [{ do: 'remove', file }];
    const { text, endpoint, model } = wish;
    const same = { ...this.#job(), prompt: text, configuration: { LLM_name: `${endpoint}:${model}` } };
    return [this.#drop(file, this.#random.next() < 0.4 ? rightOne(same) : this.#oneJob())];
  }

  #wrong(): Action {
    const kind = this.#random.below(6);
    const { text } = this.#oneJob();
    const again = this.files[this.#random.below(this.files.length * 2)];
    const isOneJob = again?.endsWith('.json') ?? true;
    const file = again ?? this.#newFile('json');
    if (kind === 0) return this.#drop(this.#newFile('json').replace('-', ' '), { text, right: false });
    if (kind < 3 || !isOneJob) return this.#drop(this.#newFile('jsonl'), this.#wrongBatch(kind % 2 === 0));
    const misspelled = text.replace('"LLM_name"', '"LLM"');
    return this.#drop(file, { text: kind < 5 ? misspelled : text.slice(0, -4), right: false });
  }

  /** Right line by line up to the last one. */
  #wrongBatch(twice: boolean): Content {
    const jobs = this.#jobs();
    const last = twice ? { ...jobs[0], prompt: 'something else' } : { ...jobs[0], key: 'last', prompt: 7 };
    return { text: linesOf([...jobs, last]), right: false };
  }

  #oneJob(): Content {
    return rightOne(this.#job());
  }

  #batch(): Content {
    return { text: linesOf(this.#jobs()), right: true };
  }

  /** With a key, with a name, or called after what it asks. */
  #jobs(): Partial<JobValue>[] {
    const random = this.#random;
    return Array.from({ length: 2 + random.below(4) }, (_, i) => {
      const job = this.#job();
      const how = i === 0 ? 0 : random.below(4);
      if (how < 2) return { ...job, key: `k${i}` };
      return how === 2 ? { ...job, name: `line-${this.#count}-${i}` } : job;
    });
  }

  #job(): JobValue {
    const random = this.#random;
    const bad = random.next() < 0.05;
    const endpoint = SERVERS[random.below(SERVERS.length)]?.name ?? 'fast';
    return {
      prompt: bad ? `${BAD} ${random.below(4)}` : `question ${random.below(this.#questions + this.#count)}`,
      configuration: { LLM_name: `${endpoint}:m${random.below(2)}` },
      options: { timeout: `${15 + random.below(45)}s`, max_attempts: 1 + random.below(10) },
    };
  }
}

function rightOne(job: JobValue): Content {
  return { text: JSON.stringify(job, null, 2), right: true };
}

function linesOf(jobs: readonly object[]): string {
  return jobs.map((job) => `${JSON.stringify(job)}\n`).join('');
}
