/**
 * `promptd verify`: hashes all that is stored once more, in the database and in the folders, and says what is not as it was
 * written. It changes nothing, and works beside a server: what that writes meanwhile is looked at twice before it is a fault.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { join, relative } from 'node:path';
import type { VerifyOptions } from '../cli/deps.ts';
import { digestOf, sha256, sha256Bytes } from '../core/identity.ts';
import {
  answerFilePath,
  formatRunRef,
  isAnswerFolder,
  isMisnamedResult,
  jobFileName,
  MISNAMED_RESULT,
  resultFileName,
  splitResultFileName,
} from '../core/names.ts';
import { isRequestLost } from '../core/unknown-work.ts';
import type { FileFacts } from '../core/ports/files.ts';
import type { PublicationKind, ResultFileRef } from '../core/rows.ts';
import type { Misfit, MisfitKind, StoredRun, Verified, VerifyObserver } from '../core/verification.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { openStoredRows, type StoredRows } from '../stores/sqlite/stored-rows.ts';
import { ahead, LARGE_BYTES } from '../workspace/ahead.ts';
import { layoutOf, type WorkspaceLayout } from '../workspace/layout.ts';
import { checkEndedFile, checkResultFile, type KnownRuns } from '../workspace/published-check.ts';
import type { Environment } from './environment.ts';
import { stateFolderOf } from './workspace.ts';

/** In messages. */
const KINDS: Readonly<Record<FileFacts['kind'], string>> = {
  file: 'a file',
  directory: 'a folder',
  symlink: 'a symbolic link',
  other: 'a FIFO, socket or device',
};
/** Runs that are in memory at a time. */
const ROWS_MAX = 200;

/** Resolves with what was looked at by then where the signal ends it. Rejects with Problem StoreRefused where the database does not open. */
export async function verify(
  { workspace, only }: VerifyOptions,
  env: Environment,
  observer: VerifyObserver,
  signal: AbortSignal,
): Promise<Verified> {
  const layout = layoutOf(workspace.root, await stateFolderOf(workspace.root, env));
  const rows = (await hasDatabase(layout)) ? openStoredRows(layout.database) : null;
  try {
    const verification = new Verification(layout, rows, observer, signal);
    if (only === null) await verification.everything();
    else await verification.run(only.name, only.run);
    return verification.soFar;
  } finally {
    rows?.close();
  }
}

/** An empty or half-lost one is opened, and refused with what is the matter. */
async function hasDatabase({ database }: WorkspaceLayout): Promise<boolean> {
  const [file, log] = await Promise.all([systemFiles.facts(database), systemFiles.facts(`${database}-wal`)]);
  return file !== null || log !== null;
}

/** Null where it is no file, or has gone since. */
async function bytesOf(path: string, facts: FileFacts | null): Promise<Uint8Array | null> {
  return facts?.kind === 'file' ? systemFiles.read(path) : null;
}

class Verification {
  readonly #layout: WorkspaceLayout;
  readonly #rows: StoredRows | null;
  readonly #observer: VerifyObserver;
  readonly #signal: AbortSignal;
  readonly #known: KnownRuns;
  readonly #counts = { runs: 0, bodies: 0, files: 0, unverified: 0, misfits: 0 };

  constructor(
    layout: WorkspaceLayout,
    rows: StoredRows | null,
    observer: VerifyObserver,
    signal: AbortSignal,
  ) {
    this.#layout = layout;
    this.#rows = rows;
    this.#observer = observer;
    this.#signal = signal;
    this.#known = rows === null ? null : (name, run) => rows.run(name, run);
  }

  get soFar(): Verified {
    return { ...this.#counts, database: this.#rows !== null };
  }

  async everything(): Promise<void> {
    await this.#folder(this.#layout.results, checkResultFile);
    await this.#folder(this.#layout.ended, checkEndedFile);
    if (this.#rows === null) return;
    await this.#bodies(this.#rows);
    await this.#runs(this.#rows);
  }

  /** One run: its text, and its file where that is written. */
  async run(name: string, run: number): Promise<void> {
    const row = this.#rows?.run(name, run) ?? null;
    if (this.#rows === null || row === null) return;
    await this.#row(this.#rows, row);
    const { result, epoch } = row;
    if (result === null || epoch === null) return;
    const file = join(this.#layout.results, resultFileName(epoch, name));
    const facts = await systemFiles.facts(file);
    await this.#file(file, facts, await bytesOf(file, facts), { epoch, name }, checkResultFile);
  }

  async #folder(folder: string, check: typeof checkResultFile): Promise<void> {
    const early = async (entry: string) => {
      const at = splitResultFileName(entry);
      const path = join(folder, entry);
      const facts = at === null ? null : await systemFiles.facts(path);
      const isLarge = facts !== null && facts.bytes > LARGE_BYTES;
      return { entry, at, path, facts, bytes: isLarge ? null : await bytesOf(path, facts) };
    };
    for await (const { entry, at, path, facts, bytes } of ahead(systemFolderNames(folder), early)) {
      if (this.#signal.aborted) return;
      if (at !== null) await this.#file(path, facts, bytes ?? (await bytesOf(path, facts)), at, check);
      else if (isMisnamedResult(entry)) await this.#tell('unknown', path, MISNAMED_RESULT);
      else if (folder === this.#layout.results && isAnswerFolder(entry)) await this.#strangers(entry);
    }
  }

  async #file(
    path: string,
    facts: FileFacts | null,
    bytes: Uint8Array | null,
    at: { readonly epoch: number; readonly name: string },
    check: typeof checkResultFile,
  ): Promise<void> {
    // Gone since it was listed: whether it should be there shows with the rows.
    if (facts === null) return;
    if (facts.kind !== 'file')
      return this.#tell('unreadable', path, `expected a file, got ${KINDS[facts.kind]}`);
    if (bytes === null) return undefined;
    const verdict = check(at, Buffer.from(bytes).toString('utf8'), this.#known);
    this.#counts.files += 1;
    if (!verdict.is_hashed) this.#counts.unverified += 1;
    for (const { kind, message } of verdict.faults) await this.#tell(kind, path, message);
    for (const file of verdict.files) {
      const beside = join(this.#layout.results, answerFilePath(at.epoch, at.name, file.name));
      await this.#besideText(beside, file);
    }
    return this.#step();
  }

  /** A file that came with an answer. */
  async #besideText(
    path: string,
    { sha256: expected, bytes: size }: Pick<ResultFileRef, 'sha256' | 'bytes'>,
  ) {
    const facts = await systemFiles.facts(path);
    if (facts === null) return this.#tell('missing', path, 'the result file beside it names it');
    const bytes = facts.kind === 'file' ? await systemFiles.read(path) : null;
    if (bytes === null) return this.#tell('unreadable', path, `expected a file, got ${KINDS[facts.kind]}`);
    this.#counts.files += 1;
    const found = sha256Bytes(bytes);
    if (found === expected && bytes.length === size) return undefined;
    const got = `${bytes.length} bytes with SHA-256 ${found}`;
    return this.#tell('changed', path, `expected ${size} bytes with SHA-256 ${expected}, got ${got}`);
  }

  /** What lies in the folder of an answer's files and is named by no result. */
  async #strangers(entry: string): Promise<void> {
    const result = join(this.#layout.results, `${entry.slice(0, -'.files'.length)}.json`);
    const at = splitResultFileName(`${entry.slice(0, -'.files'.length)}.json`);
    const bytes = at === null ? null : await systemFiles.read(result);
    if (at === null || bytes === null) {
      // Files are placed before the result that names them: those of a running server are on their way.
      if (!(await this.#isPublishing(result)))
        await this.#tell('unknown', join(this.#layout.results, entry), 'there is no result file beside it');
      return;
    }
    const { files } = checkResultFile(at, Buffer.from(bytes).toString('utf8'), null);
    const named = new Set(files.map(({ name }) => name));
    for await (const name of systemFolderNames(join(this.#layout.results, entry))) {
      if (!named.has(name))
        await this.#tell('unknown', join(this.#layout.results, entry, name), 'the result names no such file');
    }
  }

  async #isPublishing(result: string): Promise<boolean> {
    return (await systemFiles.facts(result)) !== null || (this.#rows?.anyWaiting() ?? false);
  }

  async #bodies(rows: StoredRows): Promise<void> {
    for (let body = rows.bodyAfter(0); body !== null; body = rows.bodyAfter(body.id)) {
      this.#counts.bodies += 1;
      const found = sha256(body.text);
      if (found !== body.sha256) {
        const users = rows.usersOf(body.id).join(', ');
        const where = users === '' ? 'database' : users;
        await this.#tell(
          'changed',
          where,
          `a stored text has SHA-256 ${found}, it is filed under ${body.sha256}`,
        );
      }
      if (this.#signal.aborted) return;
      await this.#step();
    }
  }

  async #runs(rows: StoredRows): Promise<void> {
    for (let after = 0; ;) {
      const lot = rows.endsAfter(after, ROWS_MAX);
      for (const row of lot) {
        await this.#row(rows, row);
        await this.#itsFiles(rows, row);
        await this.#step();
        if (this.#signal.aborted) return;
      }
      const last = lot.at(-1);
      if (last === undefined) return;
      after = last.job;
    }
  }

  /** The row against what it names. */
  async #row(rows: StoredRows, row: StoredRun): Promise<void> {
    const ref = formatRunRef(row);
    const { result } = row;
    this.#counts.runs += 1;
    if (row.request === null) await this.#tell('missing', ref, 'what was asked is not stored');
    else if (digestOf(row.request) !== row.digest && !isRequestLost(row.request))
      await this.#tell('changed', ref, 'its digest is not that of what was asked');
    if (result === null) {
      if (row.state === 'completed') await this.#tell('missing', ref, 'it is completed, and has no answer');
      return;
    }
    if (result.text_sha256 === null) await this.#tell('missing', ref, 'the text of its answer is not stored');
    else if (result.stored_bytes !== result.text_bytes)
      await this.#tell(
        'changed',
        ref,
        `its answer has ${result.stored_bytes ?? 0} bytes, expected ${result.text_bytes}`,
      );
    const named = result.files.map(({ body_sha256 }) => body_sha256);
    for (const hash of result.prompt_sha256 === null ? named : [...named, result.prompt_sha256])
      if (!rows.hasBody(hash))
        await this.#tell('missing', ref, `the text with SHA-256 ${hash} is not stored`);
  }

  /** What should have been published of it. */
  async #itsFiles(rows: StoredRows, row: StoredRun): Promise<void> {
    const { results, ended, jobs } = this.#layout;
    if (row.source === 'http') await this.#published(rows, row, 'job', join(jobs, jobFileName(row.name)));
    if (row.epoch === null) return;
    const file = resultFileName(row.epoch, row.name);
    if (row.state === 'completed') await this.#published(rows, row, 'result', join(results, file));
    else await this.#published(rows, row, 'ended', join(ended, file));
  }

  async #published(rows: StoredRows, row: StoredRun, kind: PublicationKind, path: string): Promise<void> {
    if ((await systemFiles.facts(path)) !== null || rows.isWaiting(row.job, kind)) return;
    // It may have been published, or taken its next epoch, between the two looks.
    const now = rows.run(row.name, row.run);
    if (now === null || now.epoch !== row.epoch || (await systemFiles.facts(path)) !== null) return;
    await this.#tell('missing', path, `the ${kind} file of ${formatRunRef(row)} was published and is gone`);
  }

  async #tell(kind: MisfitKind, where: string, message: string): Promise<void> {
    this.#counts.misfits += 1;
    const shown = where.startsWith(this.#layout.root) ? relative(this.#layout.root, where) : where;
    const misfit: Misfit = { kind, where: shown, message };
    await this.#observer.misfit(misfit);
  }

  /** Most of it is synchronous: Ctrl-C and the reader of the findings have their turn. */
  async #step(): Promise<void> {
    const { runs, bodies, files } = this.#counts;
    if ((runs + bodies + files) % 64 !== 0) return;
    this.#observer.progress(this.soFar);
    await breathe();
  }
}
