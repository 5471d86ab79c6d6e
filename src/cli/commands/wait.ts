import type { Context } from '../context.ts';
import { waitForRuns } from '../following/wait-for-runs.ts';
import { selected } from '../selection.ts';

export async function wait(context: Context): Promise<number> {
  const timeout_ms = context.given.duration('timeout');
  const selection = await selected(context);
  const awaited = selection.kind === 'names' ? { refs: selection.refs } : { filter: selection.filter };
  return waitForRuns(context, awaited, timeout_ms);
}
