/** One outcome in a spool, from its arrival to its acknowledgement. */
import type { AttemptRef } from '../core/attempt.ts';
import type { SpoolSegment } from './spool-segment.ts';

export interface SpoolEntry {
  readonly seq: number;
  readonly key: string;
  readonly ref: AttemptRef;
  readonly store_id: string;
  /** Length of the frame that brings it. */
  readonly bytes: number;
  /** The frame while it is in memory; the spool's `read` finds it on disk. */
  frame: Uint8Array | null;
  /** Null until it is durable. */
  place: { readonly segment: SpoolSegment; readonly offset: number } | null;
}
