import type { FolderView } from '../core/folder-view.ts';
import { EXIT } from '../core/errors.ts';
import type { Context } from './context.ts';
import { faultLine } from './intake/fault-text.ts';
import { plainLine, plainText } from './plain-text.ts';
import { count, many } from './quantities.ts';

/** Names of jobs that are shown of one file. */
const NAMES_SHOWN = 5;

/** `ls --rejected` and `ls --changed`: files of jobs/ that `serve` could not take, and answers that it could not. */
export async function folderFiles(context: Context): Promise<number> {
  const client = await context.server();
  const view = await client.folder({ signal: context.signal });
  if (!view.counts.watched) {
    context.out.notice(
      'This server does not watch jobs/, so it cannot say: promptd serve does, unless "watch" is off in its configuration. Without it: promptd validate',
    );
    return EXIT.ok;
  }
  if (context.given.flag('rejected')) await showRejected(context, view);
  if (context.given.flag('changed')) await showChanged(context, view);
  return EXIT.ok;
}

async function showRejected({ out }: Context, { rejected, of_no_run, counts }: FolderView): Promise<void> {
  for (const one of rejected) {
    if (out.json) await out.value(one);
    else for (const fault of one.faults) await out.line(faultLine({ file: `jobs/${one.file}`, fault }));
  }
  if (rejected.length === 0) out.notice('No file of jobs/ is rejected.');
  else
    out.notice(
      `${many(counts.rejected, 'file')} rejected; reports stand in rejected/. A file that is mended is taken by itself.`,
    );
  sayHowManyMore(out, counts.rejected - rejected.length);
  for (const one of of_no_run) {
    if (out.json) await out.value(one);
    else await out.line(plainLine(`${one.file}: ${one.message}`));
  }
  if (counts.of_no_run > 0)
    out.notice(
      `${many(counts.of_no_run, 'file')} of results/ or ended/ ${counts.of_no_run === 1 ? 'belongs' : 'belong'} to no run. Nothing is changed there.`,
    );
  sayHowManyMore(out, counts.of_no_run - of_no_run.length);
}

async function showChanged({ out }: Context, { changed, counts }: FolderView): Promise<void> {
  for (const one of changed) {
    if (out.json) await out.value(one);
    else await out.line(plainText(`jobs/${one.file}  ${namesText(one.names)}`));
  }
  if (changed.length === 0) out.notice('No file of jobs/ differs from what was accepted.');
  else
    out.notice(
      `${many(counts.changed, 'file')} changed. Ask it as the next run: promptd run FILE; see what differs: promptd explain NAME FILE`,
    );
  sayHowManyMore(out, counts.changed - changed.length);
}

function namesText(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return `${names.slice(0, NAMES_SHOWN).join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`;
}

function sayHowManyMore(out: Context['out'], more: number): void {
  if (more > 0) out.notice(`${count(more)} more.`);
}
