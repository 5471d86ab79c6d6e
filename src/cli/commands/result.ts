import path from 'node:path';
import type { Client } from '../../client/client.ts';
import { UNVERIFIED } from '../../core/adoption.ts';
import { EXIT, Problem } from '../../core/errors.ts';
import { formatRunRef, parseRunRef } from '../../core/names.ts';
import { hasEnded, type RunState } from '../../core/states.ts';
import type { ResultView } from '../../core/views.ts';
import type { Context } from '../context.ts';
import { plainText } from '../plain-text.ts';
import { resolveName } from '../selection.ts';
import { exitOfState } from './logs.ts';
import { theName, UNVERIFIED_SENTENCE } from './show.ts';
import { verifying } from './verify.ts';

export async function result(context: Context): Promise<number> {
  const { given } = context;
  const ref = await resolveName(context, theName(context));
  const client = await context.server();
  if (given.flag('verify')) return verified(context, client, ref);
  if (given.flag('all')) return allResults(context, client, ref);
  const answer = await client.result(ref, asked(context));
  await print(context, answer);
  return answer.result === null ? explain(context, client, ref) : EXIT.ok;
}

async function verified(context: Context, client: Client, ref: string): Promise<number> {
  const { name, run, result: text } = await client.result(ref, { signal: context.signal });
  if (text === null || name === undefined || run === undefined || run === null)
    return explain(context, client, ref);
  if (context.isRemote)
    throw new Problem(
      'InvalidRequest',
      'What is stored is hashed where it is stored: --verify works in the workspace.',
    );
  return verifying(context, { workspace: await context.needWorkspace(), only: { name, run } });
}

function asked({ given, signal }: Context) {
  return { signal, analyse: given.flag('analyse') };
}

async function allResults(context: Context, client: Client, ref: string): Promise<number> {
  const { out, signal } = context;
  const name = parseRunRef(ref)?.name ?? ref;
  const job = await client.job(name, { with: ['runs'], signal });
  const runs = job.with?.runs ?? [{ run: job.run }];
  let found = 0;
  let isFirst = true;
  for (const { run } of runs.toSorted((a, b) => a.run - b.run)) {
    const one = formatRunRef({ name, run });
    const answer = await client.result(one, asked(context));
    if (!out.json && !context.given.flag('path'))
      out.notice(
        `${isFirst ? '' : '\n'}${out.err.dim(`── ${one}${answer.result === null ? ': no result' : ''}`)}`,
      );
    isFirst = false;
    await print(context, answer);
    if (answer.result !== null) found++;
  }
  return found > 0 ? EXIT.ok : explain(context, client, name);
}

async function print(context: Context, answer: ResultView): Promise<void> {
  const { out, given } = context;
  if (out.json) return out.value(answer);
  if (answer.result === null) return undefined;
  if (given.flag('analyse')) return out.line(JSON.stringify(answer.analysis, null, 2));
  if (given.flag('path')) return out.line(await pathOf(context, answer));
  if (given.flag('render')) return out.data(await rendered(context, answer.result));
  // Into a file or a pipe as the model gave it; a terminal would obey what stands in it.
  const text = context.deps.isTty.stdout ? plainText(answer.result) : answer.result;
  await out.data(text.endsWith('\n') || !context.deps.isTty.stdout ? text : `${text}\n`);
  for (const file of await filesOf(context, answer)) out.notice(plainText(file));
  if (answer.warnings?.includes(UNVERIFIED) === true) out.notice(`Unverified: ${UNVERIFIED_SENTENCE}`);
}

/** Paths of what came beside the text, as far as they can be told from here. */
async function filesOf(context: Context, { files = [] }: ResultView): Promise<readonly string[]> {
  if (files.length === 0 || context.isRemote) return files.map((file) => file.path);
  const { results_dir } = await context.needWorkspace();
  return files.map((file) => path.join(results_dir, ...file.path.split('/')));
}

async function pathOf(context: Context, answer: ResultView): Promise<string> {
  if (answer.file === undefined)
    throw new Problem('NotFound', `The file of ${answer.name ?? 'this result'} is not written yet.`);
  if (context.isRemote) return answer.file;
  const workspace = await context.needWorkspace();
  return path.join(workspace.results_dir, path.basename(answer.file));
}

async function rendered(context: Context, text: string): Promise<string> {
  const { render } = await import('markdansi');
  const { out, deps } = context;
  const width = deps.isTty.stdout ? Math.min(out.width, 100) : 80;
  const color = out.out.isColorSupported;
  const ansi = render(plainText(text), { width, wrap: true, color, hyperlinks: false });
  return ansi.endsWith('\n') ? ansi : `${ansi}\n`;
}

/** Why there is no result, and the exit code that tells it. */
async function explain(context: Context, client: Client, ref: string): Promise<number> {
  const job = await client.job(ref, { signal: context.signal });
  const reason = job.reason === null ? '' : `: ${job.reason.code}: ${plainText(job.reason.message)}`;
  context.out.notice(
    `${ref} has no result; it ${job.state === 'failed' ? 'failed' : `is ${job.state}`}${reason}`,
  );
  if (!hasEnded(job.state)) context.out.notice(`Wait for it: promptd wait ${ref}`);
  return exitWithout(job.state);
}

function exitWithout(state: RunState): number {
  return hasEnded(state) && state !== 'completed' ? exitOfState(state) : EXIT.conflict;
}
