/** Stopping by signal: the first asks politely, the second does not wait. */

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export interface StopSignals {
  /** Gives the signals back. */
  release(): void;
}

export function stopSignals(handlers: {
  readonly first: (signal: NodeJS.Signals) => void;
  readonly second: () => void;
}): StopSignals {
  let count = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    count += 1;
    if (count === 1) handlers.first(signal);
    else handlers.second();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  return {
    release(): void {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    },
  };
}
