/** `?wait=30`: holds an answer back until what it waits for has happened. */
import type { HttpContext } from './http-context.ts';
import { Bell } from './bell.ts';

interface LongPoll<T> {
  /** Rings whenever it may have happened; returns the way to stop. Called before the first look, so that nothing is missed. */
  readonly listen: (ring: () => void) => () => void;
  readonly look: () => T;
  readonly done: (seen: T) => boolean;
  readonly wait_ms: number;
  readonly life: AbortSignal;
}

/** What is seen once it is done, when the time is over, or when the client or the server goes. */
export async function longPoll<T>(context: HttpContext, poll: LongPoll<T>): Promise<T> {
  const { clock, timers } = context.options;
  const bell = new Bell(timers);
  const stop = poll.listen(() => bell.ring());
  try {
    const until = clock.monotonic() + poll.wait_ms;
    for (;;) {
      const seen = poll.look();
      const left_ms = until - clock.monotonic();
      if (poll.done(seen) || left_ms <= 0 || poll.life.aborted) return seen;
      await bell.heard(left_ms, poll.life);
    }
  } finally {
    stop();
  }
}
