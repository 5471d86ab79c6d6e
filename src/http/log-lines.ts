/** The log of an attempt as bytes of NDJSON, cut into entries that know where they end. */
import type { LogEntry } from '../core/attempt.ts';
import type { LogPiece } from '../core/ports/scheduler.ts';
import { isoTime } from '../core/views.ts';

const NEWLINE = 0x0a;

/**
 * Entries of `bytes`, which begin at `offset` of an attempt's log. Each carries the offset behind it. A line that is no entry
 * (an offset in the middle of one, an end that was cut) is passed over.
 */
export function* logPieces(bytes: Uint8Array, attempt: number, offset: number): Generator<LogPiece> {
  const decoder = new TextDecoder();
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline + 1;
    const entry = entryOf(decoder.decode(bytes.subarray(start, end)));
    start = end;
    if (entry !== null)
      yield { attempt, offset: offset + end, stream: entry.stream, at: entry.at, text: entry.text };
  }
}

function entryOf(line: string): LogEntry | null {
  try {
    const value = JSON.parse(line) as Partial<LogEntry> | null;
    const isEntry =
      typeof value?.at === 'number' && typeof value.text === 'string' && typeof value.stream === 'string';
    return isEntry ? (value as LogEntry) : null;
  } catch {
    return null;
  }
}

/** An entry as a person reads it. Texts of several lines stay as they are. */
export function logText(entry: LogEntry): string {
  const text = entry.text.endsWith('\n') ? entry.text : `${entry.text}\n`;
  return `${isoTime(entry.at)} ${entry.stream} ${text}`;
}
