import { EXIT } from '../../core/errors.ts';
import type { Verified } from '../../core/verification.ts';
import type { Context } from '../context.ts';
import { waitForInterrupts } from '../following/interrupts.ts';
import { plainLine } from '../plain-text.ts';
import { count, many } from '../quantities.ts';

const PROGRESS_MS = 2_000;

/** Everything that is stored, hashed once more: what does not fit goes to stdout, one a line. */
export async function verify(context: Context): Promise<number> {
  const workspace = await context.needWorkspace();
  return verifying(context, { workspace, only: null });
}

/** `only`: what belongs to one run. */
export async function verifying(
  context: Context,
  options: Parameters<Context['deps']['verify']>[0],
): Promise<number> {
  const { deps, out } = context;
  const interrupts = waitForInterrupts(context);
  let told_at = deps.now();
  try {
    const verified = await deps.verify(
      options,
      {
        misfit: (one) =>
          out.json
            ? out.value(one)
            : out.line(`${plainLine(one.where)}: ${one.kind}: ${plainLine(one.message)}`),
        progress: (so_far) => {
          if (deps.now() - told_at < PROGRESS_MS) return;
          told_at = deps.now();
          out.notice(`${looked(so_far)} so far`);
        },
      },
      interrupts.signal,
    );
    const complete = !interrupts.signal.aborted;
    if (out.json && options.only === null) await out.value({ summary: { ...verified, complete } });
    say(context, verified, complete);
    if (verified.misfits > 0) return EXIT.integrity;
    return complete ? EXIT.ok : EXIT.interrupted;
  } finally {
    interrupts.stop();
  }
}

function say({ out }: Context, verified: Verified, complete: boolean): void {
  const { misfits, unverified, database } = verified;
  if (!database)
    out.notice(
      'There is no database here: files were held to their own hashes alone. promptd rebuild makes one.',
    );
  if (unverified > 0)
    out.notice(
      `Without a hash, so that nobody can say whether it was changed: ${many(unverified, 'result')}.`,
    );
  const end = complete ? '' : ' when it was interrupted';
  const verdict =
    misfits === 0 ? 'all as they were written' : many(misfits, 'thing that does', 'things that do');
  out.notice(`${looked(verified)}: ${verdict}${misfits === 0 ? '' : ' not fit'}${end}.`);
}

function looked({ files, bodies, runs }: Verified): string {
  return `${many(files, 'file')}, ${many(bodies, 'stored text')}, ${count(runs)} ended ${runs === 1 ? 'run' : 'runs'}`;
}
