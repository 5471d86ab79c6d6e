/**
 * One file, written whole or not at all, and never over another: a temporary file is written and fsynced, then link(2)ed to
 * its name, which fails where the name is taken. The caller fsyncs the folder, once for many files.
 */
import { dirname, join } from 'node:path';
import type { Random } from '../core/ports/clock.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { Files } from '../core/ports/files.ts';
import type { WorkspaceLayout } from './layout.ts';
import { type PublicationFile, temporaryPath } from './publication-file.ts';
import { hasCode, isFailedSync, isSystemError } from './system-error.ts';

export interface WriteOnceTools {
  readonly files: Files;
  readonly layout: WorkspaceLayout;
  readonly random: Random;
  readonly crashpoint: CrashPoint;
}

/** `taken`: other bytes stand under the name. `refused`: something that is no file does; it is not followed. */
export type Placed =
  | { readonly outcome: 'written' | 'same'; readonly folder: string; readonly path: string }
  | { readonly outcome: 'taken'; readonly path: string }
  | { readonly outcome: 'refused'; readonly path: string; readonly found: string };

/** An ended file of the same run may be longer than the one at hand, by what was known then; nothing else may. */
const SAME_SLACK_BYTES = 16 * 1024 * 1024;

/** Rejects with the system's error; the temporary file is gone then, unless the process is about to end. */
export async function writeOnce(tools: WriteOnceTools, file: PublicationFile): Promise<Placed> {
  const { files, crashpoint } = tools;
  const temporary = await writeTemporary(tools, file.bytes);
  try {
    crashpoint('publisher.after_temp');
    const placed = await placeSomewhere(tools, temporary, file);
    crashpoint('publisher.before_unlink');
    await files.unlink(temporary);
    return placed;
  } catch (error) {
    // Whatever else went wrong is told by `error`; a temporary file that stays is removed by the next start.
    if (isSystemError(error) && !isFailedSync(error)) await files.unlink(temporary).catch(() => undefined);
    throw error;
  }
}

async function writeTemporary(tools: WriteOnceTools, bytes: Uint8Array): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const path = temporaryPath(tools.layout, tools.random.id(8));
    try {
      await tools.files.writeNew(path, bytes, 0o444);
      return path;
    } catch (error) {
      // Left by a crash under the same random name: another name is found, that file is not ours to touch.
      if (hasCode(error, 'EEXIST') && tries < 8) continue;
      if (isSystemError(error) && !isFailedSync(error) && error.code !== 'EEXIST') {
        await tools.files.unlink(path).catch(() => undefined);
      }
      throw error;
    }
  }
}

async function placeSomewhere(
  tools: WriteOnceTools,
  temporary: string,
  file: PublicationFile,
): Promise<Placed> {
  let placed = await place(tools, temporary, file, file);
  for (let n = 1; placed.outcome === 'taken' && file.otherPlace !== null; n += 1) {
    placed = await place(tools, temporary, file, file.otherPlace(n));
  }
  return placed;
}

async function place(
  tools: WriteOnceTools,
  temporary: string,
  file: PublicationFile,
  target: { readonly folder: string; readonly name: string },
): Promise<Placed> {
  const { files, crashpoint } = tools;
  const { folder } = target;
  const path = join(folder, target.name);
  crashpoint('publisher.before_link');
  try {
    await files.link(temporary, path);
    crashpoint('publisher.after_link');
    return { outcome: 'written', folder, path };
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  // Gone between the link and the look: the name is free, but whoever removes files here is asked no questions twice.
  return (
    (await standing(files, file, path)) ?? { outcome: 'refused', path, found: 'a file that disappeared' }
  );
}

/** What stands under the name of a file already; null where nothing does. */
export async function standing(
  files: Files,
  file: PublicationFile,
  path: string = join(file.folder, file.name),
): Promise<Placed | null> {
  const facts = await files.facts(path);
  if (facts !== null && facts.kind !== 'file') return { outcome: 'refused', path, found: facts.kind };
  // Whatever a person put there may be of any size; ours is not larger than this.
  if (facts !== null && facts.bytes > file.bytes.length + SAME_SLACK_BYTES) return { outcome: 'taken', path };
  const found = await files.read(path);
  if (found === null) return null;
  return file.isSame(found) ? { outcome: 'same', folder: dirname(path), path } : { outcome: 'taken', path };
}
