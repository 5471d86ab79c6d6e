/**
 * `promptd execute`: one attempt of one job by this very process. It is checked as at any door, ordered as the scheduler
 * orders, and run by what instances run; nothing is queued, shared or tried again.
 */
import { messageOf } from '../core/errors.ts';
import type {
  ExecuteObserver,
  ExecuteOptions,
  Executed,
  OpenedJob,
  ReadyJob,
  Rehearsed,
} from '../cli/deps.ts';
import type { AttemptObserver, AttemptReport } from '../core/attempt.ts';
import type { EndpointKind } from '../core/endpoints.ts';
import type { Json } from '../core/json.ts';
import { reason, type ReasonCode, REASONS } from '../core/reasons.ts';
import type { PreparedJob } from '../core/submission.ts';
import { systemClock } from '../platform/clock.ts';
import { createPrepare } from '../prompt/prepare.ts';
import { hashedAnswer } from '../scheduler/hashed-answer.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { ownRunner } from './attempt-runner.ts';
import { loadConfig, type Config } from './config.ts';
import type { Environment } from './environment.ts';
import { orderFor } from './order-for.ts';
import { Rehearsal } from './rehearsal.ts';
import { keepResult, prepareResults, resultWithoutFile } from './result-of-execute.ts';
import { refuseUnfinished } from './unfinished.ts';

export async function openJob(options: ExecuteOptions, env: Environment): Promise<OpenedJob> {
  const root = options.workspace?.root ?? options.folder;
  const config = await loadConfig(root, env);
  const prepare = createPrepare({
    endpoints: config.endpoints,
    default_endpoint: config.default_endpoint,
    links: new WorkspaceLinkReader({ root }),
  });
  const prepared = await prepare(options.job, {
    via: 'folder',
    ...(options.link === null ? {} : { link: options.link }),
  });
  if (!prepared.ok) return prepared;
  return { ok: true, job: new Execution({ options, env, config, ...prepared }) };
}

interface ExecutionOptions {
  readonly options: ExecuteOptions;
  readonly env: Environment;
  readonly config: Config;
  readonly job: PreparedJob;
  readonly warnings: readonly string[];
}

class Execution implements ReadyJob {
  readonly name: string;
  readonly digest: string;
  readonly link: string;
  readonly endpoint: string;
  readonly endpoint_kind: EndpointKind | null;
  readonly model: string;
  readonly warnings: readonly string[];
  readonly results_dir: string;
  readonly #own: ExecutionOptions;

  constructor(own: ExecutionOptions) {
    const { job, config } = own;
    this.#own = own;
    this.name = job.name;
    this.digest = job.digest;
    this.link = job.link;
    this.endpoint = job.endpoint;
    this.endpoint_kind = config.endpoints.get(job.endpoint)?.kind ?? null;
    this.model = job.model;
    this.warnings = own.warnings;
    this.results_dir = config.layout.results;
  }

  async attempt(observer: ExecuteObserver, signal: AbortSignal): Promise<Executed> {
    const { options, config, job } = this.#own;
    if (options.workspace !== null) await refuseUnfinished(options.workspace, job, observer);
    await prepareResults(config.layout);
    const began_at = systemClock.now();
    const report = await this.#run(observer, signal);
    const answer = hashedAnswer(report, null, config.prices);
    if (answer === null) return endedWithout(report);
    const prompt = report.prompt ?? job.prompt;
    const answered = { job, answer, prompt, began_at, answered_at: systemClock.now() };
    try {
      return { kind: 'answered', ...(await keepResult(config.layout, answered)) };
    } catch (error) {
      const trouble = messageOf(error);
      return { kind: 'unwritten', result: resultWithoutFile(answered), trouble };
    }
  }

  async rehearse(observer: AttemptObserver, signal: AbortSignal): Promise<Rehearsed> {
    const { env, job, config } = this.#own;
    const given = config.instance.pass_env.map((name) => env[name] ?? '');
    const rehearsal = new Rehearsal(given);
    const report = await this.#run(observer, signal, rehearsal);
    const { called: call } = rehearsal;
    if (call === null) return endedWithout(report);
    const prompt = JSON.parse(report.prompt ?? job.prompt) as Json;
    return { kind: 'rehearsed', prompt, call, exec_off: call.kind === 'program' && !this.#allowsExec };
  }

  get #allowsExec(): boolean {
    const { options, config } = this.#own;
    return options.allow_exec || config.instance.allow_exec;
  }

  async #run(observer: AttemptObserver, signal: AbortSignal, rehearsal?: Rehearsal): Promise<AttemptReport> {
    const { config, env, job } = this.#own;
    const own = ownRunner({
      endpoints: config.endpoints,
      env,
      root: config.layout.root,
      allow_exec: this.#allowsExec,
      pass_env: config.instance.pass_env,
      ...(rehearsal === undefined ? {} : { rehearsal }),
    });
    const stop = new AbortController();
    const onAbort = (): void => stop.abort('cancelled');
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      const report = await own.runner.run(orderFor(job, config), observer, stop.signal);
      return { ...report, store_id: '', log: '' };
    } finally {
      signal.removeEventListener('abort', onAbort);
      await own.close();
    }
  }
}

function endedWithout({
  failure,
}: AttemptReport): Extract<Executed, { readonly kind: 'failed' | 'stopped' }> {
  if (failure === null) return { kind: 'stopped' };
  const { reason_code: code, message } = failure;
  return { kind: 'failed', reason: { code, message: advised(code, message) } };
}

/** Advice to wait, or to ask a server, is left out: nobody tries it again by itself, and no server knows of it. */
function advised(code: ReasonCode, message: string): string {
  const { advice, when } = REASONS[code];
  return when === 'ended' && !/promptd (?:retry|logs|show)/.test(advice)
    ? reason(code, message).message
    : message;
}
