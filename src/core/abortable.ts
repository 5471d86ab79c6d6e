/** Waiting that ends at once when it is aborted, with the signal's own reason and nothing left behind. */
import type { Timer, Timers } from './ports/clock.ts';

/** Settles as `work` does, or rejects with the signal's reason when that aborts first. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors -- the contract: the signal's own reason
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
export async function pause(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer: Timer = timers.after(ms, resolve);
  try {
    await unlessAborted(promise, signal);
  } finally {
    timer.cancel();
  }
}
