/** What earlier processes left in a spool, read once at the start. */
import type { Files } from '../core/ports/files.ts';
import { decodeFrame } from '../wire/frame.ts';
import { FROM_INSTANCE } from '../wire/messages.ts';
import { attemptKey, refOf } from './attempt-key.ts';
import type { InstanceEvent } from './events.ts';
import type { SpoolEntry } from './spool-entry.ts';
import { asBuffer, decodeSeqs, scanSegment, type SpoolRecord } from './spool-record.ts';
import { SpoolSegment } from './spool-segment.ts';

export interface FoundSpool {
  /** Not acknowledged, oldest first. */
  readonly entries: Map<string, SpoolEntry>;
  /** Those that hold at least one of the entries. */
  readonly segments: readonly SpoolSegment[];
  readonly next_segment: number;
  /** Larger than any seq that a record carries or mentions: an old tombstone can never hit a new outcome. */
  readonly next_seq: number;
}

export async function recoverSpool(
  files: Files,
  directory: string,
  onEvent: (event: InstanceEvent) => void,
): Promise<FoundSpool> {
  const numbers = SpoolSegment.numbers(await files.list(directory));
  const by_seq = new Map<number, SpoolEntry>();
  const segments: SpoolSegment[] = [];
  let last_seq = 0;
  for (const number of numbers) {
    const segment = new SpoolSegment({ files, directory, number });
    segments.push(segment);
    const bytes = asBuffer((await files.read(segment.path)) ?? new Uint8Array());
    segment.bytes = bytes.length;
    for (const item of scanSegment(bytes)) {
      if (item.what === 'torn') {
        onEvent({ type: 'spool_torn', path: segment.path, offset: item.offset, bytes: item.bytes });
        await files.truncate(segment.path, item.offset);
        segment.bytes = item.offset;
        continue;
      }
      if (item.what === 'record') {
        last_seq = Math.max(last_seq, item.record.seq);
        if (take(item.record, item.offset, segment, by_seq)) continue;
      }
      const length = item.what === 'record' ? item.record.payload.length : item.bytes;
      segment.corrupt = true;
      onEvent({ type: 'spool_corrupt', path: segment.path, offset: item.offset, bytes: length });
    }
  }
  return {
    entries: byKey(by_seq),
    segments: await withoutEmpty(segments),
    next_segment: (numbers.at(-1) ?? 0) + 1,
    next_seq: last_seq + 1,
  };
}

/** False where the payload is not what its kind says. */
function take(
  record: SpoolRecord,
  offset: number,
  segment: SpoolSegment,
  by_seq: Map<number, SpoolEntry>,
): boolean {
  if (record.kind === 'tombstone') {
    for (const seq of decodeSeqs(record.payload)) by_seq.delete(seq);
    return true;
  }
  const report = reportIn(record.payload);
  if (report === null) return false;
  by_seq.set(record.seq, {
    seq: record.seq,
    key: attemptKey(report, report.store_id),
    ref: refOf(report),
    store_id: report.store_id,
    bytes: record.payload.length,
    frame: null,
    place: { segment, offset },
  });
  return true;
}

function reportIn(
  payload: Buffer,
): { name: string; run: number; attempt: number; digest: string; store_id: string } | null {
  try {
    const message = FROM_INSTANCE.safeParse(decodeFrame(payload));
    return message.success && message.data.t === 'outcome' ? message.data.report : null;
  } catch {
    // Its checksum is right, so it was written like this: by another version, or by a fault of ours. Reported as corrupt.
    return null;
  }
}

function byKey(by_seq: ReadonlyMap<number, SpoolEntry>): Map<string, SpoolEntry> {
  const entries = new Map<string, SpoolEntry>();
  for (const entry of by_seq.values()) entries.set(entry.key, entry);
  for (const entry of entries.values()) {
    if (entry.place !== null) entry.place.segment.live += 1;
  }
  return entries;
}

async function withoutEmpty(segments: readonly SpoolSegment[]): Promise<SpoolSegment[]> {
  const kept: SpoolSegment[] = [];
  for (const segment of segments) {
    if (segment.live > 0) kept.push(segment);
    else await segment.remove();
  }
  return kept;
}
