/**
 * AI packages of the simulation: the real provider, pool and quarantine over processes that are played. Behind each instance
 * stands a desk with a few ids, which goes on whatever happens to the processes that speak with it: it cannot be told to stop, and what it
 * has answered lies there until somebody fetches it. What must never happen is that an answer reaches another attempt than the one
 * that asked, or that a desk is given a job while it has one.
 */
import type { AttemptFailure, AttemptObserver, AttemptOrder } from '../../src/core/attempt.ts';
import type { Child, ChildEnd, ChildEvents, Children } from '../../src/core/ports/children.ts';
import { ProviderError } from '../../src/core/ports/provider.ts';
import { AiPackageProvider } from '../../src/packages/ai-package-provider.ts';
import type { CallLine, CallOutcome } from '../../src/packages/protocol.ts';
import type { SentJob } from '../../src/packages/package-job.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Life } from './life.ts';

export const DESK = 'desk';
const DESK_IDS = 3;
const POLL_MS = 500;
const QUARANTINE_MS = 60_000;

interface Work {
  readonly question: string;
  /** On the monotonic clock of the world. */
  readonly done_at: number;
}

export interface DeskOptions {
  readonly random: SeededRandom;
  readonly now: () => number;
  readonly broken: (rule: string, message: string) => void;
  readonly hit: (what: string) => void;
  readonly honest: () => boolean;
}

/** What an instance's packages speak with; it outlives them. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #works = new Map<number, Work>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  call(line: CallLine): CallOutcome | 'hangs' | 'dies' {
    const { random, honest } = this.#options;
    if (!honest()) {
      const whim = random.next();
      if (whim < 0.01) return 'hangs';
      if (whim < 0.02) return 'dies';
      if (whim < 0.03) return { kind: 'raised', message: 'the desk is out of paper', trace: 'Traceback' };
      if (whim < 0.035) return { kind: 'nonsense', got: 'a dict' };
    }
    if (line.call === 'submit_job') return this.#submit(line);
    return line.call === 'get_job_status' ? this.#status(line) : this.#retrieve(line);
  }

  #submit({ instance, job }: CallLine): CallOutcome {
    const { random, now, broken, hit, honest } = this.#options;
    const question = (job as unknown as SentJob).prompt;
    const before = this.#works.get(instance);
    if (before !== undefined)
      broken('quarantine', `id ${instance} was given "${question}" while it has "${before.question}"`);
    if (!honest() && random.next() < 0.05) return { kind: 'code', code: -1 };
    const slow = !honest() && random.next() < 0.2;
    this.#works.set(instance, { question, done_at: now() + random.below(slow ? 120_000 : 5_000) });
    hit('a desk was given a job');
    return { kind: 'code', code: 0 };
  }

  #status({ instance }: CallLine): CallOutcome {
    const work = this.#works.get(instance);
    const code = work === undefined ? 0 : this.#options.now() < work.done_at ? -1 : 1;
    return { kind: 'code', code };
  }

  #retrieve({ instance, bytes_max }: CallLine): CallOutcome {
    const work = this.#works.get(instance);
    if (work === undefined || this.#options.now() < work.done_at) return { kind: 'none' };
    this.#works.delete(instance);
    if (bytes_max === 0) this.#options.hit('a desk had an answer for nobody');
    return { kind: 'text', text: answerTo(work.question) };
  }
}

export function answerTo(question: string): string {
  return `The desk's answer to "${question}".`;
}

/** Processes that load the package and pass calls on to the desk; they die with the instance that started them. */
class DeskChildren implements Children {
  readonly #desk: Desk;
  readonly #life: Life;
  readonly #random: SeededRandom;

  constructor(desk: Desk, life: Life, random: SeededRandom) {
    this.#desk = desk;
    this.#life = life;
    this.#random = random;
  }

  spawn(_spec: unknown, events: ChildEvents): Child {
    const life = this.#life;
    const ended = Promise.withResolvers<ChildEnd>();
    let over = false;
    const end = (how: ChildEnd): void => {
      over = true;
      ended.resolve(how);
    };
    const say = (line: object): void => {
      if (!over) events.stdout(Buffer.from(`${JSON.stringify(line)}\n`));
    };
    life.after(50 + this.#random.below(500), () => say({ ready: true }));
    return {
      ended: ended.promise,
      write: (bytes) => {
        const line = JSON.parse(Buffer.from(bytes).toString('utf8')) as CallLine;
        life.after(this.#random.below(50), () => {
          if (over) return;
          const outcome = this.#desk.call(line);
          if (outcome === 'hangs') return;
          if (outcome === 'dies') end({ kind: 'killed', signal: 'SIGSEGV' });
          else say({ reply: line.id, outcome });
        });
      },
      closeStdin: () => undefined,
      kill: (grace_ms) => {
        life.after(this.#random.below(grace_ms + 1), () => end({ kind: 'killed', signal: 'SIGTERM' }));
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export type DeskOutcome = { readonly text: string } | { readonly failure: AttemptFailure };

/** What one process of an instance asks its desk with. */
export class DeskProvider {
  readonly #provider: AiPackageProvider;

  constructor(desk: Desk, life: Life, random: SeededRandom) {
    this.#provider = new AiPackageProvider({
      children: new DeskChildren(desk, life, random),
      clock: life,
      timers: life,
      env: {},
      limits: { quarantine_ms: QUARANTINE_MS },
    });
  }

  /** Rejects with the signal's reason. `question` is what the answer must be to. */
  async ask(
    order: AttemptOrder,
    question: string,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<DeskOutcome> {
    try {
      const { text } = await this.#provider.call(
        {
          endpoint: {
            name: DESK,
            kind: 'ai-package',
            base_urls: [],
            api_key_env: null,
            api_key_file: null,
            max_concurrent: DESK_IDS,
            sticky_models: false,
            settings: { module: 'desk.py', instances: DESK_IDS, poll_ms: POLL_MS, shared: false },
          },
          base_url: '',
          api_key: null,
          model: order.model,
          messages: [{ role: 'user', content: question }],
          parameters: {},
          extra: {},
          drawer: {},
          job: order.job,
          result_bytes_max: 1_000_000,
        },
        observer,
        signal,
      );
      return { text };
    } catch (error) {
      if (error instanceof ProviderError) return { failure: error.failure };
      throw error;
    }
  }
}
