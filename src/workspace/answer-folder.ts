/**
 * What came beside the text of an answer, in `results/<EPOCH>_<name>.files/`: all of it on disk before the result file that
 * names it stands, so that whoever finds a result finds its files.
 */
import { dirname, join } from 'node:path';
import { Problem } from '../core/errors.ts';
import { sha256Bytes } from '../core/identity.ts';
import { answerFolderName } from '../core/names.ts';
import type { PublicationBody } from '../core/ports/read-store.ts';
import type { Files } from '../core/ports/files.ts';
import type { ResultFileRef } from '../core/rows.ts';
import type { WorkspaceLayout } from './layout.ts';
import type { PublicationFile } from './publication-file.ts';
import type { Placed } from './write-once.ts';

export interface AnswerFolder {
  readonly folder: string;
  readonly files: readonly ResultFileRef[];
}

export interface PlacingFiles {
  readonly files: Files;
  /** Base64 text by its hash, null where there is none; read when its turn comes, for together they may be large. */
  readonly body: (sha256: string) => string | null;
  readonly write: (file: PublicationFile) => Promise<Placed>;
  readonly sync: (folder: string) => Promise<void>;
}

/** Null where nothing came beside the text, as for most answers. */
export function answerFolderOf(
  { publication, run, result }: Pick<PublicationBody, 'publication' | 'run' | 'result'>,
  layout: Pick<WorkspaceLayout, 'results'>,
): AnswerFolder | null {
  const files = result?.meta.files ?? [];
  if (publication.kind !== 'result' || publication.epoch === null || files.length === 0) return null;
  return { folder: join(layout.results, answerFolderName(publication.epoch, run.name)), files };
}

/**
 * Gives what keeps the files from being placed; null once they stand, and their folder in its own. Rejects with Problem
 * `Corrupt` where a stored file is not the one that was accepted.
 */
export async function placeFiles({ folder, files }: AnswerFolder, how: PlacingFiles): Promise<Placed | null> {
  const facts = await how.files.facts(folder);
  if (facts !== null && facts.kind !== 'directory')
    return { outcome: 'refused', path: folder, found: facts.kind };
  if (facts === null) await how.files.makeDirectory(folder);
  for (const ref of files) {
    const placed = await how.write(fileOf(folder, ref, how.body(ref.body_sha256)));
    if (placed.outcome === 'taken' || placed.outcome === 'refused') return placed;
  }
  await how.sync(folder);
  await how.sync(dirname(folder));
  return null;
}

function fileOf(folder: string, ref: ResultFileRef, stored: string | null): PublicationFile {
  const bytes = Buffer.from(stored ?? '', 'base64');
  if (stored === null || sha256Bytes(bytes) !== ref.sha256) {
    throw new Problem(
      'Corrupt',
      `${join(folder, ref.name)}: the stored file is not the one that was accepted`,
      { hint: 'The database is damaged: stop promptd and look at the disk.' },
    );
  }
  return { folder, name: ref.name, bytes, otherPlace: null, isSame: (found) => bytes.equals(found) };
}
