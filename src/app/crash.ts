/**
 * The crash-point hook of tests: `PROMPTD_CRASH_AT=turn.before_commit:2` ends this process with SIGKILL at the second hit of
 * that place. Without the variable it does nothing.
 */
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { Environment } from './environment.ts';

export function crashPointOf(env: Environment): CrashPoint {
  const given = env['PROMPTD_CRASH_AT'];
  if (given === undefined || given === '') return () => undefined;
  const colon = given.lastIndexOf(':');
  const name = given.slice(0, colon);
  let left = Number(given.slice(colon + 1));
  return (point) => {
    if (point !== name) return;
    left -= 1;
    if (left <= 0) process.kill(process.pid, 'SIGKILL');
  };
}
