/**
 * The text of a job: JSON, with comments and trailing commas where a person writes it. What JSON.parse would let pass
 * and somebody would regret is refused here: a key given twice, an integer that loses digits, half a character.
 */
import type { Fault } from './errors.ts';
import { joinPaths, parentPath, WHOLE } from './job-path.ts';
import { scanJobText, type TextFault } from './job-text-scan.ts';
import { INTEGER_MAX, LIMITS } from './limits.ts';

/** Counted from 1; columns in UTF-16 units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface ParsedJobText {
  /** Undefined where the text is no JSON. */
  readonly value: unknown;
  /** Faults of the text itself, with line and column. Their code is InvalidJob. */
  readonly faults: readonly Fault[];
  /**
   * Where a path stands: a property at its key; what is missing, at what should contain it. Null where nothing was read,
   * and in texts longer than `job_bytes_max`.
   */
  at(path: string): Position | null;
}

export interface TextLine {
  /** Counted from 1, empty lines included. */
  readonly line: number;
  readonly text: string;
}

const BOM = '\uFEFF';

export function parseJobText(input: string): ParsedJobText {
  const text = input.startsWith(BOM) ? input.slice(1) : input;
  let places: ((path: string) => Position | null) | null = null;
  const at = (path: string): Position | null => (places ??= placesOf(text))(path);
  const fast = parsePlain(text);
  if (fast !== null) return { value: fast.value, faults: [], at };
  const scan = scanJobText(text, false);
  if (scan.faults.length === 0) return { value: scan.value, faults: [], at };
  const lines = new Lines(text);
  return { value: scan.value, faults: scan.faults.map((fault) => place(fault, lines)), at };
}

/** UTF-8 and nothing else; a byte order mark is dropped. */
export function decodeUtf8(bytes: Uint8Array): string | Fault {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const offset = firstWrongByte(bytes);
    const before = new TextDecoder('utf-8').decode(bytes.subarray(0, offset));
    const position = new Lines(before).at(before.length);
    const byte = bytes[offset] ?? 0;
    return {
      code: 'InvalidJob',
      path: WHOLE,
      ...position,
      expected: 'text in UTF-8',
      got: `the byte 0x${byte.toString(16).padStart(2, '0')}`,
      hint: 'Save the file as UTF-8.',
    };
  }
}

/** The lines of NDJSON that hold something. */
export function splitNdjson(text: string): TextLine[] {
  const lines: TextLine[] = [];
  let start = text.startsWith(BOM) ? 1 : 0;
  for (let line = 1; start < text.length; line++) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const content = text.slice(start, end);
    if (content.trim() !== '') lines.push({ line, text: content });
    start = end + 1;
  }
  return lines;
}

/**
 * Gives faults of a job their line and column. `prefix` is the job's own path in the text, e.g. `[3]`; `first_line` the
 * line of the file in which the text begins, for a line of NDJSON.
 */
export function placeFaults(
  faults: readonly Fault[],
  text: ParsedJobText,
  prefix = '',
  first_line = 1,
): Fault[] {
  return faults.map((fault) => {
    const path = joinPaths(prefix, fault.path);
    const position =
      fault.line === undefined ? text.at(path) : { line: fault.line, column: fault.column ?? 1 };
    if (position === null) return { ...fault, path };
    return { ...fault, path, line: position.line + first_line - 1, column: position.column };
  });
}

/** JSON.parse, where it reads the same as the careful way would; null where that must look. */
function parsePlain(text: string): { readonly value: unknown } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const properties = countProperties(value, 0);
  return properties === -1 || properties !== countColons(text) ? null : { value };
}

/** Properties in a value; -1 where something in it needs the careful way. */
function countProperties(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.isWellFormed() ? 0 : -1;
  if (typeof value === 'number') return Math.abs(value) > INTEGER_MAX ? -1 : 0;
  if (typeof value !== 'object' || value === null) return 0;
  if (depth >= LIMITS.job_depth_max) return -1;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      const inside = countProperties(item, depth + 1);
      if (inside === -1) return -1;
      count += inside;
    }
    return count;
  }
  for (const key of Object.keys(value)) {
    const inside = countProperties((value as Record<string, unknown>)[key], depth + 1);
    if (inside === -1 || !key.isWellFormed()) return -1;
    count += inside + 1;
  }
  return count;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Colons outside of texts: as many as properties were written, in a text that is valid JSON. */
function countColons(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === COLON) count++;
    else if (code === QUOTE) i = endOfString(text, i);
  }
  return count;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  for (;;) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
}

function place(fault: TextFault, lines: Lines): Fault {
  const { offset, first, ...rest } = fault;
  const hint = first === undefined ? undefined : `It stands first at ${lines.show(first)}. Keep one of them.`;
  return { code: 'InvalidJob', ...rest, ...lines.at(offset), ...(hint === undefined ? {} : { hint }) };
}

function placesOf(text: string): (path: string) => Position | null {
  // Positions in a text of many jobs would take seconds, in which nobody else is served: there a path has to do.
  if (text.length > LIMITS.job_bytes_max) return () => null;
  const { offsets } = scanJobText(text, true);
  const lines = new Lines(text);
  return (path) => find(offsets, lines, path);
}

function find(offsets: ReadonlyMap<string, number>, lines: Lines, path: string): Position | null {
  for (let up: string | null = path === '' ? WHOLE : path; up !== null; up = parentPath(up)) {
    const offset = offsets.get(up);
    if (offset !== undefined) return lines.at(offset);
  }
  return null;
}

/** Offsets of a text as lines and columns. */
class Lines {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  at(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }

  show(offset: number): string {
    const { line, column } = this.at(offset);
    return `${line}:${column}`;
  }
}

/** Where the first character begins that is no UTF-8. The decoder says only that something is wrong, so it is asked by halves. */
function firstWrongByte(bytes: Uint8Array): number {
  let good = 0;
  for (let bad = bytes.length + 1; bad - good > 1;) {
    const middle = (good + bad) >> 1;
    if (decodes(bytes.subarray(0, middle), true)) good = middle;
    else bad = middle;
  }
  let start = good;
  while (start > 0 && !decodes(bytes.subarray(0, start), false)) start--;
  return start;
}

function decodes(bytes: Uint8Array, stream: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
    return true;
  } catch {
    return false;
  }
}
