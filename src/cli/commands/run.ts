import path from 'node:path';
import type { Client } from '../../client/client.ts';
import { EXIT } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import type { EndpointNames } from '../deps.ts';
import type { Board } from '../following/board.ts';
import { waitForInterrupts } from '../following/interrupts.ts';
import { type EndedBefore, reportLines, resultsShown, type RunReport } from '../following/run-report.ts';
import { RunSession } from '../following/run-session.ts';
import { exitOf, failures, spent } from '../following/summary.ts';
import { checkJobs } from '../intake/check.ts';
import { collectJobs } from '../intake/collect.ts';
import { filesWrong, showFaults } from '../intake/fault-text.ts';
import type { FileFault, SourceJob } from '../intake/source-job.ts';
import { formatRunRef } from '../../core/names.ts';
import { hasEnded, type RunState } from '../../core/states.ts';
import { count, many } from '../quantities.ts';
import { shortRef } from '../short-ref.ts';
import { JobsRefused } from '../submission.ts';
import { adHocJob, freshWord, jobDefaults } from '../submit-options.ts';
import { askOnce } from '../following/ask-once.ts';

/** Submit, wait, summarise. */
export async function run(context: Context): Promise<number> {
  const adHoc = await adHocJob(context);
  if (adHoc !== null) return askOnce(context, adHoc);
  const on_invalid = context.given.oneOf('onInvalid', ['refuse', 'skip']) ?? 'refuse';
  const if_exists = context.given.oneOf('ifExists', ['same', 'new_run']) ?? 'new_run';
  const { right, faults } = await readJobs(context);
  if (faults.length > 0) {
    showFaults(context.out, faults);
    if (on_invalid === 'refuse') {
      context.out.complain(
        `${filesWrong(faults)}; nothing was submitted. To leave them out: --on-invalid skip`,
      );
      return EXIT.invalid_job;
    }
  }
  if (right.length === 0) {
    context.out.notice(
      'There is no job to run. A job is a file like jobs/faq-17.json; an example: promptd init',
    );
    return faults.length > 0 ? EXIT.invalid_job : EXIT.ok;
  }
  return follow(context, right, faults, { if_exists, on_invalid });
}

interface Right {
  readonly right: readonly SourceJob[];
  readonly faults: readonly FileFault[];
}

/** The jobs that are meant, checked as far as it can be done without a server. Shared with `submit`. */
export async function readJobs(context: Context): Promise<Right> {
  const { deps, given, args } = context;
  const workspace = args.length > 0 && context.isRemote ? null : await context.workspace();
  const intake = await collectJobs({
    cwd: deps.cwd,
    paths: args,
    jobs_dir: args.length > 0 ? null : (await context.needWorkspace()).jobs_dir,
    defaults: jobDefaults(context),
    stdin: deps.stdin,
    limit: given.whole('limit', { min: 1, max: 1_000_000_000 }) ?? null,
  });
  // A server elsewhere has endpoints of its own: what they are called is its to judge.
  if (workspace === null || context.isRemote) return { right: intake.jobs, faults: intake.faults };
  const known: EndpointNames = await workspace.endpoints();
  const checked = checkJobs(intake.jobs, known);
  const right = checked.right.map((one) =>
    withLink(one, path.resolve(deps.cwd, one.file), workspace.jobs_dir),
  );
  return { right, faults: [...intake.faults, ...checked.faults] };
}

/** A job that stands in `jobs/` says so, and no second file is made of it. */
function withLink(source: SourceJob, file: string, jobsDir: string): SourceJob {
  if (path.dirname(file) !== jobsDir) return source;
  return { ...source, job: { ...source.job, link: path.basename(file) } };
}

interface How {
  readonly if_exists: 'same' | 'new_run';
  readonly on_invalid: 'refuse' | 'skip';
}

async function follow(
  context: Context,
  jobs: readonly SourceJob[],
  left_out: readonly FileFault[],
  how: How,
): Promise<number> {
  const { out, deps } = context;
  const started_at = deps.now();
  const interrupts = waitForInterrupts(context);
  const session = new RunSession({
    context,
    jobs,
    ...how,
    fresh: freshWord(context),
    signal: interrupts.signal,
  });
  try {
    await session.toEnd();
    const elapsed_ms = deps.now() - started_at;
    showFaults(out, session.submitted?.refused ?? []);
    const report = await session.ask((client) =>
      reportOf({ context, client, session, left_out, elapsed_ms, signal: interrupts.signal }),
    );
    if (out.json) await out.value(report);
    else {
      const shown = resultsShown(context, await context.workspace());
      for (const line of reportLines(out, report, shown)) await out.line(line);
    }
    const code = exitOf(session.board);
    return code === EXIT.ok && report.refused > 0 ? EXIT.invalid_job : code;
  } catch (error) {
    if (interrupts.cause === 'interrupted') return interrupted(context, session);
    if (!(error instanceof JobsRefused)) throw error;
    showFaults(out, error.faults);
    out.complain(`${filesWrong(error.faults)}; nothing was submitted.`);
    return error.exit;
  } finally {
    interrupts.stop();
  }
}

interface Ended {
  readonly context: Context;
  readonly client: Client;
  readonly session: RunSession;
  readonly left_out: readonly FileFault[];
  readonly elapsed_ms: number;
  readonly signal: AbortSignal;
}

async function reportOf({
  context,
  client,
  session,
  left_out,
  elapsed_ms,
  signal,
}: Ended): Promise<RunReport> {
  const { board, submitted } = session;
  if (submitted === null) throw new Error('a run that has ended was submitted');
  const { answer, refused } = submitted;
  const isNew = answer.jobs.length > answer.answered_before;
  if (isNew && !context.isRemote) await session.published(client);
  const workspace = context.isRemote ? null : await context.workspace();
  const [completed] = board.runs('completed');
  return {
    jobs: board.total,
    created: answer.created,
    answered_before: answer.answered_before,
    shared: answer.shared,
    known: answer.known,
    ended_before: endedBefore(answer.jobs),
    next_runs: answer.next_runs ?? null,
    refused: new Set([...left_out, ...refused].map(({ file, fault }) => `${file}:${fault.line ?? 0}`)).size,
    states: board.counts(),
    spent: isNew ? await spent(client, notEndedBefore(board, answer.jobs), signal) : null,
    elapsed_ms,
    failures: await failures(client, board, signal),
    results_dir: workspace?.results_dir ?? null,
    example: completed === undefined ? null : shortRef(completed),
  };
}

type Receipt = readonly { readonly name: string; readonly run: number; readonly state: RunState }[];

/** Runs that had ended without an answer when they were submitted; submitting does not ask them again. */
function endedBefore(receipt: Receipt): EndedBefore[] {
  const states = ['failed', 'cancelled'] as const;
  return states.flatMap((state) => {
    const names = receipt.filter((one) => one.state === state).map((one) => shortRef(one));
    return names.length === 0 ? [] : [{ state, names }];
  });
}

/** Runs that were still to be asked when they were submitted: what this `run` waited for. */
function notEndedBefore(board: Board, receipt: Receipt): ReturnType<Board['runs']> {
  const before = new Set(receipt.filter(({ state }) => hasEnded(state)).map((one) => formatRunRef(one)));
  return board.runs().filter((one) => !before.has(formatRunRef(one)));
}

function interrupted(context: Context, session: RunSession): number {
  const { out } = context;
  const { board } = session;
  if (session.submitted === null) {
    out.complain(
      'Stopped. Whether the submission had arrived shows: promptd status. Submitting again asks nothing twice.',
    );
    return EXIT.interrupted;
  }
  const left = board.total - board.ended;
  out.complain(
    `Stopped waiting; ${count(board.ended)} of ${many(board.total, 'job')} done, ${count(left)} go on without you. Nothing is lost.`,
  );
  const server = session.startedServer
    ? 'The server goes on in the background and ends by itself when idle. '
    : '';
  out.complain(
    `${server}Look: promptd status. Wait again: promptd run. Stop them: promptd cancel NAME, or --all.`,
  );
  return EXIT.interrupted;
}
