/** Following the log of a run across lost connections and restarts of the server. */
import type { LogPiece } from '../core/ports/scheduler.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { RunState } from '../core/states.ts';
import type { Connection } from './connection.ts';
import { Patience } from './reconnect.ts';
import { eventsOf } from './sse.ts';
import { unreachable } from './unreachable.ts';

export type LogItem =
  /** `offset` counts bytes of the attempt's log behind this piece. */
  | ({ readonly kind: 'log' } & LogPiece)
  /** Bytes of the log are gone, or are left out for a reader that is too slow: a sentence about it. */
  | { readonly kind: 'gap'; readonly message: string }
  /** The run has ended, and so does the iteration. */
  | { readonly kind: 'end'; readonly state: RunState };

export interface FollowLogs {
  readonly connection: Connection;
  readonly timers: Timers | null;
  /** Path and query of the log's stream. */
  readonly path: string;
  /** `<attempt>:<offset>` behind which to begin; '' for the beginning. */
  readonly after: string;
  readonly reconnect_for_ms: number;
  readonly silence_ms: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Yields every piece once, in order, and last the state in which the run ended. A stream that breaks off is taken up again
 * behind the last piece that arrived. Rejects with `Unreachable` once the server was away for `reconnect_for_ms`.
 */
export async function* followLogs(options: FollowLogs): AsyncGenerator<LogItem> {
  const patience = new Patience(options.timers, options.reconnect_for_ms);
  let after = options.after;
  for (;;) {
    try {
      for await (const { event, data, id } of streamOf(options, after)) {
        patience.renew();
        if (event === 'end') {
          yield { kind: 'end', ...(JSON.parse(data) as { state: RunState }) };
          return;
        }
        if (id !== '') after = id;
        if (event === 'gap')
          yield { kind: 'gap', message: (JSON.parse(data) as { message: string }).message };
        if (event === 'log') yield { kind: 'log', ...(JSON.parse(data) as LogPiece) };
      }
    } catch (error) {
      await patience.wait(error, options.signal);
    }
  }
}

async function* streamOf(options: FollowLogs, after: string): ReturnType<typeof eventsOf> {
  const { connection, signal } = options;
  const answer = await connection.send({
    method: 'GET',
    path: options.path,
    accept: 'text/event-stream',
    headers: after === '' ? {} : { 'last-event-id': after },
    silence_ms: options.silence_ms,
    signal,
  });
  try {
    yield* eventsOf(answer);
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(connection.place, error);
  } finally {
    answer.destroy();
  }
  throw unreachable(connection.place, new Error('the stream of the log ended before the run'));
}
