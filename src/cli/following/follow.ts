/**
 * Following runs to their ends. The stream of events is opened first, then the runs are learnt (by submitting or by asking),
 * so nothing that happens in between is missed. A lost connection begins anew: both acts can be repeated.
 */
import type { Client } from '../../client/client.ts';
import type { EventItem } from '../../client/follow-events.ts';
import { isPassing, Patience } from '../../client/reconnect.ts';
import type { Timers } from '../../core/ports/clock.ts';
import type { Board, RunSeen } from './board.ts';

/** How long a server may be away before the wait ends with its error. */
const AWAY_MAX_MS = 120_000;
/** Losses in a row between which none of the runs moved: more of them lead nowhere. */
const LOSSES_MAX = 20;

export interface FollowOptions {
  readonly board: Board;
  readonly timers: Timers;
  readonly signal: AbortSignal;
  /** A client of a server that answers, started if need be. */
  open(): Promise<Client>;
  /** The runs to be waited for, with their states now. `isAgain` after a lost connection. */
  learn(client: Client, isAgain: boolean): Promise<Iterable<RunSeen>>;
  /** Called after every change. */
  onChange(): void;
  /** Called with what happened when the connection was lost; not again until some run has moved. */
  onLoss(error: unknown): void;
}

/**
 * Resolves once all runs have ended. Rejects with the signal's reason, with a `Problem` of the submission, or with
 * `Unreachable` once the server was away too long.
 */
export async function followToEnd(options: FollowOptions): Promise<void> {
  const { board, signal } = options;
  const patience = new Patience(options.timers, AWAY_MAX_MS);
  let losses = 0;
  const onProgress = (): void => {
    losses = 0;
    patience.renew();
  };
  for (let isAgain = false; ; isAgain = true) {
    // A server that cannot be started, or was never there, is not one that went away: this is not tried again.
    const client = await options.open();
    const opening = { isOpen: isAgain };
    try {
      await once(options, client, isAgain, opening, onProgress);
      if (board.isDone) return;
    } catch (error) {
      signal.throwIfAborted();
      losses++;
      if (!opening.isOpen || losses > LOSSES_MAX) throw error;
      if (losses === 1 && isPassing(error)) options.onLoss(error);
      await patience.wait(error, signal);
    }
  }
}

/** One connection's worth: until all have ended, the stream has a gap, or it is lost. */
async function once(
  options: FollowOptions,
  client: Client,
  isAgain: boolean,
  opening: { isOpen: boolean },
  onProgress: () => void,
): Promise<void> {
  const { board } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  board.listen();
  try {
    const events = await client.events({ reconnect_for_ms: 0, signal });
    opening.isOpen = true;
    const pumped = pump(options, events, onProgress);
    // A loss while the submission is under way shows there as well; here it must not count as unhandled.
    pumped.catch(() => undefined);
    board.learn(await options.learn(client, isAgain));
    options.onChange();
    if (!board.isDone) await pumped;
  } finally {
    stop.abort();
  }
}

/** Resolves when all have ended, or at a gap: what was missed is learnt by beginning anew. */
async function pump(
  options: FollowOptions,
  events: AsyncIterable<EventItem>,
  onProgress: () => void,
): Promise<void> {
  const { board } = options;
  for await (const item of events) {
    if (item.kind === 'gap') return;
    let isOurs = false;
    for (const { name, run, state, reason } of item.runs) {
      if (board.see({ name, run, state, reason })) isOurs = true;
    }
    if (!isOurs) continue;
    onProgress();
    options.onChange();
    if (board.isDone) return;
  }
}
