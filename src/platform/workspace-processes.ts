/** Processes of a workspace, found by what the system says of them. Linux only; elsewhere none is found. */
import { readdirSync, readFileSync } from 'node:fs';
import { CHILD_MARK } from './marked-processes.ts';

export interface WorkspaceProcess {
  readonly pid: number;
  /** A local instance, or a program that one started for a user. */
  readonly kind: 'instance' | 'program';
}

/** `root` is the absolute path under which the workspace is known to them. */
export function processesOf(root: string): readonly WorkspaceProcess[] {
  return namesIn('/proc').flatMap((name): readonly WorkspaceProcess[] => {
    if (!/^\d+$/.test(name)) return [];
    const pid = Number(name);
    const command = textOf(`/proc/${name}/cmdline`).split('\0');
    if (command.includes(root) && command.some((word) => /local-instance-child\.[jt]s$/.test(word)))
      return [{ pid, kind: 'instance' }];
    const environment = textOf(`/proc/${name}/environ`).split('\0');
    const isProgram =
      environment.some((entry) => entry.startsWith(`${CHILD_MARK}=`)) &&
      environment.includes(`PROMPTD_WORKSPACE=${root}`);
    return isProgram ? [{ pid, kind: 'program' }] : [];
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Empty where it has ended (so for zombies, too), or is another user's. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
