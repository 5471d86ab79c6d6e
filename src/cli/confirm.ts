/** Asking before many jobs are changed at once. */
import { Problem } from '../core/errors.ts';
import type { Context } from './context.ts';

/**
 * Whether to go on. With --yes at once; on a terminal after a question; else never: it rejects with a usage problem that
 * says what would have happened.
 */
export async function confirmed(context: Context, question: string): Promise<boolean> {
  if (context.given.flag('yes')) return true;
  const { deps } = context;
  if (!deps.isTty.stdin || !deps.isTty.stderr) {
    throw new Problem('InvalidRequest', `${question} Nobody can be asked here: add --yes.`);
  }
  deps.stderr.write(`${question} [y/N] `);
  const answer = await firstLine(deps.stdin);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  context.out.notice('Nothing was changed.');
  return false;
}

async function firstLine(stdin: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stdin) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.includes('\n')) break;
  }
  return text.split('\n')[0] ?? '';
}
