/** Handing to the queue what was found in a folder: one that cannot be taken keeps no other one waiting. */
import { Problem } from '../core/errors.ts';

/** Nothing is the matter with a single file then: everything waits. What else is said, is said of what was handed over. */
const FOR_ALL: ReadonlySet<string> = new Set(['DiskLow', 'Overloaded', 'StoreBusy', 'ShuttingDown']);

export function isForAll(error: unknown): boolean {
  return error instanceof Problem && FOR_ALL.has(error.code);
}

/** All at once; where that is refused, one by one. Rejects where everything waits. */
export async function handOver<T>(
  lot: readonly T[],
  hand: (lot: readonly T[]) => Promise<void>,
  refused: (one: T, error: unknown) => void,
): Promise<void> {
  if (lot.length === 0) return;
  try {
    await hand(lot);
  } catch (error) {
    if (isForAll(error)) throw error;
    if (lot.length > 1) for (const one of lot) await handOver([one], hand, refused);
    else for (const one of lot) refused(one, error);
  }
}
