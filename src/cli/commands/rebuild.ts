import { EXIT } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import { plainLine } from '../plain-text.ts';
import { count } from '../quantities.ts';
import { rebuiltSentences } from '../rebuilt-sentences.ts';

const PROGRESS_MS = 2_000;

/** Makes the database from the folders, where there is none. What does not fit goes to stdout, one a line. */
export async function rebuild(context: Context): Promise<number> {
  const { out, deps } = context;
  const workspace = await context.needWorkspace();
  let told_at = deps.now();
  const rebuilt = await deps.rebuild(workspace, {
    misfit: (one) =>
      out.json ? out.value(one) : out.line(`${plainLine(one.where)}: ${one.kind}: ${plainLine(one.message)}`),
    progress: (files) => {
      if (deps.now() - told_at < PROGRESS_MS) return;
      told_at = deps.now();
      out.notice(`${count(files)} files read so far; each is read twice`);
    },
  });
  if (out.json) await out.value({ summary: rebuilt });
  for (const sentence of rebuiltSentences(rebuilt)) out.notice(sentence);
  return rebuilt.misfits === 0 ? EXIT.ok : EXIT.integrity;
}
