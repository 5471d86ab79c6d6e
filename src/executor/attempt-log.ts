/** promptd's own lines in an attempt's log. */
import type { AttemptObserver } from '../core/attempt.ts';
import type { ProviderAnswer, ProviderCall } from '../core/ports/provider.ts';
import type { Attempt, RunnerReport } from './report.ts';

const ANSWER_CHARS_MAX = 2_000;

export class AttemptLog {
  readonly #attempt: Attempt;
  readonly #observer: AttemptObserver;

  constructor(attempt: Attempt, observer: AttemptObserver) {
    this.#attempt = attempt;
    this.#observer = observer;
  }

  /** Names of parameters only: their values are in the result. Of a URL only its host: it may carry credentials. */
  calling({ endpoint, base_url, model, parameters, extra, drawer }: ProviderCall): void {
    const names = [...Object.keys(parameters), ...Object.keys(extra), ...Object.keys(drawer)];
    const at =
      base_url === ''
        ? ''
        : ` at ${URL.canParse(base_url) ? new URL(base_url).host : 'an address that is no URL'}`;
    const given = names.length === 0 ? '' : ` with ${names.join(', ')}`;
    this.#say(
      `attempt ${this.#attempt.order.attempt}: calling ${endpoint.name}${at}, model ${model}${given}`,
    );
  }

  /** An answer that is not kept was paid for all the same: what came is worth a look. */
  refused({ text, finish_reason, usage }: ProviderAnswer): void {
    const shown = text.length > ANSWER_CHARS_MAX ? `${text.slice(0, ANSWER_CHARS_MAX)}…` : text;
    const tokens = `${usage?.output ?? this.#attempt.tokens} tokens`;
    this.#say(`the answer that was refused (${tokens}; finish: ${finish_reason}): ${shown}`);
  }

  ended({ outcome, answer, failure, timings }: RunnerReport): void {
    const took = timings.call_ms === null ? '' : ` after ${Math.round(timings.call_ms)} ms`;
    if (answer !== null) {
      const { usage, finish_reason, warnings } = answer.meta;
      const tokens = usage?.output ?? this.#attempt.tokens;
      const first =
        timings.first_token_ms === null ? '' : `, the first after ${Math.round(timings.first_token_ms)} ms`;
      this.#say(`answered${took}: ${tokens} tokens${first}; finish: ${finish_reason}`);
      for (const warning of warnings) this.#say(`warning: ${warning}`);
    } else if (failure !== null) {
      this.#say(`${outcome}${took}: ${failure.reason_code}: ${failure.message}`);
    } else this.#say(`${outcome}${took}: ${this.#attempt.watch.reason ?? 'stopped'}`);
  }

  #say(text: string): void {
    this.#observer.log('info', text);
  }
}
