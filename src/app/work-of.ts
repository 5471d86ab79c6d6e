/** What a job that stands in a file asks, made as the server would make it, without one. */
import type { Workspace, WorkOrFaults } from '../cli/deps.ts';
import { createPrepare } from '../prompt/prepare.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { loadConfig } from './config.ts';
import type { Environment } from './environment.ts';

export async function workOf(
  workspace: Workspace | null,
  job: unknown,
  env: Environment,
): Promise<WorkOrFaults> {
  const { endpoints, default_endpoint } = await loadConfig(workspace?.root ?? process.cwd(), env);
  const links = workspace === null ? null : new WorkspaceLinkReader({ root: workspace.root });
  const prepared = await createPrepare({ endpoints, default_endpoint, links })(job, { via: 'socket' });
  if (!prepared.ok) return prepared;
  const { digest, request, spec, prompt } = prepared.job;
  return { ok: true, digest, work: { request, spec, prompt } };
}
