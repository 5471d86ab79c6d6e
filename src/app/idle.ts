/** Watches whether a server has anything to do; one that `run` started ends when it had nothing for a while. */
import type { SchedulerThread } from './scheduler-remote.ts';

const LOOK_MS = 1_000;

export function watchIdle(
  scheduler: Pick<SchedulerThread, 'quiet'>,
  idle_ms: number,
  onIdle: () => void,
): { cancel(): void } {
  let quiet_ms = 0;
  const timer = setInterval(() => {
    scheduler.quiet().then(
      (quiet) => {
        quiet_ms = quiet ? quiet_ms + LOOK_MS : 0;
        if (quiet_ms < idle_ms) return;
        clearInterval(timer);
        onIdle();
      },
      () => clearInterval(timer),
    );
  }, LOOK_MS);
  timer.unref();
  return { cancel: () => clearInterval(timer) };
}
