/** Makes the folders of a workspace, and files to begin with. What stands there already is left as it is. */
import { dirname, join } from 'node:path';
import { Problem } from '../core/errors.ts';
import type { Files } from '../core/ports/files.ts';
import { hasCode } from './system-error.ts';
import { foldersOf, type WorkspaceLayout } from './layout.ts';

/** A file to begin with: its path relative to the workspace, and its text. */
export interface Starter {
  readonly path: string;
  readonly text: string;
}

export interface CreatedWorkspace {
  /** Folders and files that were made, as absolute paths, in order. */
  readonly created: readonly string[];
  /** Files that stood there already and were not touched. */
  readonly kept: readonly string[];
}

/** Rejects with Problem `NoWorkspace` where something that is no folder stands in the place of one. */
export async function createWorkspace(
  files: Files,
  layout: WorkspaceLayout,
  starters: readonly Starter[] = [],
): Promise<CreatedWorkspace> {
  const created: string[] = [];
  const kept: string[] = [];
  for (const folder of foldersOf(layout)) {
    // Prompts, keys and the socket are this user's own.
    const mode = folder === layout.state ? 0o700 : undefined;
    if (await makeFolder(files, folder, mode)) created.push(folder);
  }
  for (const starter of starters) {
    const path = join(layout.root, starter.path);
    await makeFolder(files, dirname(path));
    const made = await writeStarter(files, path, starter.text);
    (made ? created : kept).push(path);
  }
  return { created, kept };
}

/** Whether the folder had to be made. A link to a folder is as good as one: it is the owner's own choice. */
export async function makeFolder(files: Files, path: string, mode?: number): Promise<boolean> {
  const facts = await files.facts(path);
  if (facts === null) {
    await files.makeDirectory(path, mode);
    return true;
  }
  if (facts.kind === 'directory' || facts.kind === 'symlink') return false;
  throw new Problem(
    'NoWorkspace',
    `${path}: expected a folder, got a ${facts.kind === 'file' ? 'file' : 'special file'}`,
    {
      hint: 'Move it away, or take another folder for the workspace.',
    },
  );
}

async function writeStarter(files: Files, path: string, text: string): Promise<boolean> {
  try {
    await files.writeNew(path, Buffer.from(text), 0o644);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}
