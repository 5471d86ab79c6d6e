/** `run -m MODEL -p PROMPT`: one prompt, and its answer on stdout. Works without a workspace. */
import type { Client } from '../../client/client.ts';
import type { JobIn } from '../../client/job-in.ts';
import { EXIT, Problem } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { Context } from '../context.ts';
import type { Workspace } from '../deps.ts';
import { readAnyJobs } from '../intake/read-jobs.ts';
import { plainLine, plainText } from '../plain-text.ts';
import { shellQuoted } from '../shell-quoted.ts';
import { shortRef } from '../short-ref.ts';
import { freshWord, jobDefaults } from '../submit-options.ts';
import { waitForInterrupts } from './interrupts.ts';
import { receiptLine } from './run-report.ts';
import { RunSession } from './run-session.ts';
import { exitOf } from './summary.ts';

export async function askOnce(context: Context, job: JobIn): Promise<number> {
  const { out } = context;
  let kept: Workspace | null = null;
  if (!context.isRemote && (await context.workspace()) === null) {
    kept = await context.deps.quickWorkspace();
    context.settle(kept);
  }
  const source = { file: '-p', bytes: Buffer.from(JSON.stringify(job)) };
  const { jobs } = readAnyJobs(source, jobDefaults(context));
  const interrupts = waitForInterrupts(context);
  const if_exists = context.given.oneOf('ifExists', ['same', 'new_run']) ?? 'new_run';
  const session = new RunSession({
    context,
    jobs,
    if_exists,
    on_invalid: 'refuse',
    fresh: freshWord(context),
    signal: interrupts.signal,
  });
  try {
    await session.toEnd();
    return await session.ask((client) =>
      printAnswer({ context, client, session, kept, signal: interrupts.signal }),
    );
  } catch (error) {
    if (interrupts.cause === 'interrupted') {
      const [known] = session.board.runs();
      out.complain(
        known === undefined
          ? 'Stopped.'
          : `Stopped waiting; it goes on. Its answer: ${resultCommand(shortRef(known), kept)}`,
      );
      return EXIT.interrupted;
    }
    throw error;
  } finally {
    interrupts.stop();
  }
}

interface Answered {
  readonly context: Context;
  readonly client: Client;
  readonly session: RunSession;
  /** The workspace of jobs that belong to none, where this is one: it is not found from here. */
  readonly kept: Workspace | null;
  readonly signal: AbortSignal;
}

/** The command that shows the answer, from the folder in which it is typed. */
function resultCommand(ref: string, kept: Workspace | null): string {
  return `promptd result ${ref}${kept === null ? '' : ` --workspace ${shellQuoted(kept.root)}`}`;
}

/** Once nothing is asked of the server any more: what is asked may be asked again. */
function tellReceipt({ out }: Context, { submitted }: RunSession): void {
  if (submitted !== null) out.notice(out.err.dim(receiptLine(submitted.answer)));
}

async function printAnswer({ context, client, session, kept, signal }: Answered): Promise<number> {
  const { out } = context;
  const [ended] = session.board.runs();
  if (ended === undefined) throw new Problem('Internal', 'The server accepted the job and told no name.');
  const ref = formatRunRef(ended);
  const result = await client.result(ref, { signal });
  if (out.json) {
    tellReceipt(context, session);
    await out.value(result);
    return exitOf(session.board);
  }
  if (result.result === null) {
    const job = await client.job(ref, { signal });
    const reason = job.reason === null ? '' : `: ${job.reason.code}: ${plainText(job.reason.message)}`;
    tellReceipt(context, session);
    out.complain(`${shortRef(ended)} ${job.state}${reason}`);
    return exitOf(session.board);
  }
  await out.data(result.result.endsWith('\n') ? result.result : `${result.result}\n`);
  tellReceipt(context, session);
  const known = shortRef(ended);
  const place = kept === null ? '' : ` in ${plainLine(kept.root)}. Show it: ${resultCommand(known, kept)}`;
  if (session.submitted?.answer.answered_before === 1)
    out.notice(
      out.err.dim(
        `Answered before as ${known}; nothing was asked.${place === '' ? '' : ` It is kept${place}`}`,
      ),
    );
  else out.notice(out.err.dim(place === '' ? `Kept as ${known}.` : `Kept as ${known}${place}`));
  return EXIT.ok;
}
