// What test processes can be told apart by, and found by, once they have lost their parents (Linux; elsewhere nothing
// is found, and the register of `children.ts` is what remains).
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The name in a process's environment that says which test file it comes from: `<run>.<pid of the file>`. */
export const MARK = 'PROMPTD_TEST_MARK';
/** The name under which the reporter tells the processes of the test files which run they belong to. */
export const RUN = 'PROMPTD_TEST_RUN';

/** A killed group is reaped one by one, which has been seen to take two seconds on a busy machine. */
const GRACE_MS = 2_000;
const POLL_MS = 20;

export interface LivingProcess {
  readonly pid: number;
  readonly command: string;
}

function read(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // The process has ended since, or belongs to another user: it is not one of ours.
    return '';
  }
}

/** A zombie runs nothing any more; it only waits to be reaped. */
function isAlive(pid: number): boolean {
  const stat = read(pid, 'stat');
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return stat !== '' && state !== 'Z' && state !== 'X';
}

/** The living processes whose mark starts as given. Empty on a system without /proc. */
export function markedProcesses(mark: string): LivingProcess[] {
  let pids: string[];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  const marked = pids.filter((pid) => `\0${read(pid, 'environ')}`.includes(`\0${MARK}=${mark}`));
  return livingOf(marked.map(Number));
}

/** Of these processes, the ones that still run, this one left out. */
export function livingOf(pids: readonly number[]): LivingProcess[] {
  const living = pids.filter((pid) => pid !== process.pid && isAlive(pid));
  return living.map((pid) => ({ pid, command: read(pid, 'cmdline').replaceAll('\0', ' ').trim() }));
}

/** Waits for the processes that `find` names to end, kills those that do not, and says which these were. */
export async function endLeftProcesses(find: () => LivingProcess[]): Promise<string[]> {
  for (let waited_ms = 0; waited_ms < GRACE_MS && find().length > 0; waited_ms += POLL_MS) {
    await sleep(POLL_MS);
  }
  const left = find();
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended between being found and being killed.
    }
  }
  return left.map(({ pid, command }) => `process ${pid}: ${command}`);
}
