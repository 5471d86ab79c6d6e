/** What an instance is given, and what it offers. */
import { LIMITS } from '../core/limits.ts';
import type { Clock, Random, Timers } from '../core/ports/clock.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { Files } from '../core/ports/files.ts';
import type { AttemptRunner } from '../core/ports/runner.ts';
import type { Transport } from '../core/ports/transport.ts';
import type { InstanceEnd, InstanceEvent } from './events.ts';

export type Need = '' | 'workspace' | 'exec';

export interface InstanceLimits {
  readonly spool_bytes_max: number;
  readonly log_bytes_max: number;
  /** Of one attempt's log in memory; more goes to a file. */
  readonly log_memory_bytes_max: number;
  /** Outcomes under way without an acknowledgement. */
  readonly window_bytes: number;
  readonly resend_ms: number;
  readonly connect_timeout_ms: number;
  readonly frame_timeout_ms: number;
  readonly cancel_grace_ms: number;
  /** How long a drained instance waits for the last acknowledgements; what is missing is sent by the next process. */
  readonly acknowledge_wait_ms: number;
}

export const INSTANCE_LIMITS: InstanceLimits = {
  spool_bytes_max: LIMITS.spool_bytes_max,
  log_bytes_max: LIMITS.log_bytes_max,
  log_memory_bytes_max: 256 * 1024,
  window_bytes: 4 * 1024 * 1024,
  resend_ms: 15_000,
  connect_timeout_ms: LIMITS.hello_timeout_ms,
  frame_timeout_ms: LIMITS.frame_timeout_ms,
  cancel_grace_ms: LIMITS.cancel_grace_ms,
  acknowledge_wait_ms: 2_000,
};

export interface InstanceOptions {
  readonly name: string;
  readonly slots: number;
  /** Names of the endpoints it can serve. */
  readonly endpoints: readonly string[];
  readonly needs: readonly Need[];
  /** Both are asked anew at each try to connect. */
  readonly token: () => Promise<string>;
  readonly locate: () => Promise<{ readonly host: string; readonly port: number }>;
  readonly transport: Transport;
  readonly runner: AttemptRunner;
  /** This process alone uses it: the lock is taken by the caller. */
  readonly spool_dir: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly pid: number;
  /** Which machine the pid is of; see `hello` in wire/messages.ts. */
  readonly machine?: string;
  readonly version: string;
  /** Alone and idle for this long it ends; null: never. */
  readonly orphan_ttl_ms: number | null;
  readonly on: (event: InstanceEvent) => void;
  /** Tells a restart from a reconnect; default: random. */
  readonly process_id?: string;
  readonly crashpoint?: CrashPoint;
  readonly limits?: Partial<InstanceLimits>;
}

export interface InstanceStats {
  /** Null while it is not connected. */
  readonly id: number | null;
  readonly peer: string | null;
  readonly running: number;
  readonly spooled: number;
  readonly spool_bytes: number;
  readonly slots: number;
  readonly accepting: boolean;
}

export interface Instance {
  /** Opens the spool and begins to connect. Rejects where the spool cannot be opened. */
  start(): Promise<void>;
  /** Takes nothing new, lets what runs end until the deadline, interrupts the rest, brings the outcomes, and ends. */
  drain(deadline_ms: number): Promise<void>;
  /** Interrupts everything, spools the outcomes, and ends without waiting for their acknowledgement. */
  stop(): Promise<void>;
  /** Why it has ended: an {@link InstanceEnd}. Never rejects. */
  readonly ended: Promise<InstanceEnd>;
  stats(): InstanceStats;
}
