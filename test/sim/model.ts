/**
 * The models of the simulation: they answer, fail, throttle, stall, and ignore that they are no longer wanted. What each
 * attempt asked and what it brought is written down here, which is the truth that the checks compare the store with.
 */
import type { AttemptFailure, AttemptOrder } from '../../src/core/attempt.ts';
import type { AttemptRunner } from '../../src/core/ports/runner.ts';
import type { AttemptOutcome } from '../../src/core/rows.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Life } from './life.ts';

type Report = Awaited<ReturnType<AttemptRunner['run']>>;

export interface Call {
  readonly text: string;
  readonly instance: string;
  /** What it brought; null while it runs, and for ever where its process died. */
  outcome: AttemptOutcome | null;
}

/** A question that no model can answer: whose fault that is is clear. */
export const BAD = 'bad';

export function answerTo(text: string): string {
  return `The answer to "${text}".`;
}

const TIMINGS = { queued_ms: null, build_ms: 1, first_token_ms: 2, call_ms: 3 };

export class Models {
  /** By `name@run#attempt`. */
  readonly calls = new Map<string, Call>();
  readonly violations: string[] = [];
  readonly #random: SeededRandom;
  /** No more whims: every question that can be answered is, soon. */
  honest = false;
  /** Until then this endpoint throttles (monotonic ms of the world), by name. */
  readonly throttled_until = new Map<string, number>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  runnerOf(instance: string, life: Life, world_ms: () => number): AttemptRunner {
    return {
      run: (order, _observer, signal) => {
        const text = order.messages.at(-1)?.content ?? '';
        const key = `${order.name}@${order.run}#${order.attempt}`;
        if (this.calls.has(key)) this.violations.push(`${key} was begun twice`);
        const call: Call = { text, instance, outcome: null };
        this.calls.set(key, call);
        return new Promise((resolve) => {
          const end = (report: Report): void => {
            call.outcome ??= report.outcome;
            resolve(report);
          };
          this.#play(order, text, life, signal, world_ms, end);
        });
      },
    };
  }

  #play(
    order: AttemptOrder,
    text: string,
    life: Life,
    signal: AbortSignal,
    world_ms: () => number,
    end: (report: Report) => void,
  ): void {
    const limit = life.after(order.attempt_timeout_ms, () =>
      end(failed(order, 'timed_out', { reason_code: 'TotalTimeout', message: 'not done in time' })),
    );
    const deaf = !this.honest && this.#random.next() < 0.1;
    signal.addEventListener('abort', () => {
      const outcome = signal.reason === 'interrupted' ? 'interrupted' : 'cancelled';
      if (!deaf)
        life.after(this.#random.below(200), () =>
          end({ ...refOf(order), outcome, answer: null, failure: null }),
        );
    });
    const stalls = !this.honest && this.#random.next() < 0.04;
    if (stalls) return;
    const slow = !this.honest && this.#random.next() < 0.2;
    life.after(20 + this.#random.below(this.honest ? 500 : slow ? 30_000 : 5_000), () => {
      limit.cancel();
      end(this.#outcome(order, text, world_ms()));
    });
  }

  #outcome(order: AttemptOrder, text: string, now_ms: number): Report {
    const { endpoint, model } = order;
    if (text.startsWith(BAD))
      return failed(order, 'errored', {
        blame: 'job',
        reason_code: 'BadRequest',
        message: 'the question is bad',
      });
    if (!this.honest) {
      const whim = this.#random.next();
      if (now_ms < (this.throttled_until.get(endpoint) ?? 0)) {
        const retry_after_ms = this.#random.next() < 0.5 ? null : this.#random.below(20_000);
        return failed(order, 'rate_limited', {
          blame: 'throttled',
          reason_code: 'EndpointThrottled',
          message: '429',
          retry_after_ms,
        });
      }
      if (whim < 0.12)
        return failed(order, 'errored', {
          message: `broken ${this.#random.below(3) === 0 ? 'pipe' : 'wire'}`,
        });
      if (whim < 0.15)
        return failed(order, 'errored', {
          blame: 'hold',
          reason_code: 'ModelMissing',
          message: 'no such model',
          scope: 'model',
        });
    }
    const meta = {
      model,
      model_answered: model,
      endpoint,
      endpoint_kind: 'simulator',
      parameters_sent: {},
      finish_reason: 'stop',
      warnings: [],
      usage: null,
      timings: TIMINGS,
      cost: null,
    };
    return { ...refOf(order), outcome: 'succeeded', answer: { text: answerTo(text), meta }, failure: null };
  }
}

function refOf({ name, run, attempt, digest }: AttemptOrder) {
  return { name, run, attempt, digest, timings: TIMINGS };
}

function failed(order: AttemptOrder, outcome: AttemptOutcome, failure: Partial<AttemptFailure>): Report {
  const blamed = {
    blame: 'transient',
    reason_code: 'ProviderError',
    message: '',
    scope: 'endpoint',
    retry_after_ms: null,
    ...failure,
  } as const;
  return { ...refOf(order), outcome, answer: null, failure: blamed };
}
