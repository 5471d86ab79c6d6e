/**
 * One record of a spool segment:
 *
 * ```
 * magic u32 · payload length u32 · CRC-32 of all that follows u32 · kind u8 · 0 u8 · seq u48 · payload
 * ```
 * all big-endian. `outcome`: the payload is the whole wire frame that brings the outcome, so it is sent as it lies there.
 * `tombstone`: the payload is a list of seqs (u48 each) whose outcomes were acknowledged; its own seq is above them.
 */
import { crc32 } from 'node:zlib';

export const RECORD_HEAD_BYTES = 20;
const MAGIC = 0x70645331; // "pdS1"
const CHECKED_FROM = 12;
const SEQ_BYTES = 6;

export type RecordKind = 'outcome' | 'tombstone';
const KINDS: Readonly<Record<RecordKind, number>> = { outcome: 1, tombstone: 2 };

export interface SpoolRecord {
  readonly kind: RecordKind;
  readonly seq: number;
  readonly payload: Buffer;
}

/** The bytes in front of the payload. */
export function recordHead(kind: RecordKind, seq: number, payload: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(RECORD_HEAD_BYTES);
  head.writeUInt32BE(MAGIC, 0);
  head.writeUInt32BE(payload.length, 4);
  head.writeUInt8(KINDS[kind], 12);
  head.writeUInt8(0, 13);
  head.writeUIntBE(seq, 14, SEQ_BYTES);
  head.writeUInt32BE(crc32(payload, crc32(head.subarray(CHECKED_FROM))), 8);
  return head;
}

export function encodeSeqs(seqs: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(seqs.length * SEQ_BYTES);
  for (const [i, seq] of seqs.entries()) bytes.writeUIntBE(seq, i * SEQ_BYTES, SEQ_BYTES);
  return bytes;
}

export function decodeSeqs(payload: Buffer): number[] {
  const seqs: number[] = [];
  for (let at = 0; at + SEQ_BYTES <= payload.length; at += SEQ_BYTES)
    seqs.push(payload.readUIntBE(at, SEQ_BYTES));
  return seqs;
}

/** The record that begins at `offset`, or null where none does. */
export function readRecord(bytes: Buffer, offset: number): SpoolRecord | null {
  const begin = offset + RECORD_HEAD_BYTES;
  if (begin > bytes.length || bytes.readUInt32BE(offset) !== MAGIC) return null;
  const end = begin + bytes.readUInt32BE(offset + 4);
  if (end > bytes.length) return null;
  if (crc32(bytes.subarray(offset + CHECKED_FROM, end)) !== bytes.readUInt32BE(offset + 8)) return null;
  const kind = bytes.readUInt8(offset + 12);
  if (kind !== KINDS.outcome && kind !== KINDS.tombstone) return null;
  return {
    kind: kind === KINDS.outcome ? 'outcome' : 'tombstone',
    seq: bytes.readUIntBE(offset + 14, SEQ_BYTES),
    payload: bytes.subarray(begin, end),
  };
}

export type ScanItem =
  | { readonly what: 'record'; readonly offset: number; readonly record: SpoolRecord }
  | { readonly what: 'corrupt' | 'torn'; readonly offset: number; readonly bytes: number };

/**
 * All records of a segment, in order. Bytes that are no record are `corrupt` where a record follows them, and `torn`
 * at the end of the file: there a write was cut off.
 */
export function* scanSegment(bytes: Buffer): Generator<ScanItem> {
  let offset = 0;
  while (offset < bytes.length) {
    const record = readRecord(bytes, offset);
    if (record !== null) {
      yield { what: 'record', offset, record };
      offset += RECORD_HEAD_BYTES + record.payload.length;
      continue;
    }
    const next = nextRecord(bytes, offset + 1);
    yield next === null
      ? { what: 'torn', offset, bytes: bytes.length - offset }
      : { what: 'corrupt', offset, bytes: next - offset };
    offset = next ?? bytes.length;
  }
}

const MAGIC_BYTES = Buffer.from('pdS1', 'latin1');

function nextRecord(bytes: Buffer, from: number): number | null {
  for (let at = bytes.indexOf(MAGIC_BYTES, from); at !== -1; at = bytes.indexOf(MAGIC_BYTES, at + 1)) {
    if (readRecord(bytes, at) !== null) return at;
  }
  return null;
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
