/** Which file a publication is: its folder, its name, and its bytes. */
import { basename, join } from 'node:path';
import { jobFileName, resultFileName } from '../core/names.ts';
import type { PublicationBody } from '../core/ports/read-store.ts';
import { endedFileText, parseEndedFile } from './ended-file.ts';
import { jobFileText } from './job-file.ts';
import type { WorkspaceLayout } from './layout.ts';
import { resultFileText } from './result-file.ts';

export interface PublicationFile {
  readonly folder: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  /**
   * Where it goes next, should the name be taken by other bytes: null where another name is not ours to choose (a result
   * needs a new epoch, which is a row). `n` counts from 1.
   */
  readonly otherPlace: ((n: number) => { readonly folder: string; readonly name: string }) | null;
  /** Whether these bytes, found under the name, are this very publication. */
  isSame(found: Uint8Array): boolean;
}

export function publicationFile(body: PublicationBody, layout: WorkspaceLayout): PublicationFile {
  const { publication, run } = body;
  if (publication.kind === 'job') {
    const bytes = Buffer.from(jobFileText(body));
    const folder = layout.conflicts_jobs;
    const otherPlace = (n: number) => ({
      folder,
      name: jobFileName(n === 1 ? run.name : `${run.name}.${n}`),
    });
    return {
      folder: layout.jobs,
      name: jobFileName(run.name),
      bytes,
      otherPlace,
      isSame: (found) => bytes.equals(found),
    };
  }
  if (publication.epoch === null)
    throw new RangeError(`${run.name}@${run.run}: a ${publication.kind} file has an epoch, got none`);
  const name = resultFileName(publication.epoch, run.name);
  if (publication.kind === 'ended') {
    const bytes = Buffer.from(endedFileText(body));
    const isSame = (found: Uint8Array) => bytes.equals(found) || isEndOf(found, body);
    return { folder: layout.ended, name, bytes, otherPlace: null, isSame };
  }
  const bytes = Buffer.from(resultFileText(body));
  return { folder: layout.results, name, bytes, otherPlace: null, isSame: (found) => bytes.equals(found) };
}

/**
 * A run that was retried has other columns than when it ended, so its file may have been written from these before a crash:
 * the same run at the same epoch is the same end.
 */
function isEndOf(found: Uint8Array, body: PublicationBody): boolean {
  try {
    const file = parseEndedFile(Buffer.from(found).toString('utf8'));
    return file.name === body.run.name && file.run === body.run.run;
  } catch {
    return false;
  }
}

/** Temporary files of the publisher, and of nobody else. */
const TEMPORARY = /^publish-[0-9a-f]{16}\.tmp$/;

export function temporaryPath(layout: WorkspaceLayout, suffix: string): string {
  return join(layout.tmp, `publish-${suffix}.tmp`);
}

export function isTemporary(path: string): boolean {
  return TEMPORARY.test(basename(path));
}
