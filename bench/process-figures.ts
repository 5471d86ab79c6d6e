/** What the system counts of a process: time on a core, and memory; and of folders: bytes on disk, and inodes. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** USER_HZ, which Linux fixes for programs at 100. */
const TICKS_A_SECOND = 100;

/** Of all its threads, from its start on. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program may hold anything; what follows its closing bracket is counted.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** The most that it ever had in memory. */
export function peakMebibytes(pid: number): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(peak?.[1]) / 1024;
}

export interface DiskUse {
  /** As the disk counts them, in whole blocks. */
  readonly bytes: number;
  readonly inodes: number;
}

/** Of files, and of folders with all that is in them. */
export function diskUse(...paths: readonly string[]): DiskUse {
  let bytes = 0;
  let inodes = 0;
  const add = (path: string): void => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return;
    bytes += stats.blocks * 512;
    inodes += 1;
    if (stats.isDirectory()) for (const name of readdirSync(path)) add(join(path, name));
  };
  for (const path of paths) add(path);
  return { bytes, inodes };
}
