/**
 * AI packages (R28 to R33): a module of the user with `get_job_status`, `submit_job` and `retrieve_job` is asked as if it were
 * a platform. It runs in children; the job is submitted to an id that is free, and looked at from time to time.
 */
import { unlessAborted } from '../core/abortable.ts';
import type { AttemptObserver } from '../core/attempt.ts';
import type { Json } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import type { ChildEnd } from '../core/ports/children.ts';
import type { Timers } from '../core/ports/clock.ts';
import {
  ProviderError,
  type Provider,
  type ProviderAnswer,
  type ProviderCall,
} from '../core/ports/provider.ts';
import { packageError, PackageFaultError, shownOutcome, tooLarge, traceOf } from './faults.ts';
import { answerFrom, type PackageAnswer } from './package-answer.ts';
import type { PackageId } from './package-id.ts';
import { fileTypeOf, sentJob } from './package-job.ts';
import { PackagePool, type PackageSettings, type PoolOptions } from './package-pool.ts';
import type { CallOutcome, PackageFunction } from './protocol.ts';

export interface AiPackageOptions extends Pick<PoolOptions, 'children' | 'clock' | 'timers' | 'env'> {
  /** Rejects where a process that ended so was ended together with its instance: that is no fault of the package. */
  readonly unlessInterrupted?: (end: ChildEnd, signal: AbortSignal) => Promise<void>;
  readonly limits?: Partial<Pick<PoolOptions, 'quarantine_ms' | 'call_timeout_ms' | 'start_timeout_ms'>>;
}

/** A package may say 0 while what it has just taken is on its way; twice in a row it has lost the job. */
const IDLE_LOOKS_MAX = 2;

export class AiPackageProvider implements Provider {
  readonly #options: PoolOptions;
  readonly #unlessInterrupted: AiPackageOptions['unlessInterrupted'];
  readonly #pools = new Map<string, PackagePool>();

  constructor({ limits, unlessInterrupted, ...options }: AiPackageOptions) {
    this.#unlessInterrupted = unlessInterrupted;
    this.#options = {
      quarantine_ms: LIMITS.package_quarantine_ms,
      call_timeout_ms: LIMITS.package_call_timeout_ms,
      start_timeout_ms: LIMITS.package_start_timeout_ms,
      ...limits,
      ...options,
    };
  }

  async call(call: ProviderCall, observer: AttemptObserver, signal: AbortSignal): Promise<ProviderAnswer> {
    const { endpoint, model, parameters, extra, drawer } = call;
    const settings = endpoint.settings as unknown as PackageSettings;
    let answer: PackageAnswer;
    try {
      answer = await this.#ask(call, settings, observer, signal);
    } catch (error) {
      if (!(error instanceof PackageFaultError)) throw error;
      if (error.fault.kind === 'died') await this.#unlessInterrupted?.(error.fault.end, signal);
      const trace = traceOf(error.fault);
      if (trace !== '') observer.log('stderr', trace);
      throw new ProviderError(packageError(endpoint.name, error.message), error);
    }
    observer.text(answer.text);
    return {
      ...answer,
      reasoning: null,
      model_answered: null,
      finish_reason: 'stop',
      usage: null,
      parameters_sent: { model, ...parameters, ...extra, ...drawer },
      warnings: [],
    };
  }

  /** A package names none: what stands after the colon is its own affair. */
  async models(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  /** Ends every process. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(async (pool) => pool.close()));
  }

  #poolOf({ endpoint }: ProviderCall, settings: PackageSettings): PackagePool {
    const there = this.#pools.get(endpoint.name);
    if (there !== undefined) return there;
    const pool = new PackagePool(settings, this.#options);
    this.#pools.set(endpoint.name, pool);
    return pool;
  }

  async #ask(
    call: ProviderCall,
    settings: PackageSettings,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<PackageAnswer> {
    signal.throwIfAborted();
    const id = await this.#poolOf(call, settings).take(observer, signal);
    const asked = new Asked(id, signal);
    try {
      await asked.submit(call);
      observer.log('info', `submitted to id ${id.number}`);
      const answer = await this.#answerOf(asked, call, settings.poll_ms, observer);
      id.release('answered');
      return answer;
    } catch (error) {
      id.release('given_up');
      throw error;
    }
  }

  /** Nothing waits until the job is done: it is looked at from time to time (R32). */
  async #answerOf(
    asked: Asked,
    call: ProviderCall,
    poll_ms: number,
    observer: AttemptObserver,
  ): Promise<PackageAnswer> {
    for (let idle = 0; ;) {
      await asked.pause(this.#options.timers, poll_ms);
      const status = await asked.status();
      if (status === 1) {
        const answer = await asked.retrieve(call);
        if (answer !== null) return answer;
      }
      idle = status === 0 ? idle + 1 : 0;
      if (idle >= IDLE_LOOKS_MAX)
        throw new ProviderError(
          packageError(
            call.endpoint.name,
            `id ${asked.id.number} took the job and then said 0 (not in use) instead of -1 (generating) or 1 (completed).`,
          ),
        );
      // A package has no tokens; that it is at work is its sign of life.
      if (status === -1) observer.phase('streaming');
    }
  }
}

/** The three calls of one attempt. An abort leaves a call behind that is under way, for nobody to hear. */
class Asked {
  readonly id: PackageId;
  readonly signal: AbortSignal;

  constructor(id: PackageId, signal: AbortSignal) {
    this.id = id;
    this.signal = signal;
  }

  /** Ends early where the process ends: a package that died answers no more. */
  async pause(timers: Timers, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = timers.after(ms, resolve);
    try {
      await unlessAborted(Promise.race([promise, this.id.lost]), this.signal);
    } finally {
      timer.cancel();
    }
  }

  async submit(call: ProviderCall): Promise<void> {
    const job = sentJob(call) as unknown as Json;
    const outcome = await this.#call('submit_job', { job });
    const code = codeOf(outcome, 'submit_job', [0, -1], '0 (success) or -1 (failure)');
    if (code === -1)
      throw new ProviderError(
        packageError(call.endpoint.name, `submit_job said -1 (failure) for id ${this.id.number}.`),
      );
  }

  async status(): Promise<number> {
    const outcome = await this.#call('get_job_status', {});
    return codeOf(outcome, 'get_job_status', [-1, 0, 1], '-1, 0 or 1');
  }

  /** Null: it is not done after all. */
  async retrieve({ endpoint, drawer, result_bytes_max }: ProviderCall): Promise<PackageAnswer | null> {
    const outcome = await this.#call('retrieve_job', { bytes_max: result_bytes_max });
    if (outcome.kind === 'none') return null;
    if (outcome.kind === 'too_large')
      throw new ProviderError(tooLarge(endpoint.name, outcome.bytes, result_bytes_max));
    if (outcome.kind === 'file' && outcome.data.length > result_bytes_max)
      throw new ProviderError(tooLarge(endpoint.name, outcome.data.length, result_bytes_max));
    if (outcome.kind === 'text' || outcome.kind === 'file') return answerFrom(outcome, fileTypeOf(drawer));
    throw notAsAgreed(outcome, 'retrieve_job', 'text, bytes, a path, or nothing while it is not done');
  }

  async #call(
    call: PackageFunction,
    more: { readonly job?: Json; readonly bytes_max?: number },
  ): Promise<CallOutcome> {
    this.signal.throwIfAborted();
    return unlessAborted(this.id.call({ call, ...more }), this.signal);
  }
}

function codeOf(
  outcome: CallOutcome,
  call: PackageFunction,
  codes: readonly number[],
  expected: string,
): number {
  if (outcome.kind === 'code' && codes.includes(outcome.code)) return outcome.code;
  throw notAsAgreed(outcome, call, expected);
}

function notAsAgreed(outcome: CallOutcome, call: PackageFunction, expected: string): PackageFaultError {
  if (outcome.kind === 'raised')
    return new PackageFaultError({ kind: 'raised', call, message: outcome.message, trace: outcome.trace });
  return new PackageFaultError({ kind: 'nonsense', call, expected, got: shownOutcome(outcome) });
}
