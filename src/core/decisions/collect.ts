/** Deciding about many items of one event. */
import { Missing, MissingKeys } from '../draft.ts';

/** Like map; what is missing for several of them is asked for in one load. */
export function collect<R, T>(items: readonly R[], fn: (item: R) => T): T[] {
  const missing = new MissingKeys();
  const done: T[] = [];
  for (const item of items) missing.during(() => done.push(fn(item)));
  if (missing.keys.length > 0) throw new Missing(...missing.keys);
  return done;
}
