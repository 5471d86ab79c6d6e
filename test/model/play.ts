/** The models of a live server: every attempt waits until a test says how it ends, or ends at once as `by_itself` says. */
import { textOf } from '../../src/core/messages.ts';
import type { AttemptObserver, AttemptOrder } from '../../src/core/attempt.ts';
import type { AttemptRunner } from '../../src/core/ports/runner.ts';
import type { AnswerMeta } from '../../src/core/rows.ts';
import { META } from '../scheduler/peer.ts';

type RunnerReport = Awaited<ReturnType<AttemptRunner['run']>>;

/** `answer`; `refuse`: the job's own fault, for good; `break`: an error that may pass. */
export type Ending = 'answer' | 'refuse' | 'break';

/** One attempt as the model saw it. */
export interface Call {
  /** `name@run#attempt`. */
  readonly key: string;
  readonly digest: string;
  readonly question: string;
  readonly observer: AttemptObserver;
  ended: Ending | 'aborted' | null;
}

interface Play extends Call {
  readonly end: (how: Ending | 'aborted') => void;
}

/** What is answered: it names who was asked, so that one can see whose answer somebody got. */
export function answerOf(key: string, question: string): string {
  return `${key} was asked: ${question}`;
}

export class PlayModels implements AttemptRunner {
  /** Every attempt that ever began, in order. */
  readonly calls: Call[] = [];
  /** Digests that were asked twice at one moment: never. */
  readonly doubles: string[] = [];
  /** How attempts end by themselves; null: they wait. */
  by_itself: ((call: Call) => Ending | null) | null = null;
  readonly #plays = new Map<string, Play>();

  run(order: AttemptOrder, observer: AttemptObserver, signal: AbortSignal): Promise<RunnerReport> {
    const { promise, resolve } = Promise.withResolvers<RunnerReport>();
    const { name, run, attempt, digest } = order;
    const key = `${name}@${run}#${attempt}`;
    const question = order.messages.map(textOf).join('\n');
    const end = (how: Ending | 'aborted'): void => {
      if (!this.#plays.delete(key)) return;
      play.ended = how;
      resolve(reportOf(order, how, question));
    };
    const play: Play = { key, digest, question, observer, ended: null, end };
    if ([...this.#plays.values()].some((other) => other.digest === digest)) this.doubles.push(key);
    this.calls.push(play);
    this.#plays.set(key, play);
    signal.addEventListener('abort', () => end('aborted'), { once: true });
    const at_once = this.by_itself?.(play) ?? null;
    if (at_once !== null) end(at_once);
    return promise;
  }

  /** Attempts that wait for their end. */
  get waiting(): readonly string[] {
    return [...this.#plays.keys()];
  }

  /** The attempt of this run that waits; null where none does. */
  of(name: string, run: number): Call | null {
    return [...this.#plays.values()].find(({ key }) => key.startsWith(`${name}@${run}#`)) ?? null;
  }

  end(key: string, how: Ending): void {
    const play = this.#plays.get(key);
    if (play === undefined) throw new Error(`${key} does not wait for its end`);
    play.end(how);
  }
}

function reportOf(order: AttemptOrder, how: Ending | 'aborted', question: string): RunnerReport {
  const { name, run, attempt, digest } = order;
  const told = { name, run, attempt, digest, timings: META.timings };
  const failure = { message: 'the model does not like it', scope: 'endpoint', retry_after_ms: null } as const;
  switch (how) {
    case 'answer': {
      const text = answerOf(`${name}@${run}#${attempt}`, question);
      return { ...told, outcome: 'succeeded', answer: { text, meta: metaOf(order) }, failure: null };
    }
    case 'refuse':
      return {
        ...told,
        outcome: 'errored',
        answer: null,
        failure: { ...failure, blame: 'job', reason_code: 'BadRequest' },
      };
    case 'break':
      return {
        ...told,
        outcome: 'errored',
        answer: null,
        failure: { ...failure, blame: 'transient', reason_code: 'ProviderError' },
      };
    case 'aborted':
      return { ...told, outcome: 'cancelled', answer: null, failure: null };
  }
}

function metaOf({ endpoint, model }: AttemptOrder): AnswerMeta {
  return { ...META, model, model_answered: `${model}-1`, endpoint };
}
