/** Stopping by signal: the first asks politely, a later one does not wait. */
import { systemClock } from '../platform/clock.ts';
import type { Clock } from '../core/ports/clock.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/**
 * One wish comes twice where a terminal or `timeout` signals the whole group and a wrapper (npm, a shell script) hands its
 * own on. Nobody who is impatient is so quick.
 */
const ONE_WISH_MS = 250;

export interface StopSignals {
  /** Gives the signals back. */
  release(): void;
}

export function stopSignals(
  handlers: {
    readonly first: (signal: NodeJS.Signals) => void;
    readonly second: () => void;
  },
  clock: Clock = systemClock,
): StopSignals {
  let first_m: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    const now_m = clock.monotonic();
    if (first_m === null) {
      first_m = now_m;
      handlers.first(signal);
    } else if (now_m - first_m > ONE_WISH_MS) {
      handlers.second();
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  return {
    release(): void {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    },
  };
}
