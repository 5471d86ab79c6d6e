/** Which names the queue knows, as whoever looks into `jobs/` asks it. */
import type { ReadStore } from '../core/ports/read-store.ts';
import type { KnownNames } from '../workspace/known-names.ts';

export function knownNames(reads: Pick<ReadStore, 'named' | 'batch'>): KnownNames {
  return {
    named: (names) => reads.named(names),
    hasBatch: (batch) => reads.batch(batch) !== null,
  };
}
