/**
 * Draws who copies what into `results/` and `ended/`: files of runs of another workspace, as promptd writes them, in whatever
 * order, with their job files and without, whole and damaged; of names that nobody knows here and of names that are asked here
 * at that moment. It has a chance of its own, as dropping has.
 */
import { sha256 } from '../../src/core/identity.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { Action, ForeignRun, JobWish } from './actions.ts';
import { SERVERS } from './world.ts';

/** How often somebody comes in a turn; each seed has one of these. */
const RATES = [0, 0, 0.1, 0.25] as const;
/** Before and after every epoch that is given here. */
const EPOCHS = [2_000_000, 9_000_000_000_000] as const;

/** What was asked there. */
type Asked = Pick<ForeignRun, 'name' | 'text' | 'script' | 'endpoint' | 'model'>;

export class Copying {
  readonly #random: SeededRandom;
  readonly #rate: number;
  readonly #questions: number;
  /** What was copied here so far. */
  readonly asked: Asked[] = [];
  #count = 0;

  constructor(seed: number, questions: number) {
    this.#random = new SeededRandom(Number.parseInt(sha256(`${seed} copies`).slice(0, 8), 16));
    this.#rate = RATES[this.#random.below(RATES.length)] ?? 0;
    this.#questions = questions;
  }

  /** `jobs` is what others have submitted so far. */
  turn(jobs: readonly JobWish[]): Action[] {
    const random = this.#random;
    if (random.next() >= this.#rate) return [];
    this.#count += 1;
    const what = random.next();
    if (what < 0.1) return [{ do: 'copy_own', which: random.next(), epoch: this.#epoch() }];
    const before = this.asked[random.below(this.asked.length)];
    if (what < 0.2 && before !== undefined)
      return [{ do: 'retry', names: [before.name], max_attempts: null }];
    const wish = jobs[Math.max(0, jobs.length - 1 - random.below(5))];
    if (what < 0.5 && wish !== undefined) return this.#history(this.#askedAs(wish));
    const asked = what < 0.6 && before !== undefined ? before : this.#newJob();
    this.asked.push(asked);
    const files = this.#history(asked);
    return random.next() < 0.6 ? [...files, this.#jobFile(asked)] : files;
  }

  /** In the same words, or in others. */
  #askedAs({ name, text, script, endpoint, model }: JobWish): Asked {
    return this.#random.next() < 0.75 ? { name, text, script, endpoint, model } : { ...this.#newJob(), name };
  }

  #newJob(): Asked {
    const random = this.#random;
    const { name: endpoint } = SERVERS[random.below(SERVERS.length)] ?? SERVERS[0];
    const text = `question ${random.below(this.#questions + this.#count)}`;
    return { name: `copy_${this.#count}.x`, text, script: false, endpoint, model: `m${random.below(2)}` };
  }

  /** What became of it there: one run, ends before it, a fresh draw after it. Copied in any order, at once or one by one. */
  #history(asked: Asked): Action[] {
    const random = this.#random;
    const how = random.next();
    const files =
      how < 0.35
        ? [this.#file(asked, 'result', 1)]
        : how < 0.5
          ? [this.#file(asked, 'ended', 1)]
          : how < 0.62
            ? [this.#file(asked, 'ended', 1), this.#file(asked, 'result', 1)]
            : how < 0.74
              ? [
                  this.#file(asked, 'result', 1),
                  this.#file({ ...this.#newJob(), name: asked.name }, 'result', 2),
                ]
              : how < 0.86
                ? [
                    this.#file(asked, 'result', 1),
                    this.#file(asked, random.next() < 0.5 ? 'result' : 'ended', 2, `draw ${this.#count}`),
                  ]
                : how < 0.93
                  ? [this.#file(asked, 'result', null)]
                  : [this.#file(asked, 'result', 2 + random.below(3))];
    const inOrder = random.next() < 0.7 ? files : files.toReversed();
    const gap_ms = random.next() < 0.6 ? 0 : 100 + random.below(4_000);
    return inOrder.flatMap((of, i): Action[] =>
      i === 0 || gap_ms === 0
        ? [{ do: 'copy', of }]
        : [
            { do: 'advance', ms: gap_ms },
            { do: 'copy', of },
          ],
    );
  }

  #file(asked: Asked, kind: ForeignRun['kind'], run: number | null, fresh: string | null = null): ForeignRun {
    const random = this.#random;
    const damaged = random.next() < 0.12;
    const damages =
      kind === 'result' ? (['half', 'changed', 'renamed'] as const) : (['half', 'renamed'] as const);
    return {
      ...asked,
      kind,
      run,
      fresh,
      epoch: this.#epoch(),
      state: random.next() < 0.7 ? 'failed' : 'cancelled',
      attempts: 1 + random.below(3),
      damage: damaged ? (damages[random.below(damages.length)] ?? 'half') : 'none',
    };
  }

  #epoch(): number {
    this.#count += 1;
    return (EPOCHS[this.#random.below(EPOCHS.length)] ?? 0) + this.#count;
  }

  #jobFile({ name, text, endpoint, model }: Asked): Action {
    const job = { prompt: text, configuration: { LLM_name: `${endpoint}:${model}` } };
    const file = `${name}.json`;
    return {
      do: 'drop',
      drop: { file, text: JSON.stringify(job), right: true, how: 'move', parts: 1, part_ms: 100 },
    };
  }
}
