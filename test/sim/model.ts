/**
 * The models of the simulation: they answer, fail, throttle, stall, lie, and ignore that they are no longer wanted. What each
 * attempt asked and what it brought is written down here, which is the truth that the checks compare the store with. What a
 * model does is a function of the seed and the attempt alone, so that it does the same where other events are left out.
 */
import { textOf } from '../../src/core/messages.ts';
import type { AttemptFailure, AttemptObserver, AttemptOrder } from '../../src/core/attempt.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { sha256 } from '../../src/core/identity.ts';
import type { Clock } from '../../src/core/ports/clock.ts';
import type { AttemptRunner } from '../../src/core/ports/runner.ts';
import type { AnswerMeta, AttemptOutcome } from '../../src/core/rows.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { attemptKey } from './lease-watch.ts';
import type { Life } from './life.ts';
import { answerTo, DESK, type DeskProvider } from './packages.ts';

type Report = Awaited<ReturnType<AttemptRunner['run']>>;

export interface Call {
  readonly text: string;
  readonly digest: string;
  readonly instance: string;
  /** What its script made of the question; null where the prompt came with the order. */
  readonly prompt: string | null;
  /** What it brought; null while it runs, and for ever where its process died. */
  outcome: AttemptOutcome | null;
  answer: string | null;
}

/** A question that no model can answer: whose fault that is is clear. */
export const BAD = 'bad';

const TIMINGS = { queued_ms: null, build_ms: 1, first_token_ms: 2, call_ms: 3 };
/** What breaks: the same error three times in a row is given up. */
const MATTER = ['pipe', 'wire', 'glass', 'word', 'peace'];
/** Failures that are the endpoint's, not the job's. */
const HOLDS = [
  { reason_code: 'ModelMissing', message: 'no such model', scope: 'model' },
  { reason_code: 'EndpointAuth', message: 'the key is wrong', scope: 'endpoint' },
  { reason_code: 'EndpointQuota', message: 'the quota is empty', scope: 'endpoint' },
  { reason_code: 'EndpointUnreachable', message: 'nobody listens', scope: 'endpoint' },
] as const;

/** Where an attempt runs. */
interface Place {
  readonly instance: string;
  readonly workspace: boolean;
  readonly desk: DeskProvider;
}

/** What is asked, and the prompt that a script makes of it: another one at each attempt, as scripts that are not pure may. */
function askedBy(order: AttemptOrder): Pick<Call, 'text' | 'prompt'> {
  if (order.recipe?.kind === 'script') {
    const { args } = order.recipe.script;
    const text = typeof args === 'string' ? args : '';
    const content = `${text}, as its script put it at ${attemptKey(order)}`;
    return { text, prompt: canonicalJson([{ role: 'user', content }]) };
  }
  const last = order.messages.at(-1);
  return { text: last === undefined ? '' : textOf(last), prompt: null };
}

interface Play {
  readonly order: AttemptOrder;
  readonly call: Call;
  readonly key: string;
  readonly random: SeededRandom;
  readonly life: Life;
  readonly observer: AttemptObserver;
  readonly signal: AbortSignal;
  readonly end: (report: Report) => void;
  readonly reject: (error: Error) => void;
}

export class Models {
  /** By `name@run#attempt`. */
  readonly calls = new Map<string, Call>();
  /** All that was ever asked: databases that are put back, or made again, count attempts anew. */
  readonly ever = new Map<string, Call[]>();
  readonly #seed: number;
  /** Part of the questions that fail, and may be asked again. */
  readonly #flaky: number;
  readonly #clock: Clock;
  readonly #broken: (rule: string, message: string) => void;
  /** Whether an attempt is on disk. */
  mayRun: (key: string) => boolean = () => true;
  /** Whether another database has given out an attempt of this number. */
  isPast: (key: string) => boolean = () => false;
  /** No more whims: every question that can be answered is, soon. */
  honest = false;
  /** By endpoint. Monotonic ms of the world. */
  readonly throttled = new Map<string, { readonly until: number; readonly retry_after_ms: number | null }>();
  /** The longest patience that any of them has asked for. */
  patience_ms = 0;
  /** Until then they answer one instance, and fail for all the others. */
  partial: { readonly to: string; readonly until: number } = { to: '', until: 0 };
  stalling_until = 0;
  lying_until = 0;

  constructor(seed: number, clock: Clock, broken: (rule: string, message: string) => void) {
    this.#seed = seed;
    this.#flaky = seed % 3 === 0 ? 0.6 : 0.1;
    this.#clock = clock;
    this.#broken = broken;
  }

  runnerOf({ instance, workspace, desk }: Place, life: Life): AttemptRunner {
    return {
      run: (order, observer, signal) => {
        const key = attemptKey(order);
        if (order.recipe !== null && !workspace)
          this.#broken('needs', `${key} has a script, and runs on ${instance}, which has no workspace`);
        if (this.calls.has(key) && !this.isPast(key)) this.#broken('fence', `${key} was begun twice`);
        if (!this.mayRun(key)) this.#broken('told before disk', `${key} runs and is not on disk`);
        const { text, prompt } = askedBy(order);
        const call: Call = { text, prompt, digest: order.digest, instance, outcome: null, answer: null };
        this.calls.set(key, call);
        this.ever.set(key, [...(this.ever.get(key) ?? []), call]);
        const random = new SeededRandom(Number.parseInt(sha256(`${this.#seed} ${key}`).slice(0, 8), 16));
        return new Promise((resolve, reject) => {
          const end = (report: Report): void => {
            if (call.outcome === null) {
              call.outcome = report.outcome;
              call.answer = report.answer?.text ?? null;
            }
            resolve(prompt === null ? report : { ...report, prompt });
          };
          const play = { order, call, key, random, life, observer, signal, end, reject };
          if (order.endpoint === DESK) this.#atDesk(play, desk);
          else this.#play(play);
        });
      },
    };
  }

  #play(play: Play): void {
    const { order, random, life, signal, end, observer } = play;
    const limit = life.after(order.attempt_timeout_ms, () =>
      end(failed(order, 'timed_out', { reason_code: 'TotalTimeout', message: 'not done in time' })),
    );
    const deaf = !this.honest && random.next() < 0.1;
    signal.addEventListener('abort', () => {
      const outcome = signal.reason === 'interrupted' ? 'interrupted' : 'cancelled';
      if (deaf) return;
      life.after(random.below(200), () => end({ ...refOf(order), outcome, answer: null, failure: null }));
    });
    if (random.next() < 0.2) observer.log('info', `asks ${order.model}`);
    const slow = !this.honest && random.next() < 0.2;
    const stalls = !this.honest && (random.next() < 0.03 || this.#now < this.stalling_until);
    if (stalls) return;
    const quick = this.honest || this.#isPartial;
    life.after(20 + random.below(quick ? 500 : slow ? 30_000 : 5_000), () => {
      limit.cancel();
      const lies = !this.honest && this.#now < this.lying_until && random.next() < 0.7;
      if (lies && !play.call.text.startsWith(BAD)) this.#lie(play);
      else end(this.#outcome(play));
    });
  }

  /** What an AI package answers; an attempt that ends without its answer leaves it there. */
  #atDesk(play: Play, desk: DeskProvider): void {
    const { order, call, key, life, signal, end, observer } = play;
    if (call.text.startsWith(BAD)) return void life.after(20, () => end(this.#outcome(play)));
    const controller = new AbortController();
    const limit = life.after(order.attempt_timeout_ms, () => controller.abort('TotalTimeout'));
    signal.addEventListener('abort', () => controller.abort(signal.reason));
    const question = `${call.prompt ?? call.text} [${key}]`;
    desk.ask(order, question, observer, controller.signal).then(
      (outcome) => {
        limit.cancel();
        if ('failure' in outcome) return end(failed(order, 'errored', outcome.failure));
        if (outcome.text !== answerTo(question))
          this.#broken('quarantine', `${key} asked "${question}" and was given: ${outcome.text}`);
        const answer = { text: outcome.text, meta: metaOf(order) };
        return end({ ...refOf(order), outcome: 'succeeded', answer, failure: null });
      },
      (reason: unknown) => {
        limit.cancel();
        if (reason === 'TotalTimeout')
          return end(
            failed(order, 'timed_out', { reason_code: 'TotalTimeout', message: 'not done in time' }),
          );
        const how = reason === 'interrupted' ? 'interrupted' : 'cancelled';
        return end({ ...refOf(order), outcome: how, answer: null, failure: null });
      },
    );
  }

  get #isPartial(): boolean {
    return this.#now < this.partial.until;
  }

  get #now(): number {
    return this.#clock.monotonic();
  }

  /** What a runner must not do, and an instance must not believe. */
  #lie(play: Play): void {
    const { order, random, call, end, reject, observer } = play;
    const answer = this.#answer(play);
    switch (random.below(5)) {
      case 0:
        // Of another attempt.
        return end({ ...answer, name: `${order.name}-x`, run: order.run + 1, attempt: 99, digest: '0' });
      case 1:
        // Twice, and it goes on speaking.
        end(answer);
        end(failed(order, 'errored', { message: 'a second outcome' }));
        return observer.log('info', 'still here');
      case 2:
        // A success without an answer.
        call.outcome ??= 'errored';
        return end({ ...refOf(order), outcome: 'succeeded', answer: null, failure: null });
      case 3:
        call.outcome ??= 'errored';
        return reject(new Error('the runner broke'));
      default: {
        // No shape at all.
        call.outcome ??= 'errored';
        return end({ ...answer, answer: { text: 7, meta: null } } as unknown as Report);
      }
    }
  }

  #outcome(play: Play): Report {
    const { order, random } = play;
    if (play.call.text.startsWith(BAD))
      return failed(order, 'errored', {
        blame: 'job',
        reason_code: 'BadRequest',
        message: 'the question is bad',
      });
    if (this.honest) return this.#answer(play);
    const throttled = this.throttled.get(order.endpoint);
    if (throttled !== undefined && this.#now < throttled.until)
      return failed(order, 'rate_limited', {
        blame: 'throttled',
        reason_code: 'EndpointThrottled',
        message: '429',
        scope: random.next() < 0.7 ? 'endpoint' : 'model',
        retry_after_ms: throttled.retry_after_ms,
      });
    const whim = random.next();
    const favoured = this.#isPartial && play.call.instance === this.partial.to;
    if (whim < (favoured ? 0 : this.#isPartial ? 0.95 : this.#flaky))
      return failed(order, 'errored', { message: `broken ${MATTER[random.below(MATTER.length)] ?? ''}` });
    const hold = whim > 0.97 ? HOLDS[random.below(HOLDS.length)] : undefined;
    return hold === undefined ? this.#answer(play) : failed(order, 'errored', { blame: 'hold', ...hold });
  }

  #answer({ order, call, key, random }: Play): Report {
    // Nothing at all is an answer, too.
    const text = random.next() < 0.03 ? '' : `The answer of ${key} to "${call.text}".`;
    return { ...refOf(order), outcome: 'succeeded', answer: { text, meta: metaOf(order) }, failure: null };
  }
}

/** What the simulated platform says of an answer. */
export function metaOf({ model, endpoint }: Pick<AttemptOrder, 'model' | 'endpoint'>): AnswerMeta {
  return {
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
