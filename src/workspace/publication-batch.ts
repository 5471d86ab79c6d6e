/** Files that are placed beside each other, some at a time, with one fsync of each folder behind them all. */
import { messageOf, Problem } from '../core/errors.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { PublicationRow } from '../core/rows.ts';
import { type AnswerFolder, answerFolderOf, placeFiles } from './answer-folder.ts';
import { ByteGate } from './byte-gate.ts';
import { type PublicationFile, publicationFile } from './publication-file.ts';
import { isFailedSync, isSystemError } from './system-error.ts';
import { type Placed, standing, writeOnce, type WriteOnceTools } from './write-once.ts';

/** Bytes of files that are in memory at a time: the largest result is this large. */
const BYTES_MAX = 64 * 1024 * 1024;

/** A row whose file cannot be written where something else stands; the row keeps the answer. Looked at again each minute. */
export interface RefusedPublication {
  readonly publication: PublicationRow;
  readonly message: string;
}

/** Whether waiting may help: a full disk, a lost folder, a database that is locked. A failed fsync and a bug never pass. */
export function mayPass(error: unknown): boolean {
  return (isSystemError(error) && !isFailedSync(error)) || error instanceof Problem;
}

/** A database that cannot be read now is asked again later; whether it is broken is for its writer to find out. */
export function readRows<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = messageOf(error);
    throw new Problem('StoreBusy', `What is to be published could not be read: ${why}`, { cause: error });
  }
}

export class PublicationBatch {
  readonly published: PublicationRow[] = [];
  readonly conflicts: PublicationRow[] = [];
  readonly refused: RefusedPublication[] = [];
  /** Dropped since they were listed: somebody knows that their files stand. */
  readonly gone: PublicationRow[] = [];
  /** Folders in which a file was placed, or found in place after a crash that may have lost it. */
  readonly folders = new Set<string>();
  /** The first error that may pass; the files after it were not begun. */
  trouble: { readonly error: unknown } | null = null;
  readonly #tools: WriteOnceTools;
  readonly #reads: Pick<ReadStore, 'publicationBody' | 'body'>;
  readonly #gate: ByteGate;

  constructor(
    tools: WriteOnceTools,
    reads: Pick<ReadStore, 'publicationBody' | 'body'>,
    bytes_max: number = BYTES_MAX,
  ) {
    this.#gate = new ByteGate(bytes_max);
    this.#tools = tools;
    this.#reads = reads;
  }

  /** Rejects with what may not pass, when nothing of the batch is under way any more. */
  async place(rows: readonly PublicationRow[], in_flight: number): Promise<void> {
    const rest = rows.values();
    const fatal: unknown[] = [];
    const lane = async () => {
      for (const row of rest) {
        while (this.#gate.full) await this.#gate.freed();
        if (this.trouble !== null || fatal.length > 0) return;
        try {
          await this.#placeOne(row);
        } catch (error) {
          if (mayPass(error)) this.trouble ??= { error };
          else fatal.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(in_flight, rows.length) }, lane));
    if (fatal.length > 0) throw fatal[0];
  }

  /** Once each, and only then do the names in them count. */
  async sync(): Promise<void> {
    if (this.folders.size > 0) this.#tools.crashpoint('publisher.before_sync');
    await Promise.all([...this.folders].map((folder) => this.#syncFolder(folder)));
    if (this.folders.size > 0) this.#tools.crashpoint('publisher.after_sync');
  }

  async #syncFolder(folder: string): Promise<void> {
    try {
      await this.#tools.files.syncDirectory(folder);
    } catch (error) {
      // A temporary file is made again after a full disk; the names in a folder are not, so no failed fsync of one passes.
      if (!isSystemError(error) || error.syscall !== 'fsync') throw error;
      throw new Error(`fsync of ${folder} failed; what was written there may be lost`, { cause: error });
    }
  }

  async #placeOne(row: PublicationRow): Promise<void> {
    const body = readRows(() => this.#reads.publicationBody(row));
    if (body === null) {
      this.gone.push(row);
      return;
    }
    try {
      const file = publicationFile(body, this.#tools.layout);
      const beside = answerFolderOf(body, this.#tools.layout);
      const place = () => (beside === null ? writeOnce(this.#tools, file) : this.#placeWith(beside, file));
      this.#note(row, await this.#holding(file, place));
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'Corrupt') throw error;
      this.refused.push({ publication: row, message: error.message });
    }
  }

  async #holding<T>({ bytes }: PublicationFile, during: () => Promise<T>): Promise<T> {
    this.#gate.take(bytes.length);
    try {
      return await during();
    } finally {
      this.#gate.give(bytes.length);
    }
  }

  /** Files first, then the result file that names them; neither where that one's name is taken. */
  async #placeWith(beside: AnswerFolder, file: PublicationFile): Promise<Placed> {
    const { files } = this.#tools;
    const found = await standing(files, file);
    if (found !== null && found.outcome !== 'same') return found;
    const hindered = await placeFiles(beside, {
      files,
      body: (sha256) => readRows(() => this.#reads.body(sha256)),
      write: (one) => this.#holding(one, () => writeOnce(this.#tools, one)),
      sync: (folder) => this.#syncFolder(folder),
    });
    return hindered ?? writeOnce(this.#tools, file);
  }

  #note(row: PublicationRow, placed: Placed): void {
    if (placed.outcome === 'taken') {
      this.conflicts.push(row);
    } else if (placed.outcome === 'refused') {
      const message = `${placed.path}: expected nothing or a file, found ${placed.found}. Move it away; it is tried again by itself.`;
      this.refused.push({ publication: row, message });
    } else {
      this.folders.add(placed.folder);
      this.published.push(row);
    }
  }
}
