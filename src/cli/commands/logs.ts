import type { Client } from '../../client/client.ts';
import { EXIT } from '../../core/errors.ts';
import type { LogEntry } from '../../core/attempt.ts';
import { parseRunRef } from '../../core/names.ts';
import { isoTime } from '../../core/views.ts';
import { waitForInterrupts } from '../following/interrupts.ts';
import { hasEnded, type RunState } from '../../core/states.ts';
import type { Context } from '../context.ts';
import { plainText } from '../plain-text.ts';
import { shortRef } from '../short-ref.ts';
import { resolveName } from '../selection.ts';
import { theName } from './show.ts';

export async function logs(context: Context): Promise<number> {
  const { out, given, signal } = context;
  const ref = await resolveName(context, theName(context));
  const client = await context.server();
  const attempt = given.whole('attempt', { min: 1, max: 1_000_000 });
  if (given.flag('follow')) return followLog(context, client, ref, attempt);
  const text = await client.logs(ref, { signal, ...(attempt === undefined ? {} : { attempt }) });
  if (out.json) await out.value({ ...parseRunRef(ref), text });
  else if (text === '') out.notice(noLog(ref, (await client.job(ref, { signal })).state));
  else await out.data(plainText(text.endsWith('\n') ? text : `${text}\n`));
  return EXIT.ok;
}

function noLog(ref: string, state: RunState): string {
  return hasEnded(state)
    ? `${ref} has ended, and no log of it is kept: it was asked elsewhere, or before the database was made again.`
    : `${ref} has no log yet. To wait for it: promptd logs -f ${ref}`;
}

/** Follows to the end of the run; the exit code is that of its end. Shared with `submit --follow`. */
export async function followLog(
  context: Context,
  client: Client,
  ref: string,
  attempt: number | undefined,
): Promise<number> {
  const { out } = context;
  const interrupts = waitForInterrupts(context);
  try {
    const options = { signal: interrupts.signal, ...(attempt === undefined ? {} : { attempt }) };
    for await (const item of client.followLogs(ref, options)) {
      if (out.json) {
        await out.value(item);
        continue;
      }
      if (item.kind === 'gap') out.notice(`(${plainText(item.message)})`);
      if (item.kind === 'log') await out.data(plainText(logText(item)));
    }
  } catch (error) {
    if (interrupts.cause === null) throw error;
    out.notice(`Stopped following; ${ref} goes on.`);
    return EXIT.interrupted;
  } finally {
    interrupts.stop();
  }
  const job = await client.job(ref, { signal: context.signal });
  const reason = job.reason === null ? '' : `: ${job.reason.code}: ${plainText(job.reason.message)}`;
  out.notice(`${shortRef(job)} ${job.state}${reason}`);
  return exitOfState(job.state);
}

/** As the server shows a whole log. */
function logText({ at, stream, text }: LogEntry): string {
  return `${isoTime(at)} ${stream} ${text.endsWith('\n') ? text : `${text}\n`}`;
}

export function exitOfState(state: RunState): number {
  if (state === 'failed') return EXIT.job_failed;
  return state === 'cancelled' ? EXIT.cancelled : EXIT.ok;
}
