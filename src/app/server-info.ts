/** `.promptd/server.json`: who serves this workspace now. Written when everything listens, removed at a graceful stop. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { SettingsTrace } from './settings-trace.ts';

/** Held by the one server of a workspace; its name in the state folder. */
export const SERVE_LOCK = 'serve.lock';

export interface ServerFile {
  readonly pid: number;
  readonly url: string;
  readonly socket: string;
  readonly instances: { readonly host: string; readonly port: number };
  readonly store_id: string;
  readonly version: string;
  /** Started by `run`: it ends by itself, and makes way for a `serve`. */
  readonly detached: boolean;
  /** Unix ms. */
  readonly started_at: number;
  readonly settings: SettingsTrace;
}

export async function writeServerFile(path: string, info: ServerFile): Promise<void> {
  const temporary = `${path}.${info.pid}`;
  try {
    await writeFile(temporary, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Null where there is none, or none that can be read. */
export async function readServerFile(path: string): Promise<ServerFile | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ServerFile;
  } catch {
    return null;
  }
}

/** Removes the file, where it is still ours. */
export async function removeServerFile(path: string, pid: number): Promise<void> {
  const info = await readServerFile(path);
  if (info?.pid === pid) await rm(path, { force: true });
}
