/**
 * `promptd execute`: one attempt of one job by this very process. It is checked as at any door, ordered as the scheduler
 * orders, and run by what instances run; nothing is queued, shared or tried again.
 */
import type { ExecuteObserver, ExecuteOptions, Executed, OpenedJob, ReadyJob } from '../cli/deps.ts';
import { reason, type ReasonCode, REASONS } from '../core/reasons.ts';
import type { PreparedJob } from '../core/submission.ts';
import { systemClock } from '../platform/clock.ts';
import { createPrepare } from '../prompt/prepare.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { ownRunner } from './attempt-runner.ts';
import { loadConfig, type Config } from './config.ts';
import type { Environment } from './environment.ts';
import { orderFor } from './order-for.ts';
import { keepResult, prepareResults, resultOfText, resultText } from './result-of-execute.ts';
import { refuseUnfinished } from './unfinished.ts';

/** What an attempt gave before its outcome is put into words. */
type Report = Awaited<ReturnType<ReturnType<typeof ownRunner>['runner']['run']>>;

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
  readonly warnings: readonly string[];
  readonly results_dir: string;
  readonly #own: ExecutionOptions;

  constructor(own: ExecutionOptions) {
    this.#own = own;
    this.warnings = own.warnings;
    this.results_dir = own.config.layout.results;
  }

  get name(): string {
    return this.#own.job.name;
  }

  get digest(): string {
    return this.#own.job.digest;
  }

  get link(): string {
    return this.#own.job.link;
  }

  get endpoint(): string {
    return this.#own.job.endpoint;
  }

  get model(): string {
    return this.#own.job.model;
  }

  async attempt(observer: ExecuteObserver, signal: AbortSignal): Promise<Executed> {
    const { options, config, env, job } = this.#own;
    if (options.workspace !== null) await refuseUnfinished(options.workspace, job, observer);
    await prepareResults(config.layout);
    const began_at = systemClock.now();
    const own = ownRunner({
      endpoints: config.endpoints,
      env,
      root: config.layout.root,
      allow_exec: options.allow_exec || config.instance.allow_exec,
      pass_env: config.instance.pass_env,
    });
    const stop = new AbortController();
    const onAbort = (): void => stop.abort('cancelled');
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      const report = await own.runner.run(orderFor(job, config), observer, stop.signal);
      return await this.#ended(report, began_at);
    } finally {
      signal.removeEventListener('abort', onAbort);
      await own.close();
    }
  }

  async #ended(report: Report, began_at: number): Promise<Executed> {
    const { job, config } = this.#own;
    const { answer, failure } = report;
    if (answer === null) {
      if (failure === null) return { kind: 'stopped' };
      const { reason_code: code, message } = failure;
      return { kind: 'failed', reason: { code, message: advised(code, message) } };
    }
    const answered_at = systemClock.now();
    const prompt = report.prompt ?? job.prompt;
    const { prices, layout } = config;
    const text = resultText({ job, link: job.link, answer, prompt, began_at, answered_at, prices });
    const result = resultOfText(text);
    try {
      const file = await keepResult(layout, job.name, text, answered_at);
      return { kind: 'answered', result, file };
    } catch (error) {
      return { kind: 'unwritten', result, trouble: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** Advice to wait, or to ask a server, is left out: nobody tries it again by itself, and no server knows of it. */
function advised(code: ReasonCode, message: string): string {
  const { advice, when } = REASONS[code];
  return when === 'ended' && !/promptd (?:retry|logs|show)/.test(advice)
    ? reason(code, message).message
    : message;
}
