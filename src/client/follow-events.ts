/** The stream of what happens to runs. A reader that was cut off has missed something, and is told so. */
import type { IncomingMessage } from 'node:http';
import type { Timers } from '../core/ports/clock.ts';
import type { RunEventView } from '../core/views.ts';
import type { Connection } from './connection.ts';
import { Patience } from './reconnect.ts';
import { eventsOf } from './sse.ts';
import { unreachable } from './unreachable.ts';

export type EventItem =
  /** Runs that changed their state, in order of their commits. */
  | { readonly kind: 'runs'; readonly runs: readonly RunEventView[] }
  /** Something may have been missed before this point: read again what matters. */
  | { readonly kind: 'gap' };

export interface FollowEvents {
  readonly connection: Connection;
  readonly timers: Timers | null;
  readonly path: string;
  /** How long a lost server is tried again; 0: the iteration rejects at the first loss. */
  readonly reconnect_for_ms: number;
  readonly silence_ms: number;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves once the stream is open: whatever is committed from then on is in it, or behind a gap. */
export async function openEvents(options: FollowEvents): Promise<AsyncIterable<EventItem>> {
  const first = await openStream(options);
  return { [Symbol.asyncIterator]: () => iterate(options, first) };
}

async function* iterate(options: FollowEvents, first: IncomingMessage): AsyncGenerator<EventItem> {
  const patience = new Patience(options.timers, options.reconnect_for_ms);
  let answer: IncomingMessage | null = first;
  for (;;) {
    try {
      if (answer === null) {
        answer = await openStream(options);
        yield { kind: 'gap' };
      }
      for await (const item of itemsOf(options, answer)) {
        patience.renew();
        yield item;
      }
    } catch (error) {
      answer = null;
      await patience.wait(error, options.signal);
    }
  }
}

function openStream(options: FollowEvents): Promise<IncomingMessage> {
  return options.connection.send({
    method: 'GET',
    path: options.path,
    accept: 'text/event-stream',
    silence_ms: options.silence_ms,
    signal: options.signal,
  });
}

async function* itemsOf(options: FollowEvents, answer: IncomingMessage): AsyncGenerator<EventItem> {
  const { connection, signal } = options;
  try {
    for await (const { event, data } of eventsOf(answer)) {
      if (event === 'runs') yield { kind: 'runs', runs: JSON.parse(data) as readonly RunEventView[] };
      else if (event === 'gap') yield { kind: 'gap' };
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(connection.place, error);
  } finally {
    answer.destroy();
  }
  throw unreachable(connection.place, new Error('the stream of events ended'));
}
