/** Draws who copies the database, puts the copy back, and deletes `.promptd/`. It has a chance of its own, as dropping has. */
import { sha256 } from '../../src/core/identity.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { Action } from './actions.ts';

/** How often somebody comes in a turn; each seed has one of these. */
const RATES = [0, 0, 0.04, 0.08] as const;

export class Losing {
  readonly #random: SeededRandom;
  readonly #rate: number;

  constructor(seed: number) {
    this.#random = new SeededRandom(Number.parseInt(sha256(`${seed} losses`).slice(0, 8), 16));
    this.#rate = RATES[this.#random.below(RATES.length)] ?? 0;
  }

  turn(): Action[] {
    const random = this.#random;
    if (random.next() >= this.#rate) return [];
    const what = random.next();
    if (what < 0.4) return [{ do: 'back_up' }];
    return [{ do: what < 0.75 ? 'put_back' : 'lose_state' }];
  }
}
