import { EXIT } from '../../core/errors.ts';
import type { Finding } from '../../core/examination.ts';
import type { Context } from '../context.ts';
import { plainLine } from '../plain-text.ts';

/** Looks at the machine and the workspace: a line for each point, and what to do where it is not well. */
export async function doctor(context: Context): Promise<number> {
  const { out, deps } = context;
  const workspace = await context.needWorkspace();
  const counts = { ok: 0, warning: 0, wrong: 0 };
  for await (const finding of deps.examine(workspace)) {
    counts[finding.verdict] += 1;
    if (out.json) await out.value(finding);
    else await show(context, finding);
  }
  const { warning, wrong } = counts;
  out.notice(wrong + warning === 0 ? 'All is well.' : `${wrong} wrong, ${warning} to know of.`);
  return wrong > 0 ? EXIT.error : EXIT.ok;
}

async function show({ out }: Context, { what, verdict, message, advice }: Finding): Promise<void> {
  const { red, yellow, green } = out.out;
  const color = { ok: green, warning: yellow, wrong: red }[verdict];
  await out.line(`${color(verdict.padEnd(7))}  ${plainLine(what)}: ${plainLine(message)}`);
  if (advice !== undefined) await out.line(`         ${plainLine(advice)}`);
}
