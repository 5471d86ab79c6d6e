/**
 * Cuts a list of actions down to a short one that breaks the same rule: delta debugging (A. Zeller and R. Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", 2002). Chunks are left out, half as long each time that none can be;
 * then what is left is made simpler, one action at a time.
 */
import type { Action } from './actions.ts';
import type { Break } from './server-process.ts';
import { play } from './simulation.ts';

export interface Shrunk {
  readonly actions: readonly Action[];
  /** So many runs were needed. */
  readonly runs: number;
}

const RUNS_MAX = 600;

export async function shrink(
  seed: number,
  actions: readonly Action[],
  rule: string,
  broken: Break = {},
  runs_max: number = RUNS_MAX,
): Promise<Shrunk> {
  let runs = 0;
  const fails = async (candidate: readonly Action[]): Promise<boolean> => {
    if (runs >= runs_max) return false;
    runs += 1;
    const { violations } = await play(seed, candidate, broken);
    return violations[0]?.rule === rule;
  };
  let left = await withoutChunks(actions, fails);
  left = await simpler(left, fails);
  left = await withoutChunks(left, fails);
  return { actions: left, runs };
}

type Fails = (candidate: readonly Action[]) => Promise<boolean>;

async function withoutChunks(actions: readonly Action[], fails: Fails): Promise<readonly Action[]> {
  let left = actions;
  for (let size = Math.ceil(left.length / 2); size >= 1;) {
    let cut = false;
    // From the end: what came after the failure goes first.
    for (let to = left.length; to > 0; to -= size) {
      const without = [...left.slice(0, Math.max(0, to - size)), ...left.slice(to)];
      if (!(await fails(without))) continue;
      left = without;
      cut = true;
    }
    if (size === 1 && !cut) break;
    if (size > 1) size = Math.ceil(size / 2);
  }
  return left;
}

async function simpler(actions: readonly Action[], fails: Fails): Promise<readonly Action[]> {
  let left = actions;
  for (let at = 0; at < left.length; at += 1) {
    for (let again = true; again;) {
      again = false;
      for (const one of simplerActions(left[at])) {
        const candidate = left.with(at, one);
        if (!(await fails(candidate))) continue;
        left = candidate;
        again = true;
        break;
      }
    }
  }
  return left;
}

/** Fewer jobs, fewer names, fewer repetitions. */
function simplerActions(action: Action | undefined): Action[] {
  if (action?.do === 'submit') {
    const fewer = action.jobs.map((_, i) => ({ ...action, jobs: action.jobs.toSpliced(i, 1) }));
    return [...(action.times > 1 ? [{ ...action, times: 1 }] : []), ...(action.jobs.length > 1 ? fewer : [])];
  }
  if ((action?.do === 'cancel' || action?.do === 'retry') && action.names.length > 1)
    return action.names.map((_, i) => ({ ...action, names: action.names.toSpliced(i, 1) }));
  return [];
}
