/** Children by the mark in their environment: where nobody was left to say their pids. Linux only; elsewhere none is found. */
import { readdirSync, readFileSync } from 'node:fs';

/** In the environment of every child, with a value of its own, which what it starts inherits. */
export const CHILD_MARK = 'PROMPTD_CHILD';

/** Kills every process with one of these marks. */
export function killMarked(marks: readonly string[]): void {
  killWith(marks.map((mark) => `${mark}\0`));
}

/** Kills every process with a mark of this owner. */
export function killMarkedOf(owner: string): void {
  killWith([`${owner}.`]);
}

function killWith(beginnings: readonly string[]): void {
  if (beginnings.length === 0) return;
  const wanted = beginnings.map((beginning) => `\0${CHILD_MARK}=${beginning}`);
  for (const pid of pidsOf('/proc')) {
    const environment = environmentOf(pid);
    if (wanted.some((mark) => environment.includes(mark))) kill(pid);
  }
}

function pidsOf(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Each entry between two zero bytes. */
function environmentOf(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`;
  } catch {
    // It has ended since, or is another user's, and then it is no child of ours.
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended between being found and being killed.
  }
}
