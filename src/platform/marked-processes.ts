/**
 * Children and all that they have started, by the mark in their environment: it finds who left the group of its child, or lost
 * everybody who knew its pid. A mark ends with a number of its child; what begins with a mark and a dot is below it, as the
 * children of a guard that runs within a child are. Linux only; elsewhere none is found.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** In the environment of every child, with a value of its own, which what it starts inherits. */
export const CHILD_MARK = 'PROMPTD_CHILD';
/** In the environment of every guard: the beginning of its children's marks. */
export const GUARD_MARK = 'PROMPTD_GUARD';

/** Between two looks: what was killed is gone by then, unless the machine is busy. */
const LOOK_AGAIN_MS = 3;
/** A process has no environment for a moment while it becomes another program: so often such ones are looked at in a row. */
const LOOKS = 3;
/** What a disk or a debugger holds cannot be ended. */
const SWEEP_MS_MAX = 2_000;
/** A guard whose instance is gone ends by itself, with its children and its folder; it is ended when it does not. */
const GUARD_MS = 1_000;

/** The mark under which this process runs itself, as a child of another guard. */
export function ownMark(): string | undefined {
  return process.env[CHILD_MARK];
}

/** For what is to outlive the child that starts it. */
export function unmarkedEnvironment(): NodeJS.ProcessEnv {
  const { [CHILD_MARK]: _, ...rest } = process.env;
  return rest;
}

/**
 * Kills every process that bears one of these marks, or one below, until a look finds none. This process and those above it
 * are spared. `elders`: only what is younger than one of these processes can be meant; null: anything. Resolves with whether
 * all that there was to be looked at could be.
 */
export async function endMarked(
  marks: readonly string[],
  elders: readonly number[] | null,
  looks: number,
): Promise<boolean> {
  const began = performance.now();
  for (let left = looks; ; await sleep(LOOK_AGAIN_MS)) {
    const passed = performance.now() - began;
    const { found, unsure } = look(marks, elders, passed > GUARD_MS);
    if (found === 0 && unsure === 0) return true;
    left = found === 0 ? left - 1 : looks;
    if (left === 0 || passed > SWEEP_MS_MAX) return false;
  }
}

/** The same for an owner who has no other chance. */
export async function endAllMarked(mark: string): Promise<void> {
  await endMarked([mark], null, LOOKS);
}

interface Look {
  found: number;
  /** Has gone since it was listed, or has no environment: a zombie, a thread of the kernel, or what is just being started. */
  unsure: number;
}

function look(marks: readonly string[], elders: readonly number[] | null, guards: boolean): Look {
  const seen: Look = { found: 0, unsure: 0 };
  const spared = lineage();
  for (const pid of youngerThan(elders, pids())) {
    if (spared.has(pid)) continue;
    const environment = environmentOf(pid);
    if (environment === null) continue;
    if (environment === '') seen.unsure += 1;
    const isChild = hasOneOf(marks, CHILD_MARK, environment);
    const isGuard = !isChild && hasOneOf(marks, GUARD_MARK, environment);
    // Nothing comes between the look at the mark and this: the pid cannot have become another's.
    if (isChild || (isGuard && guards)) kill(pid);
    if (isChild || isGuard) seen.found += 1;
  }
  return seen;
}

function hasOneOf(marks: readonly string[], name: string, environment: string): boolean {
  const at = environment.indexOf(`\0${name}=`);
  if (at < 0) return false;
  const begin = at + name.length + 2;
  const value = environment.slice(begin, environment.indexOf('\0', begin));
  return marks.some((mark) => value === mark || value.startsWith(`${mark}.`));
}

function pids(): readonly number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => name >= '1' && name < ':')
      .map(Number);
  } catch {
    return [];
  }
}

/** Pids are given in turn, and begin anew behind the last one that there can be. */
function youngerThan(elders: readonly number[] | null, listed: readonly number[]): readonly number[] {
  const last = elders === null ? null : lastPid();
  if (elders === null || last === null) return listed;
  return listed.filter((pid) =>
    elders.some((elder) => (elder <= last ? pid > elder && pid <= last : pid > elder || pid <= last)),
  );
}

/** The pid that was given last. */
function lastPid(): number | null {
  try {
    const last = Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1));
    return Number.isSafeInteger(last) && last > 0 ? last : null;
  } catch {
    return null;
  }
}

/** This process, its parent, and so on. */
function lineage(): ReadonlySet<number> {
  const found = new Set<number>();
  for (let pid = process.pid; pid > 1 && !found.has(pid); pid = parentOf(pid)) found.add(pid);
  return found;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may contain anything: state, parent.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

/** Most fit; one buffer for all makes a look three times as fast. */
const buffer = Buffer.allocUnsafe(128 * 1024);

/** Each entry between two zero bytes; empty where there is none, or no such process; null for another user's. */
function environmentOf(pid: number): string | null {
  const file = `/proc/${pid}/environ`;
  try {
    const descriptor = openSync(file, 'r');
    try {
      const length = readSync(descriptor, buffer, 0, buffer.length, 0);
      if (length === 0) return '';
      const isAll = length < buffer.length;
      return `\0${isAll ? buffer.toString('latin1', 0, length) : readFileSync(file, 'latin1')}\0`;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? null : '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended between being found and being killed.
  }
}
