/** Lists of runs and one run: what is stored, combined with what its instance says. */
import { parseRunRef, type RunRef } from '../../core/names.ts';
import type { CountBy } from '../../core/ports/read-store.ts';
import type { Reason } from '../../core/reasons.ts';
import type { RunRow } from '../../core/rows.ts';
import { hasEnded } from '../../core/states.ts';
import type { JobDetail } from '../../core/views.ts';
import { countsOut, jobDetailOut, jobsOut, problemOut } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { NoSuchJob } from '../no-such-job.ts';
import { longPoll } from '../long-poll.ts';
import { refuse } from '../problems.ts';
import { promptSent } from '../prompt-sent.ts';
import { countsQuery, isTrue, jobQuery, listQuery, refParams } from '../schemas.ts';
import { filterOf, statesOf, wordsOf } from '../selection.ts';
import { byShownReason } from '../shown-reason.ts';
import { attemptView, jobLine, jsonOf, runsView } from '../views.ts';

const COUNT_BY: readonly CountBy[] = ['state', 'reason', 'model', 'endpoint', 'batch'];
const DETAILS = ['attempts', 'spec', 'prompt', 'request', 'runs'] as const;
type DetailPart = (typeof DETAILS)[number];
/** Those that are kept with what is asked. */
const OF_SPEC: ReadonlySet<DetailPart> = new Set(['spec', 'prompt', 'request']);
const RUNS_SHOWN_MAX = 100;
const NO_LANES: ReadonlyMap<number, Reason> = new Map();

export function listRoutes(app: App, context: HttpContext): void {
  const { reads, limits } = context.options;

  app.get(
    '/jobs',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List jobs, newest first',
        querystring: listQuery,
        response: { 200: jobsOut, '4xx': problemOut },
      },
    },
    async ({ query }) => {
      const filter = filterOf(
        query,
        statesOf(query.state),
        query.latest === undefined || isTrue(query.latest),
        'query',
      );
      const limit = Math.min(query.limit ?? limits.page_runs, limits.page_runs_max);
      const before = query.cursor === undefined ? null : Number(query.cursor);
      const known = await context.knowledge();
      const stored = byShownReason(filter, known.lanes);
      if (stored === null) return { jobs: [], next_cursor: null };
      const page = reads.runs(stored, limit, before);
      const next_cursor = page.next_before === null ? null : String(page.next_before);
      return { jobs: page.runs.map((run) => jobLine(run, known)), next_cursor };
    },
  );

  app.get(
    '/jobs/counts',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Count jobs',
        querystring: countsQuery,
        response: { 200: countsOut, '4xx': problemOut },
      },
    },
    async ({ query }) => {
      const filter = filterOf(
        query,
        statesOf(query.state),
        query.latest === undefined || isTrue(query.latest),
        'query',
      );
      const by = wordsOf(query.by, COUNT_BY, 'query.by');
      const stored = byShownReason(
        filter,
        filter.reason === undefined ? NO_LANES : await context.lanes.get(),
      );
      const counts = stored === null ? [] : reads.counts(by.length === 0 ? ['state'] : by, stored);
      return { counts, total: counts.reduce((sum, { runs }) => sum + runs, 0) };
    },
  );
}

export function jobRoutes(app: App, context: HttpContext): void {
  const { limits } = context.options;

  app.get(
    '/jobs/:ref',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'One job, or a run of it',
        params: refParams,
        querystring: jobQuery,
        response: { 200: jobDetailOut, '4xx': problemOut },
      },
    },
    async ({ params, query }, reply) => {
      const parts = wordsOf(query.with, DETAILS, 'query.with');
      const wait_ms = Math.min((query.wait ?? 0) * 1_000, limits.wait_max_ms);
      const life = context.lifeOf(reply);
      const run = await endOf(context, context.run(refOf(params.ref)), wait_ms, life);
      const view = await context.liveView(run);
      return parts.length === 0
        ? view
        : { ...view, with: detailsOf(context, run, parts, query.attempt ?? null) };
    },
  );
}

/** The reference in a path, checked by its schema. */
export function refOf(text: string): RunRef {
  const ref = parseRunRef(text);
  if (ref === null) throw refuse('path.ref', 'a name, or name@run', text);
  return ref;
}

async function endOf(context: HttpContext, run: RunRow, wait_ms: number, life: AbortSignal): Promise<RunRow> {
  if (wait_ms === 0 || hasEnded(run.state)) return run;
  return longPoll(context, {
    listen: (ring) => context.hub.onRun(run.name, run.run, ring),
    look: () => {
      const now = context.options.reads.runById(run.id);
      if (now === null) throw new NoSuchJob(run);
      return now;
    },
    done: (now) => hasEnded(now.state),
    wait_ms,
    life,
  });
}

function detailsOf(
  context: HttpContext,
  run: RunRow,
  parts: readonly DetailPart[],
  attempt: number | null,
): NonNullable<JobDetail['with']> {
  const { reads } = context.options;
  const spec = parts.some((part) => OF_SPEC.has(part)) ? reads.spec(run.id) : null;
  return {
    ...(parts.includes('attempts') ? { attempts: reads.attempts(run.id).map(attemptView) } : {}),
    ...(parts.includes('spec') ? { spec: jsonOf(spec && reads.body(spec.spec_sha256)) } : {}),
    ...(parts.includes('prompt') ? promptSent(reads, run, attempt) : {}),
    ...(parts.includes('request') ? { request: jsonOf(spec?.request ?? null) } : {}),
    ...(parts.includes('runs') ? { runs: runsView(reads.runsOf(run.name, RUNS_SHOWN_MAX)) ?? [] } : {}),
  };
}
