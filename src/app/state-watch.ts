/**
 * Looks whether the state folder of a running server is still its own. Who deletes `.promptd/` may not know of a server that `run`
 * left in the background: that one would go on with a database that nobody sees any more, while the next one makes another from
 * the folders, and both would ask the same jobs. So the first one has to end.
 */
import { stat } from 'node:fs/promises';
import { isSystemError } from '../workspace/system-error.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { readServerFile } from './server-info.ts';

const LOOK_MS = 1_000;
/** A single look may fall into a moment of somebody's file system. */
const LOOKS = 2;

export function watchState(
  layout: Pick<WorkspaceLayout, 'database' | 'server'>,
  pid: number,
  onGone: () => void,
): { cancel(): void } {
  let gone = 0;
  const timer = setInterval(() => {
    void isGone(layout, pid).then((now) => {
      gone = now ? gone + 1 : 0;
      if (gone === LOOKS) onGone();
    });
  }, LOOK_MS);
  timer.unref();
  return { cancel: () => clearInterval(timer) };
}

/** No inodes are compared, since not every file system keeps them; a folder that cannot be looked at is not taken for gone. */
async function isGone(layout: Pick<WorkspaceLayout, 'database' | 'server'>, pid: number): Promise<boolean> {
  try {
    await stat(layout.database);
  } catch (error) {
    return isSystemError(error) && error.code === 'ENOENT';
  }
  const server = await readServerFile(layout.server);
  return server !== null && server.pid !== pid;
}
