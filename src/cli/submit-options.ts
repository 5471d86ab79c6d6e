/** The options that `run` and `submit` share, read into what they say about every job. */
import type { Json } from '../core/json.ts';
import { isName, NAME_EXPECTED } from '../core/names.ts';
import { Problem } from '../core/errors.ts';
import { parseDuration } from '../core/durations.ts';
import type { Context } from './context.ts';
import { usage } from './given.ts';
import type { JobDefaults } from './intake/source-job.ts';

export function jobDefaults(context: Context): JobDefaults {
  const { given } = context;
  const batch = nameOption(context, 'batch');
  const name = nameOption(context, 'name');
  const key = given.text('key');
  const model = given.text('model');
  return {
    ...(batch === undefined ? {} : { batch }),
    ...(name === undefined ? {} : { name }),
    ...(key === undefined ? {} : { key }),
    ...(model === undefined ? {} : { model }),
    options: runOptions(context),
    tags: given.list('tag'),
  };
}

/**
 * The word of `--fresh`: the batch that is named, so that the same again asks only what is missing of it; else one of this
 * command's own. Undefined without `--fresh`.
 */
export function freshWord(context: Context): string | undefined {
  if (!context.given.flag('fresh')) return undefined;
  return nameOption(context, 'batch') ?? `fresh-${context.deps.now()}`;
}

function nameOption(context: Context, option: string): string | undefined {
  const text = context.given.text(option);
  if (text === undefined || isName(text)) return text;
  throw usage(option, NAME_EXPECTED, text);
}

function runOptions(context: Context): Record<string, Json> {
  const { given } = context;
  const options: Record<string, Json> = {};
  const priority = given.whole('priority', { min: -1_000_000_000, max: 1_000_000_000 });
  if (priority !== undefined) options['priority'] = priority;
  if (given.duration('timeout') !== undefined) options['timeout'] = given.text('timeout') ?? '';
  const attempts = given.whole('maxAttempts', { min: 1, max: 1_000 });
  if (attempts !== undefined) options['max_attempts'] = attempts;
  const runAt = given.text('runAt');
  if (runAt !== undefined) options['run_at'] = new Date(momentAhead(runAt, context.deps.now())).toISOString();
  return options;
}

function momentAhead(text: string, now: number): number {
  const ahead = parseDuration(text);
  if (ahead !== null) return now + ahead;
  const at = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw usage('runAt', 'a time in RFC 3339 (2026-12-01T08:00:00Z), or how long from now (2h)', text);
}

/** The prompt of a job given on the command line, from -p or from stdin; undefined where none is given. */
async function promptGiven(context: Context): Promise<string | undefined> {
  const text = context.given.text('prompt');
  if (text !== '-') return text;
  if (context.deps.isTty.stdin)
    context.out.notice('Reading the prompt from the terminal; end it with Ctrl-D.');
  const chunks: Buffer[] = [];
  for await (const chunk of context.deps.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** The one job of `-m MODEL -p PROMPT`, or null where no prompt is given. */
export async function adHocJob(
  context: Context,
): Promise<{ readonly prompt: string; readonly configuration: Record<string, Json> } | null> {
  const prompt = await promptGiven(context);
  if (prompt === undefined) return null;
  if (context.args.length > 0)
    throw new Problem('InvalidRequest', 'Give files, or a prompt with -p; not both.');
  const model = context.given.text('model');
  if (model === undefined) {
    throw new Problem('InvalidRequest', 'Which model? Give it with -m, e.g. -m ollama:llama3.2:3b.', {
      hint: 'Endpoints: promptd endpoints',
    });
  }
  return { prompt, configuration: { LLM_name: model } };
}
