/** What a file in `jobs/` says: the job in it, or one a line, and where each part of it stands. */
import { describe } from '../core/describe.ts';
import type { Fault } from '../core/errors.ts';
import { WHOLE } from '../core/job-path.ts';
import { decodeUtf8, parseJobText, placeFaults, splitNdjson } from '../core/job-text.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { isName, NAME_EXPECTED } from '../core/names.ts';
import { fromOpenAiLine, isOpenAiLine, openAiPath } from '../core/openai-line.ts';
import type { FileKind, FileVersion } from '../core/ports/job-folder.ts';

/** A file of one job, or of a batch of one a line; `base` is what the job, or the batch, is called after it. */
export interface DroppedName {
  readonly kind: 'job' | 'batch';
  readonly base: string;
}

/** Null for files that are no jobs by their name: notes, and what editors and copying programs keep there meanwhile. */
export function droppedName(file: string): DroppedName | null {
  if (file.startsWith('.')) return null;
  if (file.endsWith('.json')) return { kind: 'job', base: file.slice(0, -'.json'.length) };
  return file.endsWith('.jsonl') ? { kind: 'batch', base: file.slice(0, -'.jsonl'.length) } : null;
}

export interface DroppedJob {
  readonly value: JsonObject;
  /** Gives faults of this job their line and column in the file. */
  place(faults: readonly Fault[]): Fault[];
}

/** `whole: false` where the text may just not be all there yet. */
export type DroppedOne =
  | { readonly ok: true; readonly job: DroppedJob }
  | { readonly ok: false; readonly whole: boolean; readonly faults: readonly Fault[] };

/** In messages. */
export const KINDS: Readonly<Record<Exclude<FileKind, 'file'>, string>> = {
  directory: 'a folder',
  symlink: 'a symbolic link',
  fifo: 'a FIFO',
  socket: 'a socket',
  device: 'a device',
  unnamed: 'a name that is not UTF-8',
};

/** What is wrong with a file before it is opened. */
export function faultBefore(name: DroppedName, version: FileVersion): Fault | null {
  const { kind, base } = name;
  if (!isName(base)) {
    const hint = `Rename it: the ${kind} is called after its file.`;
    return {
      code: 'InvalidJob',
      path: '(file name)',
      expected: NAME_EXPECTED,
      got: JSON.stringify(base),
      hint,
    };
  }
  if (version.kind !== 'file') {
    const hint = 'Put the file itself there: nothing is followed, and nothing else is read.';
    return fileFault('a regular file', KINDS[version.kind], hint);
  }
  const most = kind === 'job' ? LIMITS.job_bytes_max : LIMITS.submission_bytes_max;
  if (version.bytes <= most) return null;
  return {
    ...fileFault(
      `at most ${most} bytes`,
      `${version.bytes} bytes`,
      'Large data belongs into files of data/ that the job links to.',
    ),
    code: 'TooLarge',
  };
}

export function notReadable(code: string): Fault {
  return fileFault('a file that the server may read', code, 'Look at its permissions and its owner.');
}

function fileFault(expected: string, got: string, hint: string): Fault {
  return { code: 'InvalidJob', path: '(file)', expected, got, hint };
}

/** One after the other, so that a large batch is never in memory as values, and others get their turn in between. */
export function* readDropped(kind: DroppedName['kind'], bytes: Uint8Array): Generator<DroppedOne> {
  const text = decodeUtf8(bytes);
  if (typeof text !== 'string') yield unfinished([text]);
  else if (kind === 'job') yield readOne(text, 1, false);
  else yield* readLines(text);
}

function* readLines(text: string): Generator<DroppedOne> {
  const lines = splitNdjson(text);
  if (lines.length === 0) {
    const hint = 'Write the jobs, or remove the file.';
    yield unfinished([fileFault('one job a line', 'no line with anything in it', hint)]);
  }
  if (lines.length > LIMITS.submission_jobs_max) {
    yield { ok: false, whole: true, faults: [tooMany(lines.length)] };
    return;
  }
  for (const { text: content, line } of lines) yield readOne(content, line, true);
}

/** A file is taken as a whole, so all its jobs are in memory for a moment. */
function tooMany(lines: number): Fault {
  const expected = `at most ${LIMITS.submission_jobs_max} jobs`;
  const hint = 'Split it: each part is a batch of its own name, unless its jobs say "batch".';
  return { ...fileFault(expected, `${lines} jobs`, hint), code: 'TooManyJobs' };
}

function readOne(text: string, first_line: number, isLine: boolean): DroppedOne {
  const parsed = parseJobText(text);
  const place = (faults: readonly Fault[]): Fault[] => placeFaults(faults, parsed, '', first_line);
  if (parsed.faults.length > 0) return unfinished(place(parsed.faults));
  const { value } = parsed;
  if (!isJsonObject(value)) return { ok: false, whole: true, faults: place([noObject(value)]) };
  if (!isLine || !isOpenAiLine(value)) return { ok: true, job: { value, place } };
  const made = fromOpenAiLine(value);
  if ('fault' in made) return { ok: false, whole: true, faults: place([made.fault]) };
  const placeThere = (faults: readonly Fault[]): Fault[] =>
    place(faults.map((fault) => ({ ...fault, path: openAiPath(fault.path) })));
  return { ok: true, job: { value: made.job, place: placeThere } };
}

function noObject(value: unknown): Fault {
  const expected = 'an object with "prompt" and "configuration"';
  return { code: 'InvalidJob', path: WHOLE, expected, got: describe(value) };
}

function unfinished(faults: readonly Fault[]): DroppedOne {
  return { ok: false, whole: false, faults };
}
