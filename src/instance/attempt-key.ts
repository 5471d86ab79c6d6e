/** An attempt's key in maps: everything that a reference to it carries, and the database that gave it out. */
import type { AttemptRef } from '../core/attempt.ts';

export function attemptKey(ref: AttemptRef, store_id: string): string {
  return `${store_id} ${ref.name}@${ref.run}#${ref.attempt}/${ref.digest}`;
}

/** The reference alone, without whatever else a record carries. */
export function refOf(ref: AttemptRef): AttemptRef {
  return { name: ref.name, run: ref.run, attempt: ref.attempt, digest: ref.digest };
}
