import { EXIT } from '../../core/errors.ts';
import { REASONS, type ReasonCode } from '../../core/reasons.ts';
import type { JobLine } from '../../core/views.ts';
import type { Context } from '../context.ts';
import { plainLine } from '../plain-text.ts';
import { count } from '../quantities.ts';
import { filterOf, resolveName } from '../selection.ts';
import { shortRef } from '../short-ref.ts';
import { stateWord } from '../states-shown.ts';

/** Why jobs wait or have failed: one in a sentence, many by reason. Without a selection, all that have not completed. */
export async function why(context: Context): Promise<number> {
  const { out, signal } = context;
  const filter = { ...filterOf(context), latest: true };
  const client = await context.server();
  for (const arg of context.args) {
    const job = await client.job(await resolveName(context, arg), { signal });
    const { name, run, state, reason, job_file } = job;
    if (out.json)
      await out.value({ name, run, state, reason, ...(job_file === undefined ? {} : { job_file }) });
    else {
      await out.line(`${shortRef(job)} ${stateWord(state)}: ${sentence(job)}`);
      if (job_file !== undefined) await out.line(plainLine(job_file));
    }
  }
  if (context.args.length > 0) return EXIT.ok;
  const counted = await client.counts(['state', 'reason'], filter, { signal });
  const rows = counted
    .filter((row) => row.runs > 0 && row.by.state !== 'completed')
    .toSorted((a, b) => b.runs - a.runs);
  if (rows.length === 0) out.notice('No job waits, and none has failed.');
  for (const { by, runs } of rows) {
    const reason = by.reason ?? null;
    const state = by.state as JobLine['state'];
    const query = { ...filter, state: [state], ...(reason === null ? {} : { reason }) };
    const [example] = (await client.jobsPage(query, { limit: 1, signal })).jobs;
    if (out.json)
      await out.value({
        state,
        reason,
        runs,
        example: example?.name ?? null,
        message: example?.reason?.message ?? null,
      });
    else {
      const said = example === undefined ? '' : `, e.g. ${example.name}: ${sentence(example)}`;
      await out.line(`${count(runs)} ${stateWord(state)}${reason === null ? '' : ` (${reason})`}${said}`);
    }
  }
  return EXIT.ok;
}

function sentence(job: Pick<JobLine, 'state' | 'reason'>): string {
  if (job.reason !== null) return plainLine(`${job.reason.code}: ${job.reason.message}`);
  if (job.state === 'completed') return 'It has its answer.';
  if (job.state === 'running') return 'It is being asked now.';
  return job.state === 'queued' ? REASONS['WaitingForSlot' satisfies ReasonCode].advice : 'Nothing holds it.';
}
