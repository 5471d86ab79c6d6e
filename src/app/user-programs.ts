/** What runs programs of users on this machine: one guard for all of them, which is started with the first. */
import type { Children } from '../core/ports/children.ts';
import { Programs } from '../executor/programs.ts';
import { Scripts } from '../executor/scripts.ts';
import { GuardedChildren } from '../platform/children.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { childEnvironment } from './child-environment.ts';
import type { Environment } from './environment.ts';

export interface UserProgramsOptions {
  readonly env: Environment;
  /** The workspace's folder, where scripts are; null where there is none. */
  readonly root: string | null;
  readonly pass_env: readonly string[];
  /** Of the children: see {@link GuardedChildren}. */
  readonly owner?: string;
  /** Who has the children; without it a guard of our own. */
  readonly children?: Children;
}

export interface UserPrograms {
  readonly children: Children;
  readonly programs: Programs;
  readonly scripts: Scripts;
  /** What every child finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
}

export function userPrograms(options: UserProgramsOptions): UserPrograms {
  const { env: all, root, pass_env } = options;
  const env = childEnvironment(all, pass_env, root);
  const children = options.children ?? guarded(options);
  const programs = new Programs({ children, timers: systemTimers, env });
  const links = root === null ? null : new WorkspaceLinkReader({ root });
  return { children, programs, scripts: new Scripts({ links, programs }), env };
}

function guarded({ env, owner }: UserProgramsOptions): Children {
  const random = systemRandom;
  return new GuardedChildren({
    env: guardEnvironment(env),
    random,
    ...(owner === undefined ? {} : { owner }),
  });
}

/** The guard is of promptd, and starts sooner from the cache of compiled code. */
function guardEnvironment(env: Environment): Readonly<Record<string, string>> {
  const cache = env['NODE_COMPILE_CACHE'];
  return { ...childEnvironment(env, []), ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }) };
}
