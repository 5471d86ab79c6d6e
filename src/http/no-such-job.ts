/** A job that is asked for and not there, and what is to be said where a file of `jobs/` is called like it. */
import { Problem } from '../core/errors.ts';
import { formatRunRef, type RunRef } from '../core/names.ts';
import type { HttpOptions } from './http-options.ts';
import { within } from './within.ts';

export class NoSuchJob extends Problem {
  readonly #ref: RunRef;

  constructor(ref: RunRef, hint = 'Look with: promptd ls') {
    super('NotFound', `There is no job ${JSON.stringify(formatRunRef(ref))}`, { hint });
    this.#ref = ref;
  }

  /** The same with a hint that says what is with its file, where one stands. The folder may be slow; the answer is not. */
  async explained({
    unasked,
    timers,
    limits,
  }: Pick<HttpOptions, 'unasked' | 'timers' | 'limits'>): Promise<Problem> {
    if (unasked === undefined) return this;
    const hint = await within(timers, limits.live_state_wait_ms, unasked(this.#ref.name), null);
    return hint === null ? this : new NoSuchJob(this.#ref, hint);
  }
}
