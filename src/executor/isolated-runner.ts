/**
 * Runs each attempt in a process of its own where its endpoint, or the instance, says `isolation: process`; all others go to
 * the runner of this process. AI packages go there too: their code is in processes already, one for each id, which live longer
 * than an attempt.
 */
import type { AttemptObserver, AttemptOrder } from '../core/attempt.ts';
import type { EndpointConfig, Isolation } from '../core/endpoints.ts';
import type { ChildEnd, Children, ChildSpec } from '../core/ports/children.ts';
import type { Clock, Timers } from '../core/ports/clock.ts';
import type { AttemptRunner } from '../core/ports/runner.ts';
import { IsolatedAttempt } from './isolated-attempt.ts';
import type { AttemptPlace } from './isolated-messages.ts';
import type { RunnerReport } from './report.ts';
import { ServerChoice } from './server-choice.ts';
import { withoutKey } from './without-key.ts';

export interface IsolatedRunnerOptions {
  /** For attempts that run in this process. */
  readonly inline: AttemptRunner;
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  /** Where an endpoint says nothing of its own. */
  readonly isolation: Isolation;
  readonly place: Omit<AttemptPlace, 'endpoint'>;
  readonly children: Children;
  /** The program that runs an attempt for this endpoint. */
  readonly specOf: (endpoint: EndpointConfig) => Pick<ChildSpec, 'argv' | 'env'>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** See {@link Programs.unlessInterrupted}. */
  readonly unlessInterrupted: (end: ChildEnd, signal: AbortSignal) => Promise<void>;
  readonly secrets: { keyOf(endpoint: EndpointConfig): Promise<string | null> };
}

export class IsolatedRunner implements AttemptRunner {
  readonly #options: IsolatedRunnerOptions;
  /** Each process is told its one server: it cannot know how busy the others keep them. */
  readonly #servers = new ServerChoice();
  readonly #running = new Set<IsolatedAttempt>();

  constructor(options: IsolatedRunnerOptions) {
    this.#options = options;
  }

  async run(order: AttemptOrder, observer: AttemptObserver, signal: AbortSignal): Promise<RunnerReport> {
    const endpoint = this.#options.endpoints.get(order.endpoint);
    if (endpoint === undefined || !this.#isIsolated(endpoint))
      return this.#options.inline.run(order, observer, signal);
    const server = this.#servers.choose(endpoint);
    const base_urls = endpoint.base_urls.length === 0 ? [] : [server.base_url];
    const { place, specOf, secrets } = this.#options;
    const attempt = new IsolatedAttempt({
      ...this.#options,
      order,
      place: { ...place, endpoint: { ...endpoint, base_urls } },
      observer,
      signal,
      spec: specOf(endpoint),
      mask: async (text) => withoutKey(text, await secrets.keyOf(endpoint).catch(() => null)),
    });
    this.#running.add(attempt);
    try {
      return await attempt.run();
    } finally {
      this.#running.delete(attempt);
      server.release();
    }
  }

  /** The instance is ending: what is killed from now on is interrupted, and has not failed. */
  drain(): void {
    for (const attempt of this.#running) attempt.drain();
  }

  #isIsolated({ kind, isolation }: EndpointConfig): boolean {
    return kind !== 'ai-package' && (isolation ?? this.#options.isolation) === 'process';
  }
}
