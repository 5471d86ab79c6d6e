/** Waiting for runs that are known by name, or selected; for `wait` and `submit --wait`. */
import type { Client } from '../../client/client.ts';
import type { JobFilter } from '../../client/filter.ts';
import { EXIT } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import { count, many } from '../quantities.ts';
import { Board, type RunSeen } from './board.ts';
import { followToEnd } from './follow.ts';
import { waitForInterrupts } from './interrupts.ts';
import { startProgress } from './progress.ts';
import { exitOf } from './summary.ts';
import { commonestWait } from './waiting.ts';

export type Awaited = { readonly refs: readonly string[] } | { readonly filter: JobFilter };

/** Resolves with the exit code by the worst end, 124 where the time was up, 130 after Ctrl-C. */
export async function waitForRuns(context: Context, awaited: Awaited, timeout_ms?: number): Promise<number> {
  const { deps, out } = context;
  const board = new Board();
  const interrupts = waitForInterrupts(context, timeout_ms);
  const { signal } = interrupts;
  const progress = await startProgress({
    deps,
    board,
    quiet: out.isQuiet,
    waiting: async (stopped) => commonestWait(await context.client(), board, stopped),
  });
  let known: readonly string[] | null = 'refs' in awaited ? awaited.refs : null;
  try {
    await followToEnd({
      board,
      timers: deps.timers,
      signal,
      open: () => context.server(),
      async learn(client) {
        // What a filter selects is settled once: a run that ends must not drop out of its own wait.
        const runs: readonly RunSeen[] =
          known === null && 'filter' in awaited
            ? await list(client, awaited.filter, signal)
            : await look(client, known ?? [], signal);
        known = runs.map(({ name, run }) => `${name}@${run}`);
        return runs;
      },
      onChange: () => progress.update(),
      onLoss: () => progress.say('The connection to the server was lost; looking for it again.'),
    });
  } catch (error) {
    if (interrupts.cause === null) throw error;
    const left = `${count(board.total - board.ended)} of ${many(board.total, 'job')} ${board.total - board.ended === 1 ? 'has' : 'have'} not ended`;
    out.complain(
      interrupts.cause === 'timed_out' ? `The time is up; ${left}.` : `Stopped waiting; ${left}. They go on.`,
    );
    return interrupts.cause === 'timed_out' ? EXIT.wait_timed_out : EXIT.interrupted;
  } finally {
    progress.stop();
    interrupts.stop();
  }
  await tell(context, board);
  return exitOf(board);
}

async function tell(context: Context, board: Board): Promise<void> {
  const { out } = context;
  if (out.json) await out.value({ jobs: board.total, states: board.counts() });
  else {
    const words = Object.entries(board.counts()).map(([state, runs]) => `${state} ${count(runs)}`);
    out.notice(words.length === 0 ? 'No job fits.' : words.join(' · '));
  }
}

async function list(client: Client, filter: JobFilter, signal: AbortSignal): Promise<RunSeen[]> {
  const runs: RunSeen[] = [];
  for await (const job of client.jobs({ ...filter, latest: true }, { signal })) runs.push(seen(job));
  return runs;
}

async function look(client: Client, refs: readonly string[], signal: AbortSignal): Promise<RunSeen[]> {
  const runs: RunSeen[] = [];
  for (const ref of refs) runs.push(seen(await client.job(ref, { signal })));
  return runs;
}

function seen(job: {
  readonly name: string;
  readonly run: number;
  readonly state: RunSeen['state'];
  readonly reason: { readonly code: string } | null;
}): RunSeen {
  return { name: job.name, run: job.run, state: job.state, reason: job.reason?.code ?? null };
}
