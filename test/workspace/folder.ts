/** A workspace in a temporary folder, removed after the test. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FolderNames } from '../../src/core/ports/files.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { createWorkspace } from '../../src/workspace/create-workspace.ts';
import { layoutOf, type WorkspaceLayout } from '../../src/workspace/layout.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'promptd-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function temporaryWorkspace(): Promise<WorkspaceLayout> {
  const layout = layoutOf(temporaryFolder());
  await createWorkspace(systemFiles, layout);
  return layout;
}

/** Files of a folder and their texts, in order of their names. */
export function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isFile());
  const sorted = names.map(({ name }) => name).toSorted();
  return Object.fromEntries(sorted.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

export function namesIn(folder: string): string[] {
  return readdirSync(folder).toSorted();
}

export const realNames: FolderNames = async function* names(directory) {
  for await (const entry of await opendir(directory, { bufferSize: 1024 })) yield entry.name;
};
