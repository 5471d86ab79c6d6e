/** `promptd doctor`: looks at the machine and at the workspace, and says what to do where something is not well. */
import type { Workspace } from '../cli/deps.ts';
import { Problem } from '../core/errors.ts';
import type { Finding } from '../core/examination.ts';
import { layoutOf } from '../workspace/layout.ts';
import { loadConfig } from './config.ts';
import { examineClock, examineDisks, examineLinks, examineModes, examineSpace } from './doctor-disk.ts';
import { examineEndpoints } from './doctor-endpoints.ts';
import { examineNode, examineOrphans, examineSocket, examineSqlite } from './doctor-machine.ts';
import type { Environment } from './environment.ts';
import { stateFolderOf } from './workspace.ts';

/** Findings as they are made. It writes nothing but a file whose links it tries, and takes that away again. */
export async function* examine(workspace: Workspace, env: Environment): AsyncGenerator<Finding> {
  const layout = layoutOf(workspace.root, await stateFolderOf(workspace.root, env));
  yield examineNode();
  yield examineSqlite();
  const config = await configOf(workspace, env);
  if ('verdict' in config) yield config;
  else yield { what: 'configuration', verdict: 'ok', message: layout.config };
  yield* examineDisks(layout);
  yield await examineLinks(layout);
  yield* examineModes(layout);
  yield await examineClock(layout);
  yield await examineSpace(layout, 'verdict' in config ? null : config.disk_free_min_bytes);
  yield examineSocket(workspace, layout);
  yield* examineOrphans(workspace, layout);
  if (!('verdict' in config)) yield* examineEndpoints(config, env);
}

async function configOf(workspace: Workspace, env: Environment) {
  try {
    return await loadConfig(workspace.root, env);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const advice = error.hint ?? 'Mend that line; docs/configuration.md lists the keys.';
    return { what: 'configuration', verdict: 'wrong', message: error.message, advice } satisfies Finding;
  }
}
