/** What `promptd doctor` says of the programs and processes of this machine. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Workspace } from '../cli/deps.ts';
import { Problem } from '../core/errors.ts';
import type { Finding } from '../core/examination.ts';
import { processesOf } from '../platform/workspace-processes.ts';
import { refuseOldSqlite } from '../stores/sqlite/refusals.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { processGone } from './process-gone.ts';

export function examineNode(): Finding {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [needMajor = 0, needMinor = 0] = engines.node.replace('>=', '').split('.').map(Number);
  const message = `${process.versions.node} (needed: ${engines.node})`;
  if (major > needMajor || (major === needMajor && minor >= needMinor))
    return { what: 'node', verdict: 'ok', message };
  const advice = 'Use a later Node, for example: npx -y -p node@24 -p promptd promptd.';
  return { what: 'node', verdict: 'wrong', message, advice };
}

export function examineSqlite(): Finding {
  const found = process.versions['sqlite'] ?? 'unknown';
  try {
    refuseOldSqlite(found);
    return { what: 'sqlite', verdict: 'ok', message: found };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { what: 'sqlite', verdict: 'wrong', message: error.message, advice: error.hint ?? '' };
  }
}

/** A path too long for any socket is refused wherever the workspace is opened. */
export function examineSocket({ socket }: Workspace, layout: WorkspaceLayout): Finding {
  const elsewhere = dirname(socket) !== layout.state;
  const message = `${socket} (${Buffer.byteLength(socket)} bytes)`;
  if (!elsewhere) return { what: 'socket', verdict: 'ok', message };
  return { what: 'socket', verdict: 'ok', message: `${message}, since ${layout.socket} is too long for one` };
}

/** Without a server an instance waits for the next one for a while, and programs belong to an instance. */
export async function* examineOrphans(
  workspace: Workspace,
  layout: WorkspaceLayout,
): AsyncGenerator<Finding> {
  const server = await workspace.server();
  const what = 'processes';
  const found = processesOf(layout.root).filter(({ pid }) => !processGone(pid));
  const instances = found.filter(({ kind }) => kind === 'instance').map(({ pid }) => pid);
  const programs = found.filter(({ kind }) => kind === 'program').map(({ pid }) => pid);
  if (server === null && instances.length > 0) {
    const message = `an instance without a server (pid ${instances.join(', ')})`;
    const advice = `The next promptd serve takes it in; else it ends by itself, or with: kill ${instances.join(' ')}`;
    yield { what, verdict: 'warning', message, advice };
  }
  if (instances.length === 0 && programs.length > 0) {
    const message = `programs that outlived the instance that started them (pid ${programs.join(', ')})`;
    yield { what, verdict: 'wrong', message, advice: `End them: kill -9 ${programs.join(' ')}` };
  }
  if (server !== null) {
    const message = `a server (pid ${server.pid}, ${server.url}), ${instances.length} local instance, ${programs.length} programs`;
    yield { what, verdict: 'ok', message };
  } else if (found.length === 0)
    yield { what, verdict: 'ok', message: 'no server runs, and nothing is left of one' };
}
