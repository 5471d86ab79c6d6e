/** Which names the queue knows, as whoever looks into `jobs/` asks it. */
import type { ReadStore } from '../core/ports/read-store.ts';
import type { KnownNames } from '../workspace/known-names.ts';

export function knownNames(reads: Pick<ReadStore, 'epochsOf' | 'batch'>): KnownNames {
  return {
    named: (names) => new Set(reads.epochsOf(names).keys()),
    hasBatch: (batch) => reads.batch(batch) !== null,
  };
}
