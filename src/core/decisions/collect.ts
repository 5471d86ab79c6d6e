/** Deciding about many items of one event. */
import { Missing } from '../draft.ts';
import type { LoadKeys } from '../ports/store.ts';

/** Like map; what is missing for several of them is asked for in one load. */
export function collect<R, T>(items: readonly R[], fn: (item: R) => T): T[] {
  const missing: LoadKeys[] = [];
  const done: T[] = [];
  for (const item of items) {
    try {
      done.push(fn(item));
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      missing.push(...error.keys);
    }
  }
  if (missing.length > 0) throw new Missing(...missing);
  return done;
}
