import { EXIT } from '../../core/errors.ts';
import type { Client } from '../../client/client.ts';
import type { JobFilter } from '../../client/filter.ts';
import type { JobLine } from '../../core/views.ts';
import type { Context } from '../context.ts';
import { count, duration } from '../quantities.ts';
import { folderFiles } from '../folder-files.ts';
import { filterOf, resolveName, selectsNothing } from '../selection.ts';
import { shortRef } from '../short-ref.ts';
import { stateColor, stateWord } from '../states-shown.ts';
import { tableText } from '../table.ts';
import { sayUnaskedFiles } from '../unasked-files.ts';
import { watched } from '../watch.ts';

const SHOWN = 50;

export async function ls(context: Context): Promise<number> {
  const { given } = context;
  if (given.flag('rejected') || given.flag('changed')) return watched(context, () => folderFiles(context));
  return watched(context, () => list(context));
}

async function list(context: Context): Promise<number> {
  const { out, given, signal } = context;
  const limit = given.whole('limit', { min: 1, max: 1_000_000 });
  const filter: JobFilter = { ...filterOf(context), latest: true };
  const client = await context.server();
  if (context.args.length > 0) return listNamed(context, client);
  const wanted = limit ?? (out.json || given.flag('all') ? Number.POSITIVE_INFINITY : SHOWN);
  const rows: JobLine[] = [];
  let seen = 0;
  for await (const job of client.jobs(filter, { signal, page: Math.min(wanted, 500) })) {
    if (out.json) await out.value(job);
    else rows.push(job);
    if (++seen >= wanted) break;
  }
  if (out.json) return EXIT.ok;
  await table(context, rows);
  if (seen === 0 || selectsNothing(context)) await sayUnaskedFiles(context, client);
  if (seen === SHOWN && wanted === SHOWN) await sayHowManyMore(context, client, filter, seen);
  return EXIT.ok;
}

async function listNamed(context: Context, client: Client): Promise<number> {
  const rows: JobLine[] = [];
  for (const arg of context.args) {
    const ref = await resolveName(context, arg);
    rows.push(await client.job(ref, { signal: context.signal }));
  }
  if (context.out.json) for (const row of rows) await context.out.value(row);
  else await table(context, rows);
  return EXIT.ok;
}

async function sayHowManyMore(
  context: Context,
  client: Client,
  filter: JobFilter,
  shown: number,
): Promise<void> {
  const counted = await client.counts(['state'], filter, { signal: context.signal });
  const more = counted.reduce((sum, row) => sum + row.runs, 0) - shown;
  if (more > 0)
    context.out.notice(`${count(more)} more. All of them: --all; fewer: --state, --batch, --since, …`);
}

async function table(context: Context, rows: readonly JobLine[]): Promise<void> {
  const { out, deps } = context;
  if (rows.length === 0) {
    out.notice(
      selectsNothing(context)
        ? 'There are no jobs yet. Submit some with: promptd run, or promptd submit'
        : 'No job fits.',
    );
    return;
  }
  const now = deps.now();
  await out.line(
    await tableText<JobLine>(
      [
        { head: 'NAME', text: (job) => shortRef(job), max: 60 },
        {
          head: 'STATE',
          text: (job) => stateWord(job.state),
          color: (text, job) => stateColor(job.state, out.out)(text),
        },
        { head: 'REASON', text: (job) => job.reason?.code ?? '' },
        { head: 'LANE', text: (job) => `${job.endpoint}:${job.model}`, max: 40 },
        { head: 'ATTEMPTS', text: (job) => String(job.attempts), align: 'right' },
        { head: 'AGE', text: (job) => duration(now - Date.parse(job.submitted_at)), align: 'right' },
        { head: 'TIME', text: (job) => timeOf(job, now), align: 'right' },
        {
          head: 'INSTANCE',
          text: (job) => (job.instance === null ? '' : String(job.instance)),
          align: 'right',
        },
      ],
      rows,
      { head: out.out.dim, width: out.width },
    ),
  );
}

/** From its first start to its end, or to now. */
function timeOf(job: JobLine, now: number): string {
  if (job.started_at === null) return '';
  return duration(
    (job.finished_at === null ? now : Date.parse(job.finished_at)) - Date.parse(job.started_at),
  );
}
