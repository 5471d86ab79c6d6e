/** The same selection for every verb: names, unique beginnings of names, or a filter. */
import type { Client } from '../client/client.ts';
import type { JobFilter } from '../client/filter.ts';
import { Problem } from '../core/errors.ts';
import { formatRunRef, parseRunRef } from '../core/names.ts';
import { RUN_STATES, type RunState } from '../core/states.ts';
import type { Context } from './context.ts';
import { usage } from './given.ts';
import { parseMoment } from './quantities.ts';

export type Selected =
  /** `name` or `name@run`, each of which exists. */
  | { readonly kind: 'names'; readonly refs: readonly string[] }
  | { readonly kind: 'filter'; readonly filter: JobFilter; readonly words: string };

/**
 * What the options select. Names are resolved: a beginning that fits one job alone stands for it, and the notice says so.
 * Rejects with a usage problem where nothing is selected at all, or names and a filter at once.
 */
export async function selected(context: Context): Promise<Selected> {
  const filter = filterOf(context);
  const isFiltered = Object.keys(filter).length > 0 || context.given.flag('all');
  if (context.args.length > 0) {
    if (isFiltered) throw new Problem('InvalidRequest', 'Name jobs, or select them by options; not both.');
    const refs: string[] = [];
    for (const arg of context.args) refs.push(await resolveName(context, arg));
    return { kind: 'names', refs };
  }
  if (isFiltered) return { kind: 'filter', filter, words: filterWords(context) };
  throw new Problem(
    'InvalidRequest',
    'Which jobs? Name them, or select them: --batch, --state, --reason, --endpoint, --model, --tag, --key, --since, --all.',
  );
}

/** The filter alone, for lists: without any option it is everything. */
export function filterOf(context: Context): JobFilter {
  const { given } = context;
  const state = statesOf(given.text('state'));
  const since = sinceOf(context);
  const texts = ['batch', 'reason', 'endpoint', 'model', 'tag', 'key'] as const;
  const named = texts.flatMap((name) => {
    const value = given.text(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(named),
    ...(state === undefined ? {} : { state }),
    ...(since === undefined ? {} : { since }),
  };
}

/** Whether no option narrows a list. */
export function selectsNothing(context: Context): boolean {
  return Object.keys(filterOf(context)).length === 0;
}

function statesOf(text: string | undefined): RunState[] | undefined {
  if (text === undefined) return undefined;
  return text.split(',').map((word) => {
    const state = word.trim() === 'shared' ? 'blocked' : RUN_STATES.find((one) => one === word.trim());
    if (state !== undefined) return state;
    throw usage('state', `one of ${RUN_STATES.join(', ')}`, word.trim());
  });
}

function sinceOf(context: Context): string | undefined {
  const text = context.given.text('since');
  if (text === undefined) return undefined;
  const at = parseMoment(text, context.deps.now());
  if (at === null) throw usage('since', 'how long ago (2h, 3d), a date or a time in RFC 3339', text);
  return new Date(at).toISOString();
}

/** The options as they were given, for questions: `batch trial, state failed`. */
function filterWords(context: Context): string {
  const names = ['batch', 'state', 'reason', 'endpoint', 'model', 'tag', 'key', 'since'];
  const words = names.flatMap((name) => {
    const value = context.given.text(name);
    return value === undefined ? [] : [`${name} ${value}`];
  });
  return words.length === 0 ? 'all jobs' : words.join(', ');
}

/**
 * A name that exists, from a name, `NAME@RUN`, or a beginning that fits one job alone. What is wrong with the words is said
 * before a server is looked for.
 */
export async function resolveName(context: Context, text: string): Promise<string> {
  const ref = parseRunRef(text);
  if (ref === null) {
    throw new Problem(
      'InvalidRequest',
      `expected the name of a job (faq-17) or of a run of it (faq-17@2), got ${JSON.stringify(text)}.`,
    );
  }
  const { signal } = context;
  const client = await context.server();
  const page = await client.jobsPage({ prefix: ref.name, latest: true }, { limit: CANDIDATES, signal });
  if (page.jobs.some((job) => job.name === ref.name)) return formatRunRef(ref);
  const [only, second] = page.jobs;
  if (only === undefined) {
    const { hint = 'Look with: promptd ls' } = (await notFound(client, ref.name, signal)) ?? {};
    const message = `There is no job ${JSON.stringify(ref.name)}, and none whose name begins so.`;
    throw new Problem('NotFound', message, { hint });
  }
  if (second === undefined) {
    const whole = formatRunRef({ name: only.name, run: ref.run });
    context.out.notice(`${text} → ${whole}`);
    return whole;
  }
  if (page.next_cursor !== null && (await notFound(client, ref.name, signal)) === null)
    return formatRunRef(ref);
  throw ambiguous(
    ref.name,
    page.jobs.map((job) => job.name),
    page.next_cursor !== null,
  );
}

function ambiguous(name: string, names: readonly string[], isCut: boolean): Problem {
  const some = names.slice(0, 5).join(', ');
  const more = names.length > 5 || isCut ? ' and more' : '';
  return new Problem(
    'NotFound',
    `${JSON.stringify(name)} fits several jobs: ${some}${more}. Give more of the name.`,
  );
}

const CANDIDATES = 50;

/** What the server says of a name that it does not know; null where it knows it: one may be hidden among many longer ones. */
async function notFound(client: Client, name: string, signal: AbortSignal): Promise<Problem | null> {
  try {
    await client.job(name, { signal });
    return null;
  } catch (error) {
    if (error instanceof Problem && error.code === 'NotFound') return error;
    throw error;
  }
}
