/**
 * Looks whether the state folder of a running server is still its own. Who deletes `.promptd/` may not know of a server that `run`
 * left in the background: that one would go on with a database that nobody sees any more, while the next one makes another from
 * the folders, and both would ask the same jobs. So the first one has to end.
 */
import { stat } from 'node:fs/promises';
import { hasCode } from '../workspace/system-error.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { isOwn, readServerFile } from './server-info.ts';

const LOOK_MS = 1_000;
/** A single look may fall into a moment of somebody's file system. */
const LOOKS = 2;

export function watchState(
  layout: Pick<WorkspaceLayout, 'database' | 'server'>,
  onGone: (what: string) => void,
): { cancel(): void } {
  let gone = 0;
  const timer = setInterval(() => {
    void whatIsGone(layout).then((what) => {
      gone = what === null ? 0 : gone + 1;
      if (what !== null && gone === LOOKS) onGone(what);
    });
  }, LOOK_MS);
  timer.unref();
  return { cancel: () => clearInterval(timer) };
}

/**
 * A sentence, or null. No inodes are compared, since not every file system keeps them; a folder that cannot be looked at is not
 * taken for gone.
 */
async function whatIsGone({
  database,
  server,
}: Pick<WorkspaceLayout, 'database' | 'server'>): Promise<string | null> {
  try {
    await stat(database);
  } catch (error) {
    return hasCode(error, 'ENOENT') ? `${database} was removed while it was in use` : null;
  }
  const now = await readServerFile(server);
  return now === null || isOwn(now)
    ? null
    : `another server (pid ${now.pid}) has come into the place of this one, whose state folder was removed`;
}
