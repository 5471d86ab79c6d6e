/**
 * A workspace whose whole `.promptd/` is gone: a person deleted it, or copied the folders without it. Its database is made from
 * the folders again before it is served, as by `promptd rebuild`. Where anything of it is left, nobody has meant that: then the
 * server refuses, since what is left may still lead to the database.
 */
import { join } from 'node:path';
import { plainLine } from '../cli/plain-text.ts';
import { count } from '../cli/quantities.ts';
import { rebuiltSentences } from '../cli/rebuilt-sentences.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { layoutOf, type WorkspaceLayout } from '../workspace/layout.ts';
import type { Environment } from './environment.ts';
import { JobsOnDisk } from './jobs-on-disk.ts';
import { rebuildHeld } from './rebuild.ts';
import { SERVE_LOCK } from './server-info.ts';

/** Whoever has more has one cause for them. */
const MISFITS_SAID = 20;
const PROGRESS_MS = 5_000;

/**
 * Whether nothing of a server stands in the state folder, and it is in its place. What a starting server leaves there before it
 * has a database is nothing: its lock, what `run` notes of it, and a rebuild that was killed.
 */
export async function isStateGone(layout: WorkspaceLayout): Promise<boolean> {
  if (layout.state !== layoutOf(layout.root).state) return false;
  // A link leads to a place that may come back.
  if ((await systemFiles.facts(layout.state))?.kind !== 'directory') return false;
  for (const name of await systemFiles.list(layout.state)) {
    if (isOfAStart(name, layout)) continue;
    const path = join(layout.state, name);
    const isEmpty =
      (await systemFiles.facts(path))?.kind === 'directory' && (await systemFiles.list(path)).length === 0;
    if (!isEmpty) return false;
  }
  return true;
}

function isOfAStart(name: string, { state, database }: WorkspaceLayout): boolean {
  const path = join(state, name);
  return name.startsWith(SERVE_LOCK) || name === 'detached.err' || path.startsWith(`${database}-rebuilt`);
}

/** Whoever calls it holds the workspace. */
export async function rebuildLost(
  layout: WorkspaceLayout,
  env: Environment,
  say: (sentence: string) => void,
): Promise<void> {
  say(
    `${layout.state} is gone: the database is made again from results/, ended/ and jobs/. Nothing is asked for that.`,
  );
  let told_m = systemClock.monotonic();
  let said = 0;
  const rebuilt = await rebuildHeld(layout, await JobsOnDisk.open(layout, env), {
    misfit({ where, kind, message }) {
      said += 1;
      if (said <= MISFITS_SAID) say(plainLine(`${where}: ${kind}: ${message}`));
      return Promise.resolve();
    },
    progress(files) {
      if (systemClock.monotonic() - told_m < PROGRESS_MS) return;
      told_m = systemClock.monotonic();
      say(`${count(files)} files read so far; each is read twice`);
    },
  });
  for (const sentence of rebuiltSentences(rebuilt)) say(sentence);
}
