/** `run -m MODEL -p PROMPT`: one prompt, and its answer on stdout. Works without a workspace. */
import type { Client } from '../../client/client.ts';
import type { JobIn } from '../../client/job-in.ts';
import { EXIT, Problem } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { Context } from '../context.ts';
import { readAnyJobs } from '../intake/read-jobs.ts';
import { plainText } from '../plain-text.ts';
import { shortRef } from '../short-ref.ts';
import { jobDefaults } from '../submit-options.ts';
import { waitForInterrupts } from './interrupts.ts';
import { RunSession } from './run-session.ts';
import { exitOf } from './summary.ts';

export async function askOnce(context: Context, job: JobIn): Promise<number> {
  const { out } = context;
  if (!context.isRemote && (await context.workspace()) === null)
    context.settle(await context.deps.quickWorkspace());
  const source = { file: '-p', bytes: Buffer.from(JSON.stringify(job)) };
  const { jobs } = readAnyJobs(source, jobDefaults(context));
  const interrupts = waitForInterrupts(context);
  const if_exists = context.given.oneOf('ifExists', ['same', 'new_run']) ?? 'new_run';
  const session = new RunSession({
    context,
    jobs,
    if_exists,
    on_invalid: 'refuse',
    signal: interrupts.signal,
  });
  try {
    await session.toEnd();
    return await session.ask((client) => printAnswer(context, client, session, interrupts.signal));
  } catch (error) {
    if (interrupts.cause === 'interrupted') {
      const [known] = session.board.runs();
      out.complain(
        known === undefined
          ? 'Stopped.'
          : `Stopped waiting; it goes on. Its answer: promptd result ${known.name}`,
      );
      return EXIT.interrupted;
    }
    throw error;
  } finally {
    interrupts.stop();
  }
}

async function printAnswer(
  context: Context,
  client: Client,
  session: RunSession,
  signal: AbortSignal,
): Promise<number> {
  const { out } = context;
  const [ended] = session.board.runs();
  if (ended === undefined) throw new Problem('Internal', 'The server accepted the job and told no name.');
  const ref = formatRunRef(ended);
  const result = await client.result(ref, { signal });
  if (out.json) {
    await out.value(result);
    return exitOf(session.board);
  }
  if (result.result === null) {
    const job = await client.job(ref, { signal });
    const reason = job.reason === null ? '' : `: ${job.reason.code}: ${plainText(job.reason.message)}`;
    out.complain(`${shortRef(ended)} ${job.state}${reason}`);
    return exitOf(session.board);
  }
  await out.data(result.result.endsWith('\n') ? result.result : `${result.result}\n`);
  if (session.submitted?.answer.answered_before === 1)
    out.notice(out.err.dim(`Answered before as ${shortRef(ended)}; nothing was asked.`));
  else out.notice(out.err.dim(`Kept as ${shortRef(ended)}.`));
  return EXIT.ok;
}
