/** What a workspace shows of a database that it once had, so that a lost one is never replaced by an empty one. */
import { join } from 'node:path';
import { splitResultFileName } from '../core/names.ts';
import type { Files, FolderNames } from '../core/ports/files.ts';
import type { WorkspaceLayout } from './layout.ts';
import { readRegularFile } from './regular-file.ts';
import { parseRecord } from './run-record.ts';

export interface TraceOptions {
  readonly files: Files;
  readonly names: FolderNames;
  readonly layout: WorkspaceLayout;
  /** Every file is looked at until one says so. Else the first of each folder, so that a start is quick beside any number. */
  readonly thorough?: boolean;
}

/** Files of each folder that are opened: those of others (the bare pair is a valid result too) say nothing. */
const LOOKED_AT_MAX = 100;

/** What says that there was a database, in words for people; null where nothing does. */
export async function traceOfDatabase(options: TraceOptions): Promise<string | null> {
  const { files, layout } = options;
  // Both are written by a server that has opened its database.
  for (const path of [layout.admin_key, layout.server]) {
    if ((await files.facts(path)) !== null) return `${path} is there`;
  }
  for (const folder of [layout.results, layout.ended]) {
    const path = await published(options, folder);
    if (path !== null) return `${path} was published from it`;
  }
  return null;
}

async function published(
  { files, names, thorough = false }: TraceOptions,
  folder: string,
): Promise<string | null> {
  let looked = 0;
  for await (const name of names(folder)) {
    if (splitResultFileName(name) === null) continue;
    if (looked === LOOKED_AT_MAX && !thorough) return null;
    looked += 1;
    const path = join(folder, name);
    const bytes = await readRegularFile(files, path);
    if (bytes !== null && isOurs(bytes)) return path;
  }
  return null;
}

/** Every file that a publisher writes says its format and its run. */
function isOurs(bytes: Uint8Array): boolean {
  try {
    const { format, run } = parseRecord(Buffer.from(bytes).toString('utf8'));
    return typeof format === 'number' && typeof run === 'number';
  } catch {
    // Damaged, or not ours: no proof either way.
    return false;
  }
}
