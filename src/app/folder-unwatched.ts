/** What a server says of `jobs/` that does not watch the folder: how many files nobody has asked, and what becomes of one. */
import { join, relative } from 'node:path';
import { type FolderView, NOT_WATCHED } from '../core/folder-view.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemJobFolder } from '../platform/job-folder.ts';
import { systemTimers } from '../platform/timers.ts';
import { newestReport } from '../workspace/rejected-file.ts';
import { unaskedFileOf, UnaskedFiles } from '../workspace/unasked-files.ts';
import type { Config } from './config.ts';
import type { FolderWatch } from './folder-watch.ts';
import { knownNames } from './known-names.ts';

export function folderUnwatched(config: Config, reads: ReadStore): FolderWatch {
  const { layout } = config;
  const { enabled } = config.watch;
  const folder = systemJobFolder(layout.jobs);
  const known = knownNames(reads);
  const files = new UnaskedFiles({
    folder,
    known,
    accepted: () => reads.runs({}, 1, null).runs[0]?.id ?? 0,
    clock: systemClock,
    timers: systemTimers,
  });
  return {
    start: () => undefined,
    stop: () => files.stop(),
    async view(): Promise<FolderView> {
      return { ...NOT_WATCHED, counts: { ...NOT_WATCHED.counts, enabled, waiting: await files.count() } };
    },
    // What stands in a file is not compared with what was accepted.
    jobFile: () => null,
    async unasked(name) {
      const found = await unaskedFileOf(name, folder, known);
      if (found === null) return null;
      const path = join(relative(layout.root, layout.jobs), found.file);
      const rejected = await newestReport({ names: systemFolderNames, layout }, found.file);
      if (rejected !== null && rejected.epoch >= found.changed_at) {
        const report = join(relative(layout.root, layout.rejected), rejected.report);
        return `${path} stands there and was rejected; ${report} says why. Mend it, then: promptd run ${path}`;
      }
      const remedy = enabled
        ? `Ask it once: promptd run ${path}; or have files taken by themselves: promptd serve`
        : `Ask it: promptd run ${path} ("watch" is off in the configuration)`;
      return `${path} stands there and is not asked: this server does not watch the folder. ${remedy}`;
    },
  };
}
