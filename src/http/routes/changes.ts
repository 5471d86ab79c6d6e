/** Cancelling and retrying: one run, or a selection that the server resolves page by page. */
import { Problem } from '../../core/errors.ts';
import { formatRunRef, type RunRef } from '../../core/names.ts';
import { parseDuration } from '../../core/durations.ts';
import type { RetryOptions, RunAnswer } from '../../core/ports/scheduler.ts';
import { hasEnded, RUN_STATES, type RunState } from '../../core/states.ts';
import { jobOut, manyOut, problemOut } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { NoSuchJob } from '../no-such-job.ts';
import { cancelBody, refParams, retryBody, retryManyBody } from '../schemas.ts';
import { filterOf, type SelectionIn } from '../selection.ts';
import { byLastingReason } from '../shown-reason.ts';
import { refuse } from '../problems.ts';
import { refOf } from './jobs.ts';

const UNDER_WAY = RUN_STATES.filter((state) => !hasEnded(state));
const RETRIABLE: readonly RunState[] = ['failed', 'cancelled'];

export function changeRoutes(app: App, context: HttpContext): void {
  cancelRoutes(app, context);
  retryRoutes(app, context);
}

function cancelRoutes(app: App, context: HttpContext): void {
  const { scheduler } = context.options;

  app.delete(
    '/jobs/:ref',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Cancel a job',
        description: '200: it is cancelled. 202: it runs, and is being cancelled. 409: it has ended.',
        params: refParams,
        response: { 200: jobOut, 202: jobOut, '4xx': problemOut },
      },
    },
    async ({ params }, reply) => {
      const ref = refOf(params.ref);
      const [answer] = await scheduler.cancel([ref]);
      if (answer === undefined || answer.verdict === 'not_found') throw new NoSuchJob(ref);
      if (answer.verdict === 'already_ended') {
        throw new Problem(
          'WrongState',
          `${formatRunRef(answer)} has ended already: ${answer.state ?? 'ended'}`,
        );
      }
      const run = context.run({ name: answer.name, run: answer.run });
      return reply.code(answer.verdict === 'cancelled' ? 200 : 202).send(await context.view(run));
    },
  );

  app.post(
    '/jobs/cancel',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Cancel many jobs: by names, or all that a selection fits and that have not ended',
        body: cancelBody,
        response: { 200: manyOut, '4xx': problemOut },
      },
    },
    async ({ body }) => many(selectedRuns(context, body, UNDER_WAY, false), (refs) => scheduler.cancel(refs)),
  );
}

function retryRoutes(app: App, context: HttpContext): void {
  const { scheduler } = context.options;

  app.post(
    '/jobs/:ref/retry',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Ask again for a job that failed or was cancelled',
        params: refParams,
        body: retryBody.nullish(),
        response: { 200: jobOut, '4xx': problemOut },
      },
    },
    async ({ params, body }) => {
      const ref = refOf(params.ref);
      const [answer] = await scheduler.retry([ref], retryOptions(body?.options));
      if (answer === undefined || answer.verdict === 'not_found') throw new NoSuchJob(ref);
      if (answer.verdict === 'wrong_state') {
        throw new Problem(
          'WrongState',
          `${formatRunRef(answer)} is ${answer.state ?? 'in another state'}; only a failed or cancelled run is retried`,
        );
      }
      return context.view(context.run({ name: answer.name, run: answer.run }));
    },
  );

  app.post(
    '/jobs/retry',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Retry many jobs: by names, or all that a selection fits and that failed or were cancelled',
        body: retryManyBody,
        response: { 200: manyOut, '4xx': problemOut },
      },
    },
    async ({ body }) => {
      const { options, ...selection } = body;
      const given = retryOptions(options);
      return many(selectedRuns(context, selection, RETRIABLE, true), (refs) => scheduler.retry(refs, given));
    },
  );
}

interface ManyIn extends SelectionIn {
  readonly names?: readonly string[] | undefined;
  readonly state?: readonly RunState[] | undefined;
  readonly latest?: boolean | undefined;
}

/** Pages of the runs that are meant. Each page is read when the one before is done; a run never comes twice. */
export function* selectedRuns(
  context: HttpContext,
  { names, state, latest, ...selection }: ManyIn,
  states: readonly RunState[],
  latestByDefault: boolean,
): Generator<readonly RunRef[]> {
  const { reads, limits } = context.options;
  if (names !== undefined) {
    const refs = names.map((name) => refOf(name));
    for (let at = 0; at < refs.length; at += limits.page_runs_max)
      yield refs.slice(at, at + limits.page_runs_max);
    return;
  }
  const filter = byLastingReason(filterOf(selection, state ?? states, latest ?? latestByDefault, 'body'));
  if (filter === null) return;
  for (let before: number | null = null; ;) {
    const page = reads.runs(filter, limits.page_runs_max, before);
    if (page.runs.length > 0) yield page.runs.map(({ name, run }) => ({ name, run }));
    if (page.next_before === null) return;
    before = page.next_before;
  }
}

interface Many<V> {
  readonly counts: Record<string, number>;
  readonly jobs: RunAnswer<V>[];
}

export async function many<V extends string>(
  pages: Iterable<readonly RunRef[]>,
  change: (refs: readonly RunRef[]) => Promise<readonly RunAnswer<V>[]>,
): Promise<Many<V>> {
  const counts: Record<string, number> = {};
  const jobs: RunAnswer<V>[] = [];
  for (const refs of pages) {
    for (const answer of await change(refs)) {
      counts[answer.verdict] = (counts[answer.verdict] ?? 0) + 1;
      jobs.push(answer);
    }
  }
  return { counts, jobs };
}

interface RetryOptionsIn {
  readonly priority?: number | null | undefined;
  readonly max_attempts?: number | null | undefined;
  readonly timeout?: string | number | null | undefined;
  readonly attempt_timeout_ms?: number | undefined;
}

export function retryOptions(given: RetryOptionsIn | undefined): RetryOptions {
  const timeout_ms = given?.timeout == null ? given?.attempt_timeout_ms : parseDuration(given.timeout);
  if (timeout_ms === null) throw refuse('body.options.timeout', 'a duration such as "10m"', given?.timeout);
  return {
    ...(given?.priority == null ? {} : { priority: given.priority }),
    ...(given?.max_attempts == null ? {} : { max_attempts: given.max_attempts }),
    ...(timeout_ms === undefined ? {} : { attempt_timeout_ms: timeout_ms }),
  };
}
