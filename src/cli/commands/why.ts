import { EXIT } from '../../core/errors.ts';
import { REASONS, type ReasonCode } from '../../core/reasons.ts';
import type { Client } from '../../client/client.ts';
import type { JobFilter } from '../../client/filter.ts';
import type { RunState } from '../../core/states.ts';
import type { CountRow } from '../../core/ports/read-store.ts';
import type { AdoptedView, JobLine } from '../../core/views.ts';
import type { Context } from '../context.ts';
import { plainLine } from '../plain-text.ts';
import { count } from '../quantities.ts';
import { filterOf, resolveName, selectsNothing } from '../selection.ts';
import { shortRef } from '../short-ref.ts';
import { stateWord } from '../states-shown.ts';
import { sayUnaskedFiles } from '../unasked-files.ts';
import { UNVERIFIED_SENTENCE } from './show.ts';

/** Why jobs wait or have failed: one in a sentence, many by reason. Without a selection, all that have not completed. */
export async function why(context: Context): Promise<number> {
  const { out, signal } = context;
  const filter = { ...filterOf(context), latest: true };
  const client = await context.server();
  for (const arg of context.args) {
    const job = await client.job(await resolveName(context, arg), { signal });
    const { name, run, state, reason, job_file, adopted } = job;
    if (out.json) {
      await out.value({
        name,
        run,
        state,
        reason,
        ...(job_file === undefined ? {} : { job_file }),
        ...(adopted === undefined ? {} : { adopted }),
      });
      continue;
    }
    await out.line(`${shortRef(job)} ${stateWord(state)}: ${sentence(job)}`);
    if (job_file !== undefined) await out.line(plainLine(job_file));
    if (adopted !== undefined) await out.line(plainLine(adoptedSentence(adopted)));
  }
  if (context.args.length > 0) return EXIT.ok;
  const { trouble } = await client.stats({ signal });
  if (trouble !== null) out.notice(plainLine(`The server is held up: ${trouble.code}: ${trouble.message}`));
  const groups = await groupsOf(context, client, filter);
  if (groups.length === 0) out.notice('No job waits, and none has failed.');
  if (!out.json && (groups.length === 0 || selectsNothing(context))) await sayUnaskedFiles(context, client);
  for (const { state, runs, reason, example } of groups) {
    if (out.json) {
      const message = example?.reason?.message ?? null;
      await out.value({ state, reason, runs, example: example?.name ?? null, message });
      continue;
    }
    const said = example === null ? '' : `, e.g. ${example.name}: ${sentence(example)}`;
    await out.line(`${count(runs)} ${stateWord(state)}${said}`);
  }
  return EXIT.ok;
}

function adoptedSentence({ file, unverified }: AdoptedView): string {
  const said = `It was asked elsewhere, or before the database was made again: ${file}`;
  return unverified ? `${said}. ${UNVERIFIED_SENTENCE}` : said;
}

interface Group {
  readonly state: RunState;
  readonly reason: string | null;
  readonly runs: number;
  readonly example: JobLine | null;
}

/** Endpoints and models that are looked at one by one; what is queued for others is one group. */
const LANES_ASKED = 50;

/**
 * What has failed is counted by the reason that is stored. What is queued waits for a reason of the moment, which all jobs of an
 * endpoint and model share: one of each is looked at, so that a long queue of one does not hide what holds the others.
 */
async function groupsOf(context: Context, client: Client, filter: JobFilter): Promise<readonly Group[]> {
  const { signal } = context;
  const counted = await client.counts(['state', 'reason', 'endpoint', 'model'], filter, { signal });
  const asked = new Map<string, { readonly query: JobFilter; runs: number }>();
  for (const { by, runs } of counted) {
    if (runs === 0 || by.state === 'completed') continue;
    const query = { ...filter, ...queryOf(by, asked.size < LANES_ASKED) };
    const key = JSON.stringify(query);
    const known = asked.get(key);
    asked.set(key, { query, runs: runs + (known?.runs ?? 0) });
  }
  const groups = new Map<string, Group>();
  for (const { query, runs } of asked.values()) {
    const [example = null] = (await client.jobsPage(query, { limit: 1, signal })).jobs;
    const [state = 'queued'] = query.state ?? [];
    const reason = query.reason ?? (state === 'queued' ? (example?.reason?.code ?? null) : null);
    const key = JSON.stringify([state, reason, state === 'queued' ? example?.reason?.message : null]);
    const known = groups.get(key);
    groups.set(key, {
      state,
      reason,
      runs: runs + (known?.runs ?? 0),
      example: known?.example ?? example,
    });
  }
  return [...groups.values()].toSorted((a, b) => b.runs - a.runs);
}

/** What selects the runs of a count: a queue by its endpoint and model, all else by state and reason. */
function queryOf({ state, reason, endpoint, model }: CountRow['by'], isOneMore: boolean): JobFilter {
  const states = { state: [state as RunState] };
  if (state !== 'queued') return typeof reason === 'string' ? { ...states, reason } : states;
  if (!isOneMore || typeof endpoint !== 'string' || typeof model !== 'string') return states;
  return { ...states, endpoint, model };
}

function sentence(job: Pick<JobLine, 'state' | 'reason'>): string {
  if (job.reason !== null) return plainLine(`${job.reason.code}: ${job.reason.message}`);
  if (job.state === 'completed') return 'It has its answer.';
  if (job.state === 'running') return 'It is being asked now.';
  return job.state === 'queued' ? REASONS['WaitingForSlot' satisfies ReasonCode].advice : 'Nothing holds it.';
}
