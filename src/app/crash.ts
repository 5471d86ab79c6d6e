/**
 * The crash-point hook of tests, without these variables nothing:
 * - `PROMPTD_CRASH_AT=turn.before_commit:2` ends this process with SIGKILL at the second hit of that place.
 * - `PROMPTD_CRASH_LOG=FILE` gets a line for each hit, and one that says `killed`. Whoever finds that line in it does not
 *   kill itself again, so that a process which is started anew with the same environment lives.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { Environment } from './environment.ts';

export function crashPointOf(env: Environment): CrashPoint {
  const given = env['PROMPTD_CRASH_AT'] ?? '';
  const log = env['PROMPTD_CRASH_LOG'] ?? '';
  if (given === '' && log === '') return () => undefined;
  const colon = given.lastIndexOf(':');
  const name = given.slice(0, colon);
  let left = Number(given.slice(colon + 1));
  return (point) => {
    if (log !== '') appendFileSync(log, `${point}\n`);
    if (point !== name) return;
    left -= 1;
    if (left > 0 || (log !== '' && killedBefore(log))) return;
    if (log !== '') appendFileSync(log, `killed at ${given}\n`);
    process.kill(process.pid, 'SIGKILL');
  };
}

function killedBefore(log: string): boolean {
  return readFileSync(log, 'utf8').includes('killed at ');
}
