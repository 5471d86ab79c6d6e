/** `GET /jobs/{name}/logs`: the log of an attempt as text, or followed as it grows (R24). */
import type { FastifyRequest } from 'fastify';
import { Problem } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { LogPiece } from '../../core/ports/scheduler.ts';
import type { RunRow } from '../../core/rows.ts';
import { problemOut, textOf } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { LogFollower } from '../log-follower.ts';
import { logPieces, logText } from '../log-lines.ts';
import { formatPosition, type LogPosition, parsePosition } from '../log-position.ts';
import { refuse } from '../problems.ts';
import { isTrue, logsQuery, refParams } from '../schemas.ts';
import { within } from '../within.ts';
import { refOf } from './jobs.ts';

interface LogsQuery {
  readonly attempt?: number | undefined;
  readonly offset?: number | undefined;
}

export function logRoutes(app: App, context: HttpContext): void {
  app.get(
    '/jobs/:ref/logs',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The log of a job',
        description:
          'Text; or with follow=1 server-sent events: `log {attempt, offset, stream, at, text}` with the id `<attempt>:<offset>`, `gap` where bytes are gone, `end {state, attempt}`. It waits for a job that has not started, goes on with the next attempt, and resumes from Last-Event-ID. A stream that ends without `end` was cut: connect again.',
        params: refParams,
        querystring: logsQuery,
        response: { 200: textOf('Text, or a stream of events', 'text/plain'), '4xx': problemOut },
      },
    },
    async (request, reply) => {
      const run = context.run(refOf(request.params.ref));
      const from = positionOf(request, request.query, run);
      if (isTrue(request.query.follow)) {
        return context.stream(request, reply, (stream, life) =>
          new LogFollower({ context, stream, run, from, life }).follow(),
        );
      }
      const pieces = await storedOrLive(context, run, from);
      const last = pieces.at(-1);
      return reply
        .header('content-type', 'text/plain; charset=utf-8')
        .header('promptd-log-position', formatPosition(last ?? from))
        .send(pieces.map(logText).join(''));
    },
  );
}

/** Where to begin: behind the last event that the reader has, or as the query says, or with the latest attempt. */
function positionOf(request: FastifyRequest, query: LogsQuery, run: RunRow): LogPosition {
  const last = request.headers['last-event-id'];
  if (typeof last === 'string' && last !== '') {
    const position = parsePosition(last);
    if (position === null) throw refuse('headers.last-event-id', '<attempt>:<offset>', last);
    return position;
  }
  return { attempt: query.attempt ?? Math.max(1, run.attempt), offset: query.offset ?? 0 };
}

async function storedOrLive(
  context: HttpContext,
  run: RunRow,
  from: LogPosition,
): Promise<readonly LogPiece[]> {
  const attempt = context.options.reads.attempts(run.id).find((one) => one.attempt === from.attempt);
  if (attempt === undefined) return [];
  if (attempt.ended_at === null) return liveSoFar(context, run, from);
  const { log_file, log_offset, log_bytes } = attempt;
  if (log_file === null || from.offset >= log_bytes) return [];
  const bytes = await context.options.logs.read({ log_file, log_offset, log_bytes }, from.offset);
  if (bytes === null) {
    throw new Problem(
      'NotFound',
      `The log of attempt ${from.attempt} of ${formatRunRef(run)} is not kept any more`,
      { hint: 'Logs are kept as long as "logs.retention" says, 7 days unless configured; results for ever.' },
    );
  }
  return [...logPieces(bytes, from.attempt, from.offset)];
}

/** What the instance has of a running attempt: all that it sends within the time that an answer may wait for it. */
async function liveSoFar(context: HttpContext, run: RunRow, from: LogPosition): Promise<readonly LogPiece[]> {
  const { scheduler, timers, limits } = context.options;
  const pieces: LogPiece[] = [];
  const stop = new AbortController();
  const onPiece = (piece: LogPiece): void => {
    if (piece.attempt === from.attempt && piece.offset > (pieces.at(-1)?.offset ?? from.offset))
      pieces.push(piece);
  };
  await within(
    timers,
    limits.live_state_wait_ms,
    scheduler.follow(run.name, run.run, from, onPiece, stop.signal),
    null,
  );
  stop.abort();
  return [...pieces];
}
