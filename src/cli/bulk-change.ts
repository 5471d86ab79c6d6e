/** Changing the runs that are named or selected: how many, whether that is meant, then all at once. */
import type { Client, Selection } from '../client/client.ts';
import type { JobFilter } from '../client/filter.ts';
import { Problem } from '../core/errors.ts';
import type { RunAnswer } from '../core/ports/scheduler.ts';
import { isOfTheMoment } from '../core/reasons.ts';
import type { RunState } from '../core/states.ts';
import { confirmed } from './confirm.ts';
import type { Context } from './context.ts';
import { count, many } from './quantities.ts';
import { selected } from './selection.ts';
import { shortRef } from './short-ref.ts';
import { stateWord } from './states-shown.ts';

export interface BulkChange<V> {
  /** `Cancel`, at the head of the question. */
  readonly verb: string;
  /** States in which the change is possible: a filter that names none means these. */
  readonly states: readonly RunState[];
  change(client: Client, selection: Selection, signal: AbortSignal): Promise<readonly RunAnswer<V>[]>;
}

/**
 * The server's answer for each run, printed one a line as well; null where the person said no. Named runs are changed at
 * once, a filter after its count was shown.
 */
export async function bulkChange<V>(
  context: Context,
  bulk: BulkChange<V>,
): Promise<readonly RunAnswer<V>[] | null> {
  const { out, signal } = context;
  const selection = await selected(context);
  if (selection.kind === 'filter') refuseReasonOfTheMoment(selection.filter.reason);
  const client = await context.server();
  let answers: readonly RunAnswer<V>[];
  if (selection.kind === 'names') answers = await bulk.change(client, { names: selection.refs }, signal);
  else {
    const filter: JobFilter = {
      ...selection.filter,
      latest: true,
      state: selection.filter.state ?? bulk.states,
    };
    const rows = (await client.counts(['state'], filter, { signal })).filter((row) => row.runs > 0);
    const total = rows.reduce((sum, row) => sum + row.runs, 0);
    if (total === 0) {
      out.notice(
        `Nothing to do: no job of ${selection.words} is ${filter.state?.map(stateWord).join(', ') ?? 'there'}.`,
      );
      return [];
    }
    const byState = rows.map((row) => `${count(row.runs)} ${row.by.state ?? ''}`).join(', ');
    if (!(await confirmed(context, `${bulk.verb} ${many(total, 'job')} of ${selection.words} (${byState})?`)))
      return null;
    answers = await bulk.change(client, { filter }, signal);
  }
  for (const answer of answers) {
    if (out.json) await out.value(answer);
    else await out.line(`${shortRef(answer)} ${String(answer.verdict).replaceAll('_', ' ')}`);
  }
  return answers;
}

/** By the time that somebody has answered the question it may be over, or hold other jobs. */
function refuseReasonOfTheMoment(reason: string | undefined): void {
  if (reason === undefined || !isOfTheMoment(reason)) return;
  throw new Problem(
    'InvalidRequest',
    `${reason} holds whatever is queued for an endpoint and a model, and may be over by now: it is no selection for a change.`,
    { hint: 'Select by --endpoint and --model, with --state queued. Who waits for it now: promptd why' },
  );
}
