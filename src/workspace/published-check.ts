/** Whether a file that was published is still what it says itself, and what the database says of its run. No file is opened here. */
import { messageOf } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import type { JsonObject } from '../core/json.ts';
import { formatRunRef, resultFileName } from '../core/names.ts';
import { hasEnded } from '../core/states.ts';
import type { MisfitKind, StoredRun } from '../core/verification.ts';
import type { ResultFileView } from '../core/views.ts';
import { parseRecord } from './run-record.ts';

/** What a file is held to; null where there is no database. */
export type KnownRuns = ((name: string, run: number) => StoredRun | null) | null;

/** What its name says. */
export interface PublishedName {
  readonly epoch: number;
  readonly name: string;
}

export interface FileVerdict {
  readonly faults: readonly { readonly kind: MisfitKind; readonly message: string }[];
  /** Whether it carries the hash of its text. */
  readonly is_hashed: boolean;
  /** What it says that came beside the text. */
  readonly files: readonly ResultFileView[];
}

type Faults = { readonly kind: MisfitKind; readonly message: string }[];

export function checkResultFile(at: PublishedName, text: string, known: KnownRuns): FileVerdict {
  const faults: Faults = [];
  const record = read(text, faults);
  if (record === null) return { faults, is_hashed: true, files: [] };
  const { result, sha256: own } = record;
  if (typeof result !== 'string' && result !== null) {
    faults.push({ kind: 'unreadable', message: 'expected "result" as a text or null' });
    return { faults, is_hashed: true, files: [] };
  }
  const hash = sha256(result ?? '');
  if (typeof own === 'string' && own !== hash)
    faults.push({ kind: 'changed', message: `its text has SHA-256 ${hash}, it says ${own}` });
  const run = knownRun(at, record, known, faults);
  if (run !== null) {
    if (run.result === null)
      faults.push({ kind: 'changed', message: `the database has no answer of ${formatRunRef(run)}` });
    else if (run.result.text_sha256 !== null && run.result.text_sha256 !== hash)
      faults.push({ kind: 'changed', message: 'its text is not that of the database' });
    differing(faults, 'attempt', record['attempt'], run.result?.attempt);
    differing(faults, 'digest', record['digest'], run.digest);
    differing(faults, 'files', namesOf(filesOf(record)), namesOf(run.result?.files ?? []));
    if (run.epoch !== at.epoch) faults.push(otherFile(run));
  }
  return { faults, is_hashed: typeof own === 'string', files: filesOf(record) };
}

/** Ended files carry no hash: they are held to the database alone. */
export function checkEndedFile(at: PublishedName, text: string, known: KnownRuns): FileVerdict {
  const faults: Faults = [];
  const record = read(text, faults);
  const run = record === null ? null : knownRun(at, record, known, faults);
  if (record !== null && run !== null) {
    differing(faults, 'digest', record['digest'], run.digest);
    if (run.epoch === at.epoch) {
      // A run that was retried and has not ended again is known by the file of its end before.
      if (hasEnded(run.state)) differing(faults, 'state', record['state'], run.state);
    }
    // A run that was retried has a later file, too.
    else if (run.last_epoch < at.epoch) faults.push(otherFile(run));
  }
  return { faults, is_hashed: true, files: [] };
}

function read(text: string, faults: Faults): JsonObject | null {
  try {
    return parseRecord(text);
  } catch (error) {
    faults.push({ kind: 'unreadable', message: messageOf(error) });
    return null;
  }
}

/** Null where the file names no run (the bare pair, `promptd execute`), or none that is known. */
function knownRun(at: PublishedName, record: JsonObject, known: KnownRuns, faults: Faults): StoredRun | null {
  const { name, run } = record;
  if (typeof name === 'string' && name !== at.name)
    faults.push({ kind: 'changed', message: `it is named after ${at.name}, and says that it is of ${name}` });
  if (known === null || typeof run !== 'number') return null;
  const found = known(at.name, run);
  if (found === null)
    faults.push({
      kind: 'unknown',
      message: `the database knows no run ${formatRunRef({ name: at.name, run })}`,
    });
  return found;
}

function otherFile(run: StoredRun): Faults[number] {
  const file = run.epoch === null ? 'has no file' : `has the file ${resultFileName(run.epoch, run.name)}`;
  return { kind: 'unknown', message: `${formatRunRef(run)} ${file}, not this one` };
}

function differing(faults: Faults, what: string, got: unknown, expected: unknown): void {
  if (expected === undefined || got === expected) return;
  faults.push({
    kind: 'changed',
    message: `its ${what} is ${JSON.stringify(got) ?? 'missing'}, the database has ${JSON.stringify(expected)}`,
  });
}

function filesOf(record: JsonObject): readonly ResultFileView[] {
  const { files } = record;
  if (!Array.isArray(files)) return [];
  return (files as unknown as readonly ResultFileView[]).filter(
    (file) => typeof file?.name === 'string' && typeof file.sha256 === 'string',
  );
}

function namesOf(files: readonly { readonly name: string; readonly sha256: string }[]): string {
  return files.map(({ name, sha256: hash }) => `${name} ${hash}`).join(', ');
}
