/** Why the lanes wait, as the scheduler said it last: asked at most every `lanes_cache_ms`, however many clients ask. */
import type { Clock, Timers } from '../core/ports/clock.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import type { Reason } from '../core/reasons.ts';
import type { HttpLimits } from './http-options.ts';
import { within } from './within.ts';

interface LaneReasonsOptions {
  readonly scheduler: Pick<Scheduler, 'lanes'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: Pick<HttpLimits, 'lanes_cache_ms' | 'live_state_wait_ms'>;
}

export class LaneReasons {
  readonly #options: LaneReasonsOptions;
  #known: ReadonlyMap<number, Reason> = new Map();
  #asked_at = Number.NEGATIVE_INFINITY;
  #asking: Promise<ReadonlyMap<number, Reason>> | null = null;

  constructor(options: LaneReasonsOptions) {
    this.#options = options;
  }

  /** By lane id. What was known before, where the scheduler does not answer in time. */
  async get(): Promise<ReadonlyMap<number, Reason>> {
    const { clock, timers, limits } = this.#options;
    if (clock.monotonic() - this.#asked_at < limits.lanes_cache_ms) return this.#known;
    this.#asking ??= this.#ask();
    return within(timers, limits.live_state_wait_ms, this.#asking, this.#known);
  }

  async #ask(): Promise<ReadonlyMap<number, Reason>> {
    try {
      const lanes = await this.#options.scheduler.lanes();
      this.#known = new Map(lanes.map((lane) => [lane.lane, lane.reason]));
      this.#asked_at = this.#options.clock.monotonic();
      return this.#known;
    } finally {
      this.#asking = null;
    }
  }
}
