/**
 * One child as the guard has it: its process group, its pipes, its folder, and how it ended. It is over when the leader of
 * the group has exited, what was left of the group or had left it has been killed, and its pipes are read empty. Whoever is
 * told that it exited has been told all that it printed: of one that was not read to its end another end is told.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Timer } from '../core/ports/clock.ts';
import type { ChildEnd, ChildSpec } from '../core/ports/children.ts';
import { findProgram, saysItsInterpreter } from './program-file.ts';
import { killGroup } from './process-group.ts';
import { systemTimers } from './timers.ts';

export interface GuardedChildOptions {
  readonly spec: ChildSpec;
  /** Where its fresh folder is made. */
  readonly folder: string;
  readonly started: (pid: number) => void;
  /** Ends what it has left outside its group; resolves when that is gone. */
  readonly exited: (pid: number, lived_ms: number) => Promise<void>;
  /** Resolves when it is handed on; until then nothing more is read from that pipe. */
  readonly output: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void>;
  readonly ended: (end: ChildEnd) => void;
}

/**
 * What it printed itself is in its pipes when it has exited. A runaway may hold them open for ever: they are given up after so
 * much silence, and after so much talk at the first look that finds nothing in them.
 */
const LAST_OUTPUT_MS = 200;
const LAST_TALK_MS = 1_000;
/** Of stderr, which nobody counts before. */
const LAST_STDERR_BYTES_MAX = 2 * 1024 * 1024;

type Pipes = ChildProcessByStdio<Writable, Readable, Readable>;

export class GuardedChild {
  readonly #options: GuardedChildOptions;
  #child: Pipes | null = null;
  #cwd: string | null = null;
  /** What came for stdin before there was one. */
  #early: Uint8Array[] = [];
  #stdin_closed = false;
  /** Killed before it was there. */
  #unwanted = false;
  #kill: Timer | null = null;
  #silence: Timer | null = null;
  #end: ChildEnd | null = null;
  #began_at = 0;
  #exited_at = 0;
  /** What it left is being ended. */
  #leaving: Promise<void> = Promise.resolve();
  #is_over = false;
  #stdout_bytes = 0;
  #late_stderr_bytes = 0;
  /** Pieces that are being handed on: the pipe is not silent, it is not listened to. */
  #handing = 0;

  constructor(options: GuardedChildOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    try {
      const refusal = await this.#begin();
      if (refusal !== null) await this.#over(refusal);
    } catch (error) {
      await this.#over(notStarted(error));
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#child === null) this.#early.push(bytes);
    else if (this.#child.stdin.writable) this.#child.stdin.write(bytes);
  }

  closeStdin(): void {
    this.#stdin_closed = true;
    this.#child?.stdin.end();
  }

  kill(grace_ms: number): void {
    const pid = this.#child?.pid;
    if (pid === undefined) {
      this.#unwanted = true;
      return;
    }
    if (this.#end?.kind === 'exited') return this.#endAs({ kind: 'killed', signal: 'SIGKILL' });
    if (this.#end !== null) return;
    if (grace_ms <= 0) return killGroup(pid, 'SIGKILL');
    if (this.#kill !== null) return;
    killGroup(pid, 'SIGTERM');
    this.#kill = systemTimers.after(grace_ms, () => killGroup(pid, 'SIGKILL'));
  }

  async #begin(): Promise<ChildEnd | null> {
    const { spec, folder } = this.#options;
    const [name, ...args] = spec.argv;
    const file = await findProgram(name, spec.env['PATH']);
    if (file === null) return refused('ENOENT', `there is no program "${name}" on the PATH`);
    if (!(await saysItsInterpreter(file)))
      return refused('ENOEXEC', `${name} has no first line that names an interpreter`);
    if (spec.cwd === null) this.#cwd = await mkdtemp(join(folder, 'run-'));
    else if (!(await isFolder(spec.cwd))) return refused('ENOTDIR', 'its working directory is missing');
    if (this.#unwanted) return { kind: 'killed', signal: 'SIGKILL' };
    this.#began_at = performance.now();
    const child = spawn(file, args, {
      cwd: this.#cwd ?? spec.cwd ?? folder,
      env: { ...spec.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#watch(child);
    return null;
  }

  #watch(child: Pipes): void {
    this.#child = child;
    // What cannot be started has no pid, and its error is the end of it; with a pid an error changes nothing.
    child.once('error', (error) => {
      if (child.pid === undefined) void this.#over(notStarted(error));
    });
    // Whoever does not read what it is given may: EPIPE is no fault of a program.
    child.stdin.on('error', () => undefined);
    if (child.pid === undefined) return;
    this.#options.started(child.pid);
    child.once('exit', (code, signal) => this.#exited(child, code, signal));
    child.once('close', () => void this.#over(this.#end ?? { kind: 'guard_lost' }));
    this.#read(child, 'stdout');
    this.#read(child, 'stderr');
    for (const bytes of this.#early.splice(0)) child.stdin.write(bytes);
    if (this.#stdin_closed) child.stdin.end();
  }

  #read(child: Pipes, stream: 'stdout' | 'stderr'): void {
    const pipe = child[stream];
    // What is behind the error is lost.
    pipe.on('error', () => (stream === 'stdout' ? this.#endAs({ kind: 'guard_lost' }) : undefined));
    pipe.on('data', (bytes: Buffer) => {
      if (this.#is_over || this.#end?.kind === 'output_too_large') return;
      if (stream === 'stdout' && this.#isTooMuch(bytes.length))
        return this.#endAs({ kind: 'output_too_large' });
      if (stream === 'stderr' && this.#isLateNoise(bytes.length)) return void pipe.destroy();
      // Behind what is handed on now more may wait, which is not read meanwhile.
      this.#silence?.cancel();
      this.#handing += 1;
      pipe.pause();
      void this.#options.output(stream, bytes).then(() => {
        this.#handing -= 1;
        pipe.resume();
        this.#awaitSilence();
      });
    });
  }

  #isTooMuch(bytes: number): boolean {
    this.#stdout_bytes += bytes;
    return this.#stdout_bytes > this.#options.spec.output_bytes_max;
  }

  /** At once, however it goes on: the rest of what it prints is not wanted. */
  #endAs(end: ChildEnd): void {
    this.#end = end;
    const pid = this.#child?.pid;
    if (this.#hasExited) this.#letGo();
    else if (pid !== undefined) killGroup(pid, 'SIGKILL');
  }

  #isLateNoise(bytes: number): boolean {
    if (!this.#hasExited) return false;
    this.#late_stderr_bytes += bytes;
    return this.#late_stderr_bytes > LAST_STDERR_BYTES_MAX;
  }

  #exited(child: Pipes, code: number | null, signal: NodeJS.Signals | null): void {
    this.#kill?.cancel();
    this.#exited_at = performance.now();
    if (child.pid !== undefined) {
      killGroup(child.pid, 'SIGKILL');
      this.#leaving = this.#options.exited(child.pid, performance.now() - this.#began_at);
    }
    this.#end ??= signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'killed', signal };
    this.#awaitSilence();
  }

  get #hasExited(): boolean {
    return this.#child !== null && (this.#child.exitCode !== null || this.#child.signalCode !== null);
  }

  /** The pipes close when nobody holds them; who left the group may hold them for ever. */
  #awaitSilence(): void {
    if (!this.#hasExited) return;
    this.#silence?.cancel();
    if (this.#handing > 0 || this.#is_over) return;
    const is_talker = performance.now() - this.#exited_at > LAST_TALK_MS;
    // Even without a wait there is a look into the pipes before it is due.
    this.#silence = systemTimers.after(is_talker ? 0 : LAST_OUTPUT_MS, () => this.#letGo());
  }

  #letGo(): void {
    this.#child?.stdin.destroy();
    this.#child?.stdout.destroy();
    this.#child?.stderr.destroy();
  }

  async #over(end: ChildEnd): Promise<void> {
    if (this.#is_over) return;
    this.#is_over = true;
    this.#kill?.cancel();
    this.#silence?.cancel();
    await this.#leaving;
    // A folder that cannot be removed is not the program's failure; that of the guard is removed at its end, with all in it.
    if (this.#cwd !== null) await rm(this.#cwd, { recursive: true, force: true }).catch(() => undefined);
    this.#options.ended(end);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

function refused(code: string, message: string): ChildEnd {
  return { kind: 'not_started', code, message };
}

function notStarted(error: unknown): ChildEnd {
  const { code, message } = error as NodeJS.ErrnoException;
  return refused(code ?? 'UNKNOWN', message);
}
