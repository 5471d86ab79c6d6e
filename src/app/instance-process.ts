/** An instance as a process: the local one (a child of `serve`) and `promptd instance` are the same. */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EndpointConfig, Isolation } from '../core/endpoints.ts';
import { Problem } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { AttemptRunner } from '../core/ports/runner.ts';
import type { LaneNeeds } from '../core/rows.ts';
import { createInstance, type Instance } from '../instance/instance.ts';
import type { InstanceEvent } from '../instance/events.ts';
import { endChildrenOf } from '../platform/children.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import { TcpTransport } from '../transport/tcp.ts';
import { ownRunner } from './attempt-runner.ts';
import { environment } from './environment.ts';
import { crashPointOf } from './crash.ts';
import { tryLock } from '../stores/sqlite/file-lock.ts';
import { machineId } from './machine-id.ts';
import { stopSignals } from './signals.ts';

export interface InstanceProcessOptions {
  readonly name: string;
  readonly slots: number;
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  readonly spool_dir: string;
  /** The workspace's folder; null: this machine has none of the server's workspace. */
  readonly root: string | null;
  readonly allow_exec: boolean;
  /** Where attempts run, unless their endpoint says so itself. */
  readonly isolation: Isolation;
  readonly pass_env: readonly string[];
  readonly version: string;
  /** Where the scheduler is, read anew at each try. */
  readonly locate: () => Promise<{ readonly host: string; readonly port: number }>;
  readonly token: () => Promise<string>;
  /** Ends by itself when it was idle and alone for so long; null: never. */
  readonly orphan_ttl_ms: number | null;
  readonly on: (event: InstanceEvent) => void;
}

/** The exit code of an instance whose spool another one holds: nothing is wrong, that one goes on. */
export const SPOOL_HELD = 75;

/** Runs until it is stopped or ends by itself; resolves with the exit code. */
export async function runInstance(options: InstanceProcessOptions): Promise<number> {
  const lock_file = join(options.spool_dir, 'lock.db');
  const lock = tryLock(lock_file);
  if (lock === null) return SPOOL_HELD;
  const owner = ownerOf(lock_file);
  await endChildrenOf(owner);
  const own = ownRunner({ ...options, env: environment(), owner });
  const on = (event: InstanceEvent): void => {
    if (event.type === 'draining' && event.reason === 'asked') own.drain();
    options.on(event);
  };
  const instance = instanceOf({ ...options, on }, own.runner);
  const signals = stopSignals({
    first: () => void instance.drain(LIMITS.stop_deadline_ms - 2_000),
    second: () => process.exit(1),
  });
  try {
    await instance.start();
    const reason = await instance.ended;
    return reason === 'Drained' || reason === 'Stopped' || reason === 'Orphaned' ? 0 : 1;
  } finally {
    signals.release();
    await own.close();
    lock.release();
  }
}

/** One per spool: whoever holds its lock knows that nobody else of this name lives. */
function ownerOf(lock_file: string): string {
  const { dev, ino } = statSync(lock_file, { bigint: true });
  return `${dev.toString(36)}-${ino.toString(36)}`;
}

function instanceOf(options: InstanceProcessOptions, runner: AttemptRunner): Instance {
  const env = environment();
  const { name, slots, endpoints, spool_dir, version, locate, token, orphan_ttl_ms, on } = options;
  return createInstance({
    name,
    slots,
    endpoints: [...endpoints.keys()],
    needs: needsOf(options),
    token,
    locate,
    transport: new TcpTransport({ timers: systemTimers }),
    runner,
    spool_dir,
    files: systemFiles,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    pid: process.pid,
    machine: machineId(),
    process_id: randomBytes(16).toString('hex'),
    version,
    orphan_ttl_ms,
    crashpoint: crashPointOf(env),
    on,
  });
}

function needsOf({ root, allow_exec }: InstanceProcessOptions): readonly LaneNeeds[] {
  if (root === null) return [''];
  return allow_exec ? ['', 'workspace', 'exec'] : ['', 'workspace'];
}

/** The token of a server: from the environment, or from the workspace's own file. */
export async function tokenFrom(
  env: Readonly<Record<string, string | undefined>>,
  file: string | null,
): Promise<string> {
  const given = env['PROMPTD_INSTANCE_TOKEN']?.trim() ?? '';
  if (given !== '') return given;
  if (file !== null) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.trim() !== '') return text.trim();
  }
  throw new Problem('Unauthorized', 'No instance token.', {
    hint: 'Set PROMPTD_INSTANCE_TOKEN to what stands in .promptd/instance.token on the server.',
  });
}
