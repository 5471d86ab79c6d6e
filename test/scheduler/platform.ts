/** A platform that counts what it is asked, and real instances that ask it, on the stage of a scheduler. */
import type { AttemptFailure } from '../../src/core/attempt.ts';
import { callText, ProviderError, type Provider } from '../../src/core/ports/provider.ts';
import { createRunner } from '../../src/executor/runner.ts';
import { createInstance, type Instance } from '../../src/instance/instance.ts';
import { MemoryFiles } from '../support/memory-files.ts';
import { endpointOf, type Stage } from './stage.ts';
import { PORT } from './terms.ts';

export interface Request {
  readonly at: number;
  /** What was asked. */
  readonly text: string;
  /** Null: it was answered. */
  readonly refused: AttemptFailure | null;
}

export class Platform {
  readonly requests: Request[] = [];
  /** What is said to a request instead of an answer. */
  refuse: (text: string) => AttemptFailure | null = () => null;
  /** How long an answer takes. */
  answer_ms = 100;
  open = 0;
  open_max = 0;
  readonly #stage: Stage;
  readonly #instances: Instance[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get answered(): number {
    return this.requests.filter(({ refused }) => refused === null).length;
  }

  get refused(): readonly Request[] {
    return this.requests.filter(({ refused }) => refused !== null);
  }

  async instance(name: string, slots: number): Promise<Instance> {
    const { clock, network, random } = this.#stage;
    const instance = createInstance({
      name,
      slots,
      endpoints: ['e'],
      needs: [''],
      token: async () => 'token',
      locate: async () => ({ host: 'memory', port: PORT }),
      transport: network,
      runner: createRunner({
        endpoints: new Map([['e', endpointOf('e')]]),
        providers: new Map([['simulator', this.#provider()]]),
        secrets: { keyOf: async () => null },
        clock,
        timers: clock,
        result_bytes_max: 1_000,
        prompts: null,
        commands: null,
        checker: { check: async () => ({ kind: 'matches' }) },
      }),
      spool_dir: '/spool',
      files: new MemoryFiles(),
      clock,
      timers: clock,
      random,
      pid: 100 + this.#instances.length,
      version: '0.0.0',
      orphan_ttl_ms: null,
      on: () => undefined,
    });
    this.#instances.push(instance);
    await instance.start();
    await clock.advance(100);
    return instance;
  }

  async close(): Promise<void> {
    const stopped = this.#instances.map((instance) => instance.stop());
    await this.#stage.clock.advance(20_000);
    await Promise.all(stopped);
  }

  #provider(): Provider {
    const { clock } = this.#stage;
    return {
      models: async () => [],
      call: async ({ messages }, _observer, signal) => {
        const last = messages.at(-1);
        const text = last === undefined ? '' : callText(last);
        const refused = this.refuse(text);
        this.requests.push({ at: clock.monotonic(), text, refused });
        if (refused !== null) throw new ProviderError(refused);
        this.open += 1;
        this.open_max = Math.max(this.open_max, this.open);
        try {
          await new Promise<void>((resolve, reject) => {
            clock.after(this.answer_ms, resolve);
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          });
        } finally {
          this.open -= 1;
        }
        return ANSWER;
      },
    };
  }
}

const ANSWER = {
  text: 'yes',
  reasoning: null,
  model_answered: 'm',
  finish_reason: 'stop',
  usage: null,
  parameters_sent: {},
  warnings: [],
} as const;
