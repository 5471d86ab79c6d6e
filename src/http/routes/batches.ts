/** Batches: counts of named lots, and their results as one stream. */
import { Readable } from 'node:stream';
import { Problem, problemBody } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { BatchRow, ReadStore } from '../../core/ports/read-store.ts';
import type { RunRow } from '../../core/rows.ts';
import { batchesOut, batchOut, problemOut, textOf } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { longPoll } from '../long-poll.ts';
import { logBug } from '../problems.ts';
import { batchParams, limitQuery, waitQuery } from '../schemas.ts';
import { batchView } from '../views.ts';
import { resultOf } from './results.ts';

/** Few, since each may carry a result of megabytes: the stream takes the next page when its reader has taken this one. */
const RESULTS_PER_PAGE = 20;
/** However many of its runs end, a batch is counted for its waiters at most this often. */
const COUNT_EVERY_MS = 250;

export function batchRoutes(app: App, context: HttpContext): void {
  const { reads, limits } = context.options;

  app.get(
    '/batches',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List batches, newest first',
        querystring: limitQuery,
        response: { 200: batchesOut, '4xx': problemOut },
      },
    },
    ({ query }, reply) => {
      const limit = Math.min(query.limit ?? limits.page_runs, limits.page_runs_max);
      return reply.send({ batches: reads.batches(limit).map(batchView) });
    },
  );

  app.get(
    '/batches/:batch',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'One batch',
        params: batchParams,
        querystring: waitQuery,
        response: { 200: batchOut, '4xx': problemOut },
      },
    },
    async ({ params, query }, reply) => {
      const wait_ms = Math.min((query.wait ?? 0) * 1_000, limits.wait_max_ms);
      const row = await longPoll(context, {
        listen: (ring) => listenCalmly(context, params.batch, ring),
        look: () => batchOf(reads, params.batch),
        done: hasBatchEnded,
        wait_ms,
        life: context.lifeOf(reply),
      });
      return batchView(row);
    },
  );

  app.get(
    '/batches/:batch/results',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The results of a batch, one a line, newest first; null results of what is not answered',
        params: batchParams,
        response: { 200: textOf('NDJSON of results', 'application/x-ndjson'), '4xx': problemOut },
      },
    },
    (request, reply) => {
      const { batch } = request.params;
      batchOf(reads, batch);
      const lines = Readable.from(resultLines(reads, batch), { objectMode: true, highWaterMark: 1 });
      // Before the head has left the error handler says it, too.
      lines.once('error', (error) => {
        if (reply.raw.headersSent) logBug(error, request, context.options.log, context.options.random);
      });
      return reply.header('content-type', 'application/x-ndjson').send(lines);
    },
  );
}

function batchOf(reads: Pick<ReadStore, 'batch'>, batch: string): BatchRow {
  const row = reads.batch(batch);
  if (row === null)
    throw new Problem('NotFound', `There is no batch ${JSON.stringify(batch)}`, {
      hint: 'Look with: promptd batches',
    });
  return row;
}

function hasBatchEnded(row: BatchRow): boolean {
  const { total, ended } = batchView(row);
  return total === ended;
}

/** Rings at the first change, and then for all that come within a while together. */
function listenCalmly(context: HttpContext, batch: string, ring: () => void): () => void {
  const { timers } = context.options;
  let pause: { cancel(): void } | null = null;
  const stop = context.hub.onBatch(batch, () => {
    pause ??= timers.after(COUNT_EVERY_MS, () => {
      pause = null;
      ring();
    });
  });
  return () => {
    stop();
    pause?.cancel();
  };
}

/** Reads page by page; each page is finished before anything is awaited. */
function* resultLines(reads: ReadStore, batch: string): Generator<string> {
  for (let before: number | null = null; ;) {
    const page = reads.runs({ batch, latest: true }, RESULTS_PER_PAGE, before);
    if (page.runs.length > 0) yield page.runs.map((run) => resultLine(reads, run)).join('');
    if (page.next_before === null) return;
    before = page.next_before;
  }
}

/** A result that is not what was accepted spoils its own line, not those of the others. */
function resultLine(reads: ReadStore, run: RunRow): string {
  try {
    return `${JSON.stringify(resultOf(reads, run))}\n`;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { name, run: number } = run;
    return `${JSON.stringify({ job: formatRunRef(run), result: null, name, run: number, problem: problemBody(error) })}\n`;
  }
}
