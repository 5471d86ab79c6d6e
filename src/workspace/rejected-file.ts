/**
 * `rejected/<name>.<EPOCH>.json`: why a file of `jobs/` was refused. Written once for each version of the file, also over
 * restarts: the newest report about it is compared before another is written.
 */
import { join } from 'node:path';
import type { Fault } from '../core/errors.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { Clock, Random } from '../core/ports/clock.ts';
import type { Files, FolderNames } from '../core/ports/files.ts';
import type { FileKind } from '../core/ports/job-folder.ts';
import type { WorkspaceLayout } from './layout.ts';
import { readRegularFile } from './regular-file.ts';
import { writeOnce } from './write-once.ts';

export interface RejectedReportsOptions {
  readonly files: Files;
  readonly names: FolderNames;
  readonly layout: WorkspaceLayout;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
}

/** What stood there. Of what was not opened nothing but its kind is told, or its size and time. */
export interface RejectedVersion {
  readonly kind: FileKind;
  readonly bytes: number | null;
  readonly modified_at: string | null;
  readonly sha256: string | null;
}

export interface Rejection {
  /** Its name in `jobs/`. */
  readonly file: string;
  readonly version: RejectedVersion;
  readonly faults: readonly Fault[];
}

/** Room for an epoch and the ending in a name of 255 bytes. */
const NAME_LENGTH_MAX = 200;

export class RejectedReports {
  readonly #options: RejectedReportsOptions;
  /** When reports under each name were written. */
  #written: Promise<Map<string, number[]>> | null = null;
  /** Several files may be spelled alike there: the newest report about each of them. */
  readonly #about = new Map<string, Promise<Map<string, string>>>();

  constructor(options: RejectedReportsOptions) {
    this.#options = options;
  }

  /** The name of the report that says this, written now or before. Rejects with the system's error. */
  async write(rejection: Rejection): Promise<string> {
    const { layout, clock, files } = this.#options;
    const base = baseOf(rejection.file);
    this.#written ??= this.#list().catch((error: unknown) => {
      this.#written = null;
      throw error;
    });
    const written = await this.#written;
    const about = await this.#aboutFiles(base, written.get(base) ?? []);
    const before = about.get(rejection.file);
    if (before !== undefined && (await this.#says(before, rejection))) return before;
    const now = clock.now();
    const epoch = Math.max(now, (written.get(base)?.at(-1) ?? 0) + 1);
    const bytes = Buffer.from(rejectedFileText(rejection, now));
    const placed = await writeOnce(
      { files, layout, random: this.#options.random, crashpoint: () => undefined },
      {
        folder: layout.rejected,
        name: reportName(base, epoch),
        bytes,
        otherPlace: (n) => ({ folder: layout.rejected, name: reportName(base, epoch + n) }),
        isSame: (found) => bytes.equals(found),
      },
    );
    await files.syncDirectory(layout.rejected);
    const name = placed.path.slice(layout.rejected.length + 1);
    written.set(base, [...(written.get(base) ?? []), splitReportName(name)?.epoch ?? epoch]);
    about.set(rejection.file, name);
    return name;
  }

  async #list(): Promise<Map<string, number[]>> {
    const written = new Map<string, number[]>();
    for await (const name of this.#options.names(this.#options.layout.rejected)) {
      const split = splitReportName(name);
      if (split === null) continue;
      const epochs = written.get(split.base);
      if (epochs === undefined) written.set(split.base, [split.epoch]);
      else epochs.push(split.epoch);
    }
    for (const epochs of written.values()) epochs.sort(byTime);
    return written;
  }

  async #aboutFiles(base: string, epochs: readonly number[]): Promise<Map<string, string>> {
    const list = async (): Promise<Map<string, string>> => {
      const about = new Map<string, string>();
      for (const epoch of epochs) {
        const report = reportName(base, epoch);
        const file = (await this.#read(report))?.['file'];
        if (typeof file === 'string') about.set(file, report);
      }
      return about;
    };
    const listed = this.#about.get(base) ?? list();
    this.#about.set(base, listed);
    try {
      return await listed;
    } catch (error) {
      this.#about.delete(base);
      throw error;
    }
  }

  async #says(report: string, rejection: Rejection): Promise<boolean> {
    const found = await this.#read(report);
    return found !== null && sameButForItsTime(found, rejection);
  }

  async #read(report: string): Promise<JsonObject | null> {
    const path = join(this.#options.layout.rejected, report);
    // Nobody but us writes there, and still nothing is followed or waited for.
    const found = await readRegularFile(this.#options.files, path);
    return found === null ? null : objectIn(found);
  }
}

/** The newest report about a file of this name, and when it was written (Unix ms). By names alone: nothing is opened. */
export async function newestReport(
  { names, layout }: Pick<RejectedReportsOptions, 'names' | 'layout'>,
  file: string,
): Promise<{ readonly report: string; readonly epoch: number } | null> {
  const base = baseOf(file);
  let epoch = -1;
  for await (const name of names(layout.rejected)) {
    const split = splitReportName(name);
    if (split?.base === base) epoch = Math.max(epoch, split.epoch);
  }
  return epoch === -1 ? null : { report: reportName(base, epoch), epoch };
}

export function rejectedFileText(rejection: Rejection, rejected_at: number): string {
  return `${JSON.stringify({ ...bodyOf(rejection), rejected_at: new Date(rejected_at).toISOString(), format: 1 }, null, 2)}\n`;
}

function bodyOf({ file, version, faults }: Rejection): JsonObject {
  const { kind, bytes, modified_at, sha256 } = version;
  return {
    file,
    faults: faults as unknown as Json,
    version: { kind, bytes, modified_at, sha256 },
  };
}

function sameButForItsTime(found: JsonObject, rejection: Rejection): boolean {
  const { rejected_at: _rejected_at, format: _format, ...rest } = found;
  return canonicalJson(rest) === canonicalJson(bodyOf(rejection));
}

function objectIn(bytes: Uint8Array): JsonObject | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function byTime(a: number, b: number): number {
  return a - b;
}

/** Of `faq.json` it is `faq`, of `faq.jsonl` the whole name; what no job is called is spelled with what names have. */
function baseOf(file: string): string {
  const plain = file.endsWith('.json') ? file.slice(0, -'.json'.length) : file;
  return plain.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, NAME_LENGTH_MAX);
}

function reportName(base: string, epoch: number): string {
  return `${base}.${epoch}.json`;
}

function splitReportName(name: string): { readonly base: string; readonly epoch: number } | null {
  const match = /^(.+)\.(\d{1,16})\.json$/.exec(name);
  return match === null ? null : { base: match[1] ?? '', epoch: Number(match[2]) };
}
