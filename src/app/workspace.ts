/** A workspace as the command line is given it. */
import { readFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { Workspace } from '../cli/deps.ts';
import { Problem } from '../core/errors.ts';
import { systemFiles } from '../platform/files.ts';
import { findWorkspace, socketPath } from '../workspace/layout.ts';
import { loadConfig, type Config, type Environment } from './config.ts';
import { readServerFile } from './server-info.ts';
import { processGone } from './process-gone.ts';

/** Upwards from `start`, or exactly `explicit`. */
export async function openWorkspace(start: string, explicit: string | undefined, env: Environment): Promise<Workspace | null> {
  const given = explicit ?? env['PROMPTD_WORKSPACE'];
  if (given !== undefined && given !== '') {
    const root = resolve(start, given);
    const facts = await systemFiles.facts(root);
    if (facts === null || (facts.kind !== 'directory' && facts.kind !== 'symlink')) {
      throw new Problem('NoWorkspace', `${root} is no folder`, { hint: `Make a workspace there: promptd init ${given}` });
    }
    return workspaceAt(await loadConfig(root, env));
  }
  const root = await findWorkspace(systemFiles, start);
  return root === null ? null : workspaceAt(await loadConfig(root, env));
}

export function workspaceAt(config: Config): Workspace {
  const { layout } = config;
  return {
    root: layout.root,
    config_file: layout.config,
    jobs_dir: layout.jobs,
    results_dir: layout.results,
    ended_dir: layout.ended,
    socket: socketPath(layout, realpathSync(layout.root), tmpdir()),
    async server() {
      const info = await readServerFile(layout.server);
      if (info === null || processGone(info.pid)) return null;
      return { pid: info.pid, url: info.url, started_at: info.started_at };
    },
    async key() {
      const text = await readFile(layout.admin_key, 'utf8').catch(() => '');
      return text.trim() === '' ? null : text.trim();
    },
    endpoints: () => Promise.resolve({ names: [...config.endpoints.keys()], default_endpoint: config.default_endpoint }),
  };
}
