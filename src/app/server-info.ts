/** `.promptd/server.json`: who serves this workspace now. Written when everything listens, removed at a graceful stop. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isSameBoot, machineId } from './machine-id.ts';
import { processGone } from './process-gone.ts';
import type { SettingsTrace } from './settings-trace.ts';

/** Held by the one server of a workspace; its name in the state folder. */
export const SERVE_LOCK = 'serve.lock';

export interface ServerFile {
  readonly pid: number;
  /** Where that pid counts, as {@link machineId} gives it. */
  readonly machine: string;
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
    const info = JSON.parse(await readFile(path, 'utf8')) as ServerFile | null;
    // One of an earlier version says no machine.
    return info === null ? null : { ...info, machine: info.machine ?? machineId() };
  } catch {
    return null;
  }
}

/** Removes the file, where it is still ours. */
export async function removeServerFile(path: string): Promise<void> {
  const info = await readServerFile(path);
  if (info !== null && isOwn(info)) await rm(path, { force: true });
}

/** Whether this process wrote it. */
export function isOwn({ pid, machine }: ServerFile): boolean {
  return pid === process.pid && machine === machineId();
}

/** Whether its pid is one of those that this process sees and may signal; not where one of both runs in a container. */
export function isVisible({ machine }: ServerFile): boolean {
  return machine === machineId();
}

/** Whether it is known to be gone: one in another container may live whatever runs here under its pid. */
export function isServerGone(server: ServerFile): boolean {
  return isVisible(server) ? processGone(server.pid) : !isSameBoot(server.machine, machineId());
}
