/**
 * A workspace as the command line is given it. Most commands only need its paths, so the configuration is read lightly here
 * (one word of it) and checked in full where it is used: by `serve`, `validate`, and wherever endpoints are asked for.
 */
import { readFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { Workspace } from '../cli/deps.ts';
import { Problem } from '../core/errors.ts';
import { systemFiles } from '../platform/files.ts';
import { findWorkspace, layoutOf, socketPath, type WorkspaceLayout } from '../workspace/layout.ts';
import { isServerGone, readServerFile } from './server-info.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Upwards from `start`, or exactly `explicit`. */
export async function openWorkspace(
  start: string,
  explicit: string | undefined,
  env: Environment,
): Promise<Workspace | null> {
  const given = explicit ?? env['PROMPTD_WORKSPACE'];
  if (given === undefined || given === '') {
    const root = await findWorkspace(systemFiles, start);
    return root === null ? null : workspaceAt(root, env);
  }
  const root = resolve(start, given);
  const facts = await systemFiles.facts(root);
  if (facts === null || (facts.kind !== 'directory' && facts.kind !== 'symlink')) {
    throw new Problem('NoWorkspace', `${root} is no folder`, {
      hint: `Make a workspace there: promptd init ${given}`,
    });
  }
  return workspaceAt(root, env);
}

/** Where promptd keeps its own things of a workspace. */
export async function stateFolderOf(root: string, env: Environment): Promise<string> {
  return layoutOf(root, env['PROMPTD_STATE_DIR'] ?? (await stateDirOf(layoutOf(root)))).state;
}

export async function workspaceAt(root: string, env: Environment): Promise<Workspace> {
  const layout = layoutOf(root, await stateFolderOf(root, env));
  return {
    root: layout.root,
    config_file: layout.config,
    jobs_dir: layout.jobs,
    results_dir: layout.results,
    ended_dir: layout.ended,
    socket: socketPath(layout, realpathSync(layout.root), tmpdir()),
    async server() {
      const info = await readServerFile(layout.server);
      if (info === null || isServerGone(info)) return null;
      return { pid: info.pid, url: info.url, started_at: info.started_at };
    },
    async key() {
      const text = await readFile(layout.admin_key, 'utf8').catch(() => '');
      return text.trim() === '' ? null : text.trim();
    },
    async endpoints() {
      const { loadConfig } = await import('./config.ts');
      const { endpoints, default_endpoint } = await loadConfig(layout.root, env);
      const kinds = new Map([...endpoints.values()].map(({ name, kind }) => [name, kind]));
      return { names: [...kinds.keys()], kinds, default_endpoint };
    },
  };
}

/** The one word of the configuration on which paths depend. What is wrong in the file is said by those who read all of it. */
async function stateDirOf(layout: WorkspaceLayout): Promise<string | undefined> {
  const text = await readFile(layout.config, 'utf8').catch(() => null);
  if (text === null || !text.includes('"state_dir"')) return undefined;
  const { parseJobText } = await import('../core/job-text.ts');
  const value = parseJobText(text).value as { readonly state_dir?: unknown } | undefined;
  return typeof value?.state_dir === 'string' && value.state_dir !== '' ? value.state_dir : undefined;
}
