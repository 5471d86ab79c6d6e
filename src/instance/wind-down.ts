/** The last steps of an instance, each of them bounded: what runs ends or is interrupted, and what has ended is kept. */
import type { Timers } from '../core/ports/clock.ts';
import type { Attempts } from './attempts.ts';

/** Beyond the grace of a cancel, for an outcome to be written down. */
const MARGIN_MS = 1_000;

export interface WindDownOptions {
  readonly timers: Timers;
  readonly attempts: Attempts;
  /** How long attempts may go on by themselves. */
  readonly deadline_ms: number;
  /** How long an interrupted attempt may take to end. */
  readonly cancel_grace_ms: number;
  /** How long the last acknowledgements are waited for; what is missing is sent by the next process. */
  readonly acknowledge_wait_ms: number;
  /** Resolves where patience has ended: whatever may be cut short is. */
  readonly hurry: Promise<void>;
  /** Resolves when every outcome is on disk, or never will be. */
  readonly durable: () => Promise<void>;
  readonly acknowledged: () => Promise<void>;
}

export async function windDown(options: WindDownOptions): Promise<void> {
  const { timers, attempts, hurry, deadline_ms, cancel_grace_ms, acknowledge_wait_ms } = options;
  await within(timers, deadline_ms, [attempts.idle(), hurry]);
  attempts.abortAll('interrupted');
  await within(timers, cancel_grace_ms + MARGIN_MS, [attempts.idle()]);
  await within(timers, cancel_grace_ms, [options.durable()]);
  await within(timers, acknowledge_wait_ms, [options.acknowledged(), hurry]);
}

/** Resolves with the first of them, or after `ms`. */
async function within(timers: Timers, ms: number, events: readonly Promise<void>[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = timers.after(ms, resolve);
  await Promise.race([...events, promise]);
  timer.cancel();
}
