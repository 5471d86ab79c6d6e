import { EXIT, Problem } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { DetailPart } from '../../client/client.ts';
import { isAttached, type MessagePart } from '../../core/messages.ts';
import { hasEnded } from '../../core/states.ts';
import type { AttemptView, JobDetail, PromptMade } from '../../core/views.ts';
import type { Context } from '../context.ts';
import { plainText } from '../plain-text.ts';
import { count, duration, localTime } from '../quantities.ts';
import { resolveName } from '../selection.ts';
import { shortRef } from '../short-ref.ts';
import { stateColor, stateWord } from '../states-shown.ts';

export async function show(context: Context): Promise<number> {
  const { out, given, signal } = context;
  const ref = await resolveName(context, theName(context));
  const client = await context.server();
  const parts: DetailPart[] = ['attempts', 'runs'];
  const attempt = given.whole('attempt', { min: 1, max: 1_000_000 });
  if (given.flag('prompt') || attempt !== undefined) parts.push('prompt');
  if (given.flag('spec')) parts.push('spec');
  const job = await client.job(ref, { with: parts, attempt, signal });
  if (out.json) await out.value(job);
  else for (const line of lines(context, job)) await out.line(line);
  return EXIT.ok;
}

/** The one name that a command takes; commander has seen to it that there is one. */
export function theName(context: Context): string {
  const [name] = context.args;
  if (name === undefined) throw new Problem('InvalidRequest', 'Which job? Give its name.');
  return name;
}

function lines(context: Context, job: JobDetail): string[] {
  const c = context.out.out;
  const at = (time: string | null): string => (time === null ? '-' : localTime(Date.parse(time)));
  const rows: [string, string][] = [
    ['job', c.bold(formatRunRef(job))],
    ['state', stateColor(job.state, c)(stateWord(job.state))],
  ];
  if (job.reason !== null) rows.push(['reason', `${job.reason.code}: ${plainText(job.reason.message)}`]);
  if (job.shared_with !== null) rows.push(['shared with', plainText(job.shared_with)]);
  rows.push(...adoptedRows(job));
  if (job.live !== null)
    rows.push([
      'live',
      `${job.live.phase}, ${count(job.live.tokens)} tokens, ${duration(job.live.elapsed_ms)}`,
    ]);
  else if (job.live_missing !== undefined) rows.push(['live', plainText(job.live_missing)]);
  rows.push(['asked', plainText(`${job.endpoint}:${job.model}`)]);
  if (job.batch !== null) rows.push(['batch', plainText(job.batch)]);
  if (job.key !== null) rows.push(['key', plainText(job.key)]);
  rows.push(['options', optionsText(job)], ['digest', job.digest], ['submitted', at(job.submitted_at)]);
  rows.push(['started', at(job.started_at)], ['finished', `${at(job.finished_at)}${whereEnded(job)}`]);
  const text = rows.map(([head, value]) => `${c.dim(head.padEnd(12))}${value}`);
  const more = job.with;
  if (more?.runs !== undefined && more.runs.length > 1) {
    text.push(
      '',
      c.dim('runs'),
      ...more.runs.map((run) => `  @${run.run}  ${stateWord(run.state)}  ${at(run.finished_at)}`),
    );
  }
  if (more?.attempts !== undefined && more.attempts.length > 0) {
    text.push('', c.dim('attempts'), ...more.attempts.map((attempt) => attemptLine(attempt)));
  }
  if (more?.spec !== undefined)
    text.push('', c.dim('as given'), plainText(JSON.stringify(more.spec, null, 2)));
  if (more?.prompt !== undefined) text.push('', c.dim('prompt as sent'), ...promptLines(job, more));
  text.push('', c.dim(nextCommand(job)));
  return text;
}

function adoptedRows({ adopted, state }: JobDetail): [string, string][] {
  if (adopted === undefined) return [];
  const file = plainText(adopted.file);
  const what = state === 'completed' ? 'its answer' : 'its end';
  return [
    ['adopted', `${what} is that of ${file}: asked elsewhere, or before the database was made again`],
    ...(adopted.unverified ? [['unverified', UNVERIFIED_SENTENCE] as [string, string]] : []),
  ];
}

/** Shared with `why`. */
export const UNVERIFIED_SENTENCE =
  'That file carried no hash when it was taken, so nobody can say whether it was changed.';

/** An end before the beginning needs a word. */
function whereEnded({ adopted, submitted_at, finished_at }: JobDetail): string {
  if (adopted === undefined || finished_at === null) return '';
  return Date.parse(finished_at) < Date.parse(submitted_at) ? ' (elsewhere, before it was known here)' : '';
}

function optionsText({ options }: JobDetail): string {
  const words = [
    `priority ${options.priority}`,
    `timeout ${duration(options.attempt_timeout_ms)}`,
    `max_attempts ${options.max_attempts}`,
  ];
  if (options.run_at !== null) words.push(`run_at ${options.run_at}`);
  if (options.tags.length > 0) words.push(`tags ${plainText(options.tags.join(', '))}`);
  return words.join(' · ');
}

/** What an attempt was charged for, as people say it. */
const CHARGES = {
  errors: 'counts as an error',
  lost: 'counts as lost',
  interrupted: 'counts as interrupted',
  rate_limited: 'counts as throttled',
} as const satisfies Record<NonNullable<AttemptView['charged_for']>, string>;

function attemptLine(attempt: AttemptView): string {
  const took =
    attempt.ended_at === null
      ? 'runs'
      : duration(Date.parse(attempt.ended_at) - Date.parse(attempt.started_at));
  const outcome =
    attempt.outcome === null
      ? 'running'
      : attempt.outcome === 'succeeded'
        ? attempt.outcome
        : `${attempt.outcome} (${attempt.charged_for === null ? 'free' : CHARGES[attempt.charged_for]})`;
  const tokens =
    attempt.usage === null
      ? ''
      : `  ${count(attempt.usage.input ?? 0)} in, ${count(attempt.usage.output ?? 0)} out`;
  const error =
    attempt.error === null ? '' : `\n      ${attempt.reason_code ?? ''}: ${plainText(attempt.error)}`;
  const warnings = attempt.warnings.map((warning) => `\n      warning: ${plainText(warning)}`).join('');
  return `  ${attempt.attempt}  ${outcome}  instance ${attempt.instance}  ${took}${tokens}${error}${warnings}`;
}

function promptLines(job: JobDetail, { prompt, prompt_made }: NonNullable<JobDetail['with']>): string[] {
  const lines = prompt === null && prompt_made !== undefined ? [] : messageLines(prompt);
  return prompt_made === undefined ? lines : [madeLine(job, prompt_made), ...lines];
}

/** Which attempt's prompt it is, or why there is none. */
function madeLine(job: JobDetail, { scripts, attempt, sha256 }: PromptMade): string {
  const by = `made at each attempt by ${plainText(scripts.join(', '))}`;
  if (attempt !== null)
    return sha256 === null ? `${by}; attempt ${attempt} made none` : `${by}; of attempt ${attempt}`;
  return `${by}; ${hasEnded(job.state) ? 'no attempt made it' : 'no attempt has made it yet'}`;
}

function messageLines(prompt: unknown): string[] {
  if (!Array.isArray(prompt)) return [plainText(JSON.stringify(prompt, null, 2))];
  return (prompt as readonly unknown[]).flatMap((message) => {
    if (typeof message !== 'object' || message === null || !('content' in message))
      return [plainText(JSON.stringify(message))];
    const role = 'role' in message ? String(message.role) : '';
    return [`[${plainText(role)}]`, ...contentLines(message.content)];
  });
}

function contentLines(content: unknown): string[] {
  if (!Array.isArray(content)) return [plainText(String(content))];
  return (content as readonly MessagePart[]).map((part) => {
    if (!isAttached(part)) return plainText(part.text);
    const what = part.filename ?? part.type;
    return plainText(
      `(${what}: ${part.media_type}, ${count(part.bytes)} bytes, SHA-256 ${part.body_sha256})`,
    );
  });
}

function nextCommand(job: JobDetail): string {
  if (job.state === 'completed') return `promptd result ${shortRef(job)}`;
  if (job.state === 'failed' || job.state === 'cancelled')
    return `promptd logs ${job.name} · promptd retry ${job.name}`;
  return `promptd logs -f ${job.name}`;
}
