/** What is said on stderr of files in `jobs/` that nobody has asked, where the server does not take them by itself. */
import type { Client } from '../client/client.ts';
import { Problem } from '../core/errors.ts';
import type { FolderCounts } from '../core/folder-view.ts';
import type { Context } from './context.ts';
import { many } from './quantities.ts';

export async function sayUnaskedFiles(context: Context, client: Client): Promise<void> {
  sayUnasked(context, await countsOf(client, context.signal));
}

export function sayUnasked({ out, isRemote }: Context, counts: FolderCounts | undefined): void {
  const notice = counts === undefined ? null : unaskedNotice(counts, isRemote);
  if (notice !== null) out.notice(notice);
}

/** Undefined of a server of an earlier version. */
async function countsOf(client: Client, signal: AbortSignal): Promise<FolderCounts | undefined> {
  try {
    return await client.folderCounts({ signal });
  } catch (error) {
    if (error instanceof Problem && error.code === 'NotFound') return undefined;
    throw error;
  }
}

function unaskedNotice({ watched, enabled, waiting }: FolderCounts, isRemote: boolean): string | null {
  if (watched || waiting === 0) return null;
  const where = isRemote ? 'jobs/ on the machine of the server' : 'jobs/';
  if (waiting === null) return `Files in ${where} are still being counted; ask again soon.`;
  const are = waiting === 1 ? 'is by its name' : 'are by their names';
  const remedy = enabled
    ? 'Ask what is in them once: promptd run; or have files taken by themselves: promptd serve'
    : 'Ask what is in them: promptd run ("watch" is off in the configuration)';
  return `${many(waiting, 'file')} in ${where} ${are} new to the queue, and this server does not watch the folder. ${remedy}`;
}
