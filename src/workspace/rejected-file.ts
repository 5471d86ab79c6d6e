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
  /** The newest report about each name. */
  #newest: Promise<Map<string, number>> | null = null;

  constructor(options: RejectedReportsOptions) {
    this.#options = options;
  }

  /** The name of the report that says this, written now or before. Rejects with the system's error. */
  async write(rejection: Rejection): Promise<string> {
    const { layout, clock, files } = this.#options;
    const base = baseOf(rejection.file);
    this.#newest ??= this.#list().catch((error: unknown) => {
      this.#newest = null;
      throw error;
    });
    const newest = await this.#newest;
    const before = newest.get(base);
    if (before !== undefined && (await this.#says(reportName(base, before), rejection)))
      return reportName(base, before);
    const now = clock.now();
    const epoch = Math.max(now, (before ?? 0) + 1);
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
    newest.set(base, splitReportName(name)?.epoch ?? epoch);
    return name;
  }

  async #list(): Promise<Map<string, number>> {
    const newest = new Map<string, number>();
    for await (const name of this.#options.names(this.#options.layout.rejected)) {
      const split = splitReportName(name);
      if (split !== null) newest.set(split.base, Math.max(split.epoch, newest.get(split.base) ?? 0));
    }
    return newest;
  }

  async #says(report: string, rejection: Rejection): Promise<boolean> {
    const path = join(this.#options.layout.rejected, report);
    // Nobody but us writes there, and still nothing is followed or waited for.
    if ((await this.#options.files.facts(path))?.kind !== 'file') return false;
    const found = await this.#options.files.read(path);
    return found !== null && sameButForItsTime(found, rejection);
  }
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

function sameButForItsTime(found: Uint8Array, rejection: Rejection): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(found).toString('utf8'));
    if (!isJsonObject(value)) return false;
    const { rejected_at: _rejected_at, format: _format, ...rest } = value;
    return canonicalJson(rest) === canonicalJson(bodyOf(rejection));
  } catch {
    return false;
  }
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
