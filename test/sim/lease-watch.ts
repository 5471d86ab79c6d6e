/** Holds every lease against what the scheduler was told: none may live two terms without standing in a list. */
import type { AttemptRef } from '../../src/core/attempt.ts';
import type { FromInstance, FromScheduler } from '../../src/wire/messages.ts';
import { TERM } from '../scheduler/terms.ts';

/** A lease ends at a tick, and its end is committed in a turn. */
const SLACK_MS = 2_000;

export function attemptKey({ name, run, attempt }: Omit<AttemptRef, 'digest'>): string {
  return `${name}@${run}#${attempt}`;
}

export class LeaseWatch {
  /** When each attempt was last listed as held or accepted. */
  readonly #listed = new Map<string, number>();
  /** Since when the scheduler could have known and acted. */
  #able_since = 0;

  /** A message from an instance has arrived. */
  heard(message: FromInstance | FromScheduler, now: number): void {
    const refs =
      message.t === 'heartbeat' || message.t === 'holding'
        ? message.held
        : message.t === 'accept'
          ? message.attempts
          : [];
    for (const ref of refs) this.#listed.set(attemptKey(ref), now);
  }

  /** Nobody can be judged while the scheduler is dead, stands still, or cannot commit. */
  disabled(now: number): void {
    this.#able_since = now;
  }

  /** Of the leases that are on disk (key to when they were granted): those that should have ended. */
  overdue(leases: ReadonlyMap<string, number>, now: number): string[] {
    return [...leases].flatMap(([key, granted]) => {
      const since = Math.max(granted, this.#listed.get(key) ?? 0, this.#able_since);
      return now - since > 2 * TERM + SLACK_MS ? [key] : [];
    });
  }
}
