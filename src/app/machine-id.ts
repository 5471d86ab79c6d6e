/**
 * Which machine this is, as far as pids are concerned: of two processes that give the same, each can look whether the other
 * lives. Linux: the boot and the namespace of pids, see random(4) and pid_namespaces(7). Elsewhere the host's name.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export function machineId(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Whether both are of one start of one machine, e.g. of two containers on it: what ran at an earlier one is gone. */
export function isSameBoot(one: string, other: string): boolean {
  return one.split(' ')[0] === other.split(' ')[0];
}
