/** Ctrl-C while somebody waits: the waiting ends, the work goes on. */
import type { Context } from '../context.ts';

export interface Interrupts {
  /** Aborts at Ctrl-C, at the time limit, or when the command is to be left. */
  readonly signal: AbortSignal;
  readonly cause: 'interrupted' | 'timed_out' | null;
  stop(): void;
}

export function waitForInterrupts(context: Context, timeout_ms?: number): Interrupts {
  const own = new AbortController();
  let cause: Interrupts['cause'] = null;
  const end = (why: NonNullable<Interrupts['cause']>): void => {
    cause ??= why;
    own.abort();
  };
  const offInterrupt = context.deps.onInterrupt(() => end('interrupted'));
  const timer =
    timeout_ms === undefined ? null : context.deps.timers.after(timeout_ms, () => end('timed_out'));
  return {
    signal: AbortSignal.any([context.signal, own.signal]),
    get cause() {
      return cause;
    },
    stop() {
      offInterrupt();
      timer?.cancel();
    },
  };
}
