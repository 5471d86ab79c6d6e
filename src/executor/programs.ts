/** Runs one program of the user to its end: bytes in, bytes out, and every way to fail as a sentence. */
import type { AttemptObserver } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { ChildEnd, Children } from '../core/ports/children.ts';
import { Interrupted } from './interrupted.ts';
import * as fail from './program-failures.ts';
import { StderrLog } from './stderr-log.ts';
import { LONGEST_MS } from './watch.ts';

export interface ProgramsOptions {
  readonly children: Children;
  readonly timers: Timers;
  /** What every program finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Program {
  /** What it is called in messages: the link of a script, the first word of a command. Never a path of the machine. */
  readonly name: string;
  /** An absolute path or a name that is on the PATH, and its arguments. No shell reads them. */
  readonly argv: readonly [program: string, ...args: string[]];
  /** Beside, or instead of, what every program finds. */
  readonly env?: Readonly<Record<string, string>>;
  /** null: a fresh folder, removed when it has ended. */
  readonly cwd: string | null;
  readonly stdin: Uint8Array;
  readonly time_limit_ms: number;
  readonly output_bytes_max: number;
}

/** Who hears what a program says, and who may end it. */
export interface ProgramWatch {
  readonly observer: AttemptObserver;
  readonly signal: AbortSignal;
}

/** Between the polite and the final end of a program: both lie within the grace of a cancelled attempt. */
const KILL_GRACE_MS = LIMITS.cancel_grace_ms / 5;
/** Who ends a whole service ends its programs first or last: for so long the instance may hear of it after its program did. */
const SAME_HAND_MS = 500;
const SIGNALS_OF_A_STOP: readonly string[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'];

export class Programs {
  readonly #options: ProgramsOptions;
  readonly #drain = new AbortController();

  constructor(options: ProgramsOptions) {
    this.#options = options;
  }

  /** The instance is ending: a program that somebody else kills from now on is no failure of its job. */
  drain(): void {
    this.#drain.abort();
  }

  /**
   * Resolves with what it printed, where it exited with 0. Rejects with a ProviderError, with the signal's reason, or with
   * {@link Interrupted}; in every case it is gone by then.
   */
  async run(program: Program, { observer, signal }: ProgramWatch): Promise<{ readonly stdout: Uint8Array }> {
    signal.throwIfAborted();
    const { argv, cwd, time_limit_ms, output_bytes_max } = program;
    const env = { ...this.#options.env, ...program.env };
    const pieces: Uint8Array[] = [];
    const stderr = new StderrLog(observer);
    let pid: number | null = null;
    const child = this.#options.children.spawn(
      { argv, env, cwd, output_bytes_max },
      {
        started: (its) => {
          pid = its;
          observer.process?.(its, 'runs');
        },
        stdout: (piece) => pieces.push(piece),
        stderr: (piece) => stderr.add(piece),
      },
    );
    let is_late = false;
    const timer = this.#options.timers.after(Math.min(time_limit_ms, LONGEST_MS), () => {
      is_late = true;
      child.kill(KILL_GRACE_MS);
    });
    const onAbort = (): void => child.kill(KILL_GRACE_MS);
    signal.addEventListener('abort', onAbort, { once: true });
    if (program.stdin.length > 0) child.write(program.stdin);
    child.closeStdin();
    const end = await child.ended;
    if (pid !== null) observer.process?.(pid, 'is_gone');
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
    stderr.close();
    signal.throwIfAborted();
    if (is_late) throw fail.timedOut(program.name, time_limit_ms);
    await this.unlessInterrupted(program.name, end, signal);
    throwUnlessDone(program, end, stderr.tail);
    return { stdout: Buffer.concat(pieces) };
  }

  /**
   * Whoever killed it may be about to end this instance, and then it says so in a moment. Rejects with the signal's reason, or
   * with {@link Interrupted}.
   */
  async unlessInterrupted(name: string, end: ChildEnd, signal: AbortSignal): Promise<void> {
    const isKilled = end.kind === 'killed' && SIGNALS_OF_A_STOP.includes(end.signal);
    if (!isKilled && end.kind !== 'guard_lost') return;
    await this.#either(AbortSignal.any([this.#drain.signal, signal]));
    signal.throwIfAborted();
    if (this.#drain.signal.aborted) throw new Interrupted(`${name} was ended with its instance.`);
  }

  async #either(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.timers.after(SAME_HAND_MS, resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    timer.cancel();
  }
}

function throwUnlessDone({ name, output_bytes_max }: Program, end: ChildEnd, tail: string): void {
  switch (end.kind) {
    case 'exited':
      if (end.code !== 0) throw fail.exited(name, end.code, tail);
      return;
    case 'killed':
      throw fail.killed(name, end.signal, tail);
    case 'output_too_large':
      throw fail.outputTooLarge(name, output_bytes_max);
    case 'not_started':
      throw fail.notStarted(name, end);
    case 'guard_lost':
      throw fail.guardLost(name);
  }
}
