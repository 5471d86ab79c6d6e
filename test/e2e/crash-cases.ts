/** Which hits of which points are tested: the first three of each, or as many as the scenario can count on. */
import { CRASH_POINTS, type CrashPointName } from '../../src/core/ports/crashpoint.ts';

const HITS_TESTED = 3;

/** The scenario starts each process once, cancels once, is throttled once, rests once, and waits for two due times. */
const FEWER: Partial<Record<CrashPointName, number>> = {
  'store.in_migration': 1,
  'store.after_migration': 1,
  'start.after_load': 1,
  'start.after_restore': 1,
  'start.after_listen': 1,
  'start.before_announce': 1,
  'session.before_greet': 1,
  'session.before_settle': 1,
  'turn.before_abort': 1,
  'timer.due': 2,
  'timer.wake': 1,
  'store.before_checkpoint': 1,
  'store.in_checkpoint': 1,
  'store.after_checkpoint': 1,
  'store.before_filing': 1,
  'store.after_filing': 1,
  'publisher.after_prepare': 1,
  'instance.after_open': 1,
  'instance.after_welcome': 1,
  'instance.before_abort': 1,
};

export function hitsTested(point: CrashPointName): number {
  return FEWER[point] ?? HITS_TESTED;
}

function isOfInstance(point: CrashPointName): boolean {
  return point.startsWith('instance.');
}

export const SERVE_POINTS = CRASH_POINTS.filter((point) => !isOfInstance(point));
export const INSTANCE_POINTS = CRASH_POINTS.filter(isOfInstance);

/** `point:hit` for each. */
export function casesOf(points: readonly CrashPointName[]): string[] {
  return points.flatMap((point) =>
    Array.from({ length: hitsTested(point) }, (_, index) => `${point}:${index + 1}`),
  );
}
