/**
 * Draws who asks for answers once more: what has ended as a fresh draw, a submission with a word that makes all of it fresh
 * draws, and the same again. It has a chance of its own, as dropping has.
 */
import { sha256 } from '../../src/core/identity.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { Action, JobWish } from './actions.ts';

/** How often somebody comes in a turn; each seed has one of these. */
const RATES = [0, 0, 0.1, 0.25] as const;

export class Redrawing {
  readonly #random: SeededRandom;
  readonly #rate: number;
  readonly #made: Action[] = [];

  constructor(seed: number) {
    this.#random = new SeededRandom(Number.parseInt(sha256(`${seed} draws`).slice(0, 8), 16));
    this.#rate = RATES[this.#random.below(RATES.length)] ?? 0;
  }

  /** `jobs` is what others have submitted so far, `others` names of jobs that came as files. */
  turn(jobs: readonly JobWish[], others: readonly string[]): Action[] {
    const random = this.#random;
    if (random.next() >= this.#rate) return [];
    const action = this.#again() ?? (random.next() < 0.25 ? this.#freshly(jobs) : this.#rerun(jobs, others));
    this.#made.push(action);
    return [action];
  }

  /** Whoever heard nothing, or has forgotten, asks with the same word. */
  #again(): Action | undefined {
    if (this.#random.next() >= 0.3) return undefined;
    return this.#made[this.#made.length - 1 - this.#random.below(4)];
  }

  #rerun(jobs: readonly JobWish[], others: readonly string[]): Action {
    const random = this.#random;
    const names = Array.from({ length: 1 + random.below(3) }, () => {
      const from = random.next() < 0.6 ? jobs.map(({ name }) => name) : others;
      return from[Math.max(0, from.length - 1 - random.below(12))] ?? 'nobody';
    });
    return { do: 'rerun', names, word: this.#word(), times: 1 + random.below(2) };
  }

  /** As the next runs of these names, or under names of their own. */
  #freshly(jobs: readonly JobWish[]): Action {
    const random = this.#random;
    const fresh = this.#word();
    const some = Array.from({ length: 1 + random.below(4) }, () => jobs[jobs.length - 1 - random.below(10)]);
    const wishes = some.filter((job) => job !== undefined).map((job) => ({ ...job, fresh }));
    return { do: 'submit', jobs: wishes, on_invalid: 'skip', times: 1 + random.below(2) };
  }

  #word(): string {
    return `word ${this.#random.below(3)}`;
  }
}
