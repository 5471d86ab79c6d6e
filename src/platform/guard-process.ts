/** Starts the process of a guard. */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GUARD_MARK } from './marked-processes.ts';

const MAIN = fileURLToPath(new URL(`./child-guard${extname(import.meta.url)}`, import.meta.url));

/**
 * A program that a real-time signal has ended is to Node one that exited with 0, and half its answer would be a whole one. What
 * a guard ignores when it is started, its children ignore: a shell sees to that, and becomes the guard. 32 and 33 belong to the
 * C library.
 */
const SHELL = '/bin/sh';
const REAL_TIME = Array.from({ length: 31 }, (_, i) => 34 + i);
const TRAP = `trap '' ${REAL_TIME.join(' ')}`;
// Tried beside it first: a system that has no such signals may end the shell for it.
const UNHEARD = `(${TRAP}) 2>/dev/null && ${TRAP}; exec "$0" "$@"`;

export function startGuard(
  folder: string,
  mark: string,
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const through = existsSync(SHELL)
    ? { execPath: SHELL, execArgv: ['-c', UNHEARD, process.execPath] }
    : { execArgv: [] };
  return fork(MAIN, [folder, mark], {
    ...through,
    env: { ...env, [GUARD_MARK]: mark },
    serialization: 'advanced',
    // A session of its own: Ctrl-C at the terminal is for the instance.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}
