/** What tests with real children need to know of the machine: their environments, their groups, what is left of them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Random } from '../../src/core/ports/clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { endLeftProcesses, livingOf, MARK, type LivingProcess } from '../support/processes.ts';

const FIXTURES = path.join(import.meta.dirname, '..', 'fixtures', 'scripts');

export function fixture(name: string): string {
  return path.join(FIXTURES, name);
}

export const PATH = process.env['PATH'] ?? '';

/** A guard is found by the net that every test file hangs under; its children lack that mark. */
export function guardEnvironment(): Record<string, string> {
  return { PATH, [MARK]: process.env[MARK] ?? '' };
}

/** Marks that begin as given, with chance behind it. */
export function marksFrom(prefix: string): Random {
  return { next: () => systemRandom.next(), id: (bytes) => `${prefix}.${systemRandom.id(bytes)}` };
}

/** The living processes whose mark begins as given: those that left their group, too. */
function markedChildren(prefix: string): LivingProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return livingOf(
    pids.filter((pid) => environmentOf(pid).includes(`\0PROMPTD_CHILD=${prefix}.`)).map(Number),
  );
}

/** Waits for those of this mark to end, kills those that do not, and says which these were. */
export async function endMarked(prefix: string): Promise<string[]> {
  return endLeftProcesses(() => markedChildren(prefix));
}

/** With a zero byte before each entry. Empty where it has ended. */
export function environmentOf(pid: number | string): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
  } catch {
    return '';
  }
}

/** The living processes of a group. Zombies run nothing, and are no processes here. */
export function livingGroup(pgid: number): LivingProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return livingOf(pids.filter((pid) => groupOf(pid) === pgid).map(Number));
}

function groupOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may contain anything: state, parent, group.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
  } catch {
    return 0;
  }
}

export function parentOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]);
}
