/** Whether the server of a workspace has a job to do already: then nobody should do it beside it. */
import { connect } from '../client/client.ts';
import { nobodyListens } from '../client/unreachable.ts';
import type { ExecuteObserver, Workspace } from '../cli/deps.ts';
import { messageOf, Problem } from '../core/errors.ts';
import { hasEnded } from '../core/states.ts';
import type { PreparedJob } from '../core/submission.ts';
import { systemTimers } from '../platform/timers.ts';

/** A server that is there answers sooner, or is frozen. */
const ANSWER_MS = 5_000;

/**
 * Rejects with Problem WrongState where the latest run of that name is the same work and has not ended. Other work under the
 * name is no conflict: nothing here touches it. A server that gives no answer is told of, and not waited for.
 */
export async function refuseUnfinished(
  workspace: Workspace,
  { name, digest }: Pick<PreparedJob, 'name' | 'digest'>,
  observer: Pick<ExecuteObserver, 'notice'>,
): Promise<void> {
  if ((await workspace.server()) === null) return;
  const client = connect({ socket: workspace.socket }, systemTimers);
  try {
    const run = await client.job(name, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (run.digest !== digest || hasEnded(run.state)) return;
    throw new Problem('WrongState', `${name} is ${run.state} at the server of this workspace`, {
      hint: `Wait for that answer: promptd wait ${name}. To execute it here instead, first: promptd cancel ${name}`,
    });
  } catch (error) {
    if (error instanceof Problem && error.code === 'WrongState') throw error;
    if (nobodyListens(error) || (error instanceof Problem && error.code === 'NotFound')) return;
    const why = messageOf(error);
    observer.notice(`Whether the server of this workspace has ${name} to do is not known: ${why}`);
  } finally {
    client.close();
  }
}
