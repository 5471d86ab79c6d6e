/** What became of the runs that were waited for, in a few lines that say what to do next. */
import type { Client } from '../../client/client.ts';
import { EXIT } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import { REASONS } from '../../core/reasons.ts';
import type { AttemptView, BatchView, JobDetail } from '../../core/views.ts';
import { shortRef } from '../short-ref.ts';
import type { Board, RunSeen } from './board.ts';

export interface FailureGroup {
  readonly reason: string;
  readonly runs: number;
  /** One of them, and what happened to it. */
  readonly example: string;
  readonly message: string;
  readonly advice: string;
}

export interface Spent {
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** Answers of which the platform did not say how many tokens they took: they are in no sum. */
  readonly tokens_unknown: number;
  readonly attempts: number;
  /** As far as it is known, one sum for each currency. */
  readonly cost: BatchView['cost'];
  /** Answers whose cost is not known. */
  readonly cost_unknown: number;
  readonly warnings: readonly { readonly name: string; readonly warning: string }[];
}

/** Details are asked of so many runs at most: a summary of a large batch must not take as long as the batch. */
const DETAILS_MAX = 1_000;
const AT_ONCE = 8;

/** Exit code by the worst end. */
export function exitOf(board: Board): number {
  if (board.count('failed') > 0) return EXIT.job_failed;
  return board.count('cancelled') > 0 ? EXIT.cancelled : EXIT.ok;
}

/** Failed runs by reason, the commonest first. */
export async function failures(
  client: Client,
  board: Board,
  signal: AbortSignal,
): Promise<readonly FailureGroup[]> {
  const failed = board.runs('failed');
  const known = await withReasons(client, failed, signal);
  const groups = new Map<string, RunSeen[]>();
  for (const run of known)
    groups.set(run.reason ?? 'unknown', [...(groups.get(run.reason ?? 'unknown') ?? []), run]);
  const sorted = [...groups].toSorted(([, a], [, b]) => b.length - a.length);
  return Promise.all(
    sorted.map(async ([reason, runs]) => {
      const [first] = runs;
      const example = first === undefined ? '' : shortRef(first);
      const job = await client.job(first === undefined ? '' : formatRunRef(first), { signal });
      const row = Object.hasOwn(REASONS, reason) ? REASONS[reason as keyof typeof REASONS] : undefined;
      return {
        reason,
        runs: runs.length,
        example,
        message: job.reason?.message ?? '',
        advice: row?.advice ?? '',
      };
    }),
  );
}

/** Runs that had ended before anybody listened come without a reason. */
async function withReasons(
  client: Client,
  runs: readonly RunSeen[],
  signal: AbortSignal,
): Promise<readonly RunSeen[]> {
  let asked = 0;
  return mapSome(runs, async (run) => {
    if (run.reason != null || asked++ >= DETAILS_MAX) return run;
    const job = await client.job(formatRunRef(run), { signal });
    return { ...run, reason: job.reason?.code ?? null };
  });
}

/** Tokens and warnings of these runs; null where they are too many to ask one by one. */
export async function spent(
  client: Client,
  runs: readonly RunSeen[],
  signal: AbortSignal,
): Promise<Spent | null> {
  if (runs.length > DETAILS_MAX) return null;
  const jobs = await mapSome(runs, (run) => client.job(formatRunRef(run), { with: ['attempts'], signal }));
  const attempts = jobs.flatMap((job) => attemptsOf(job).map((attempt) => ({ job, attempt })));
  const sum = (of: 'input' | 'output'): number =>
    attempts.reduce((total, { attempt }) => total + (attempt.usage?.[of] ?? 0), 0);
  return {
    input_tokens: sum('input'),
    output_tokens: sum('output'),
    tokens_unknown: attempts.filter(({ attempt }) => isAnswer(attempt) && attempt.usage?.output == null)
      .length,
    attempts: attempts.length,
    ...costOf(attempts.map(({ attempt }) => attempt)),
    warnings: attempts.flatMap(({ job, attempt }) =>
      attempt.warnings.map((warning) => ({ name: shortRef(job), warning })),
    ),
  };
}

/** What is sent is said with an answer, kept or refused, and never without one. */
function isAnswer({ parameters_sent }: AttemptView): boolean {
  return parameters_sent !== null;
}

function costOf(attempts: readonly AttemptView[]): Pick<Spent, 'cost' | 'cost_unknown'> {
  const sums = new Map<string, number>();
  let cost_unknown = 0;
  for (const attempt of attempts) {
    const { cost } = attempt;
    if (cost !== null) sums.set(cost.currency, (sums.get(cost.currency) ?? 0) + cost.amount);
    else if (isAnswer(attempt)) cost_unknown++;
  }
  return { cost: [...sums].map(([currency, amount]) => ({ currency, amount })), cost_unknown };
}

/** A run that took the answer of another was not asked for itself. */
function attemptsOf(job: JobDetail): NonNullable<NonNullable<JobDetail['with']>['attempts']> {
  return job.with?.attempts ?? [];
}

async function mapSome<T, R>(items: readonly T[], fn: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) {
      const item = items[i];
      if (item !== undefined) results[i] = await fn(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
