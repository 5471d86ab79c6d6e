/** What programs of users find in their environment: what any program needs to run, and what the configuration names. */
import path from 'node:path';
import type { Environment } from './environment.ts';

const NEEDED: readonly string[] = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR'];

/** Everything else stays here: the environment of an instance has keys in it. `pass_env` is the user's word to pass one on. */
export function childEnvironment(
  env: Environment,
  pass_env: readonly string[],
  /** The workspace's folder, where there is one: programs start in a fresh folder, and find its files by this. */
  workspace: string | null = null,
): Readonly<Record<string, string>> {
  const entries = Object.entries(env).filter(
    ([name]) => NEEDED.includes(name) || name.startsWith('LC_') || pass_env.includes(name),
  );
  const given = entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const where = workspace === null ? [] : [['PROMPTD_WORKSPACE', path.resolve(workspace)]];
  return Object.fromEntries([...given, ...where]);
}
