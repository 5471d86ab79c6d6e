/**
 * One attempt in a process of its own, as its instance has it. What the process says is heard as if the attempt ran here.
 * It is asked to end first, by a message; its process group gets SIGTERM and then SIGKILL where it does not, within the
 * grace of a cancelled attempt. A process that ends without an outcome is an error of this attempt alone.
 */
import type { AttemptObserver, AttemptOrder } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import type { Child, ChildEnd, Children, ChildSpec } from '../core/ports/children.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import { encodeFrame, FrameDecoder, FrameError } from '../wire/frame.ts';
import { processFailure } from './isolated-failures.ts';
import {
  ATTEMPT_FRAME_BYTES_MAX,
  FROM_ATTEMPT,
  type AttemptPlace,
  type FromAttempt,
  type ToAttempt,
} from './isolated-messages.ts';
import { IsolatedPrograms } from './isolated-programs.ts';
import { endedWithoutReport, type RunnerReport } from './report.ts';
import { StderrLog } from './stderr-log.ts';
import { abortReasonOf, LONGEST_MS, type EndReason } from './watch.ts';

export interface IsolatedAttemptOptions {
  readonly order: AttemptOrder;
  readonly place: AttemptPlace;
  readonly observer: AttemptObserver;
  readonly signal: AbortSignal;
  readonly children: Children;
  readonly spec: Pick<ChildSpec, 'argv' | 'env'>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Resolves where the process was killed by the hand that ends the instance: as {@link Programs.unlessInterrupted}. */
  readonly unlessInterrupted: (end: ChildEnd, signal: AbortSignal) => Promise<void>;
  /** Takes the key of the endpoint out of what a broken process printed. */
  readonly mask: (text: string) => Promise<string>;
}

/** How long it may take to end by itself; in it a provider lets go of its call, and programs of the user are ended. */
const POLITE_MS = 0.6 * LIMITS.cancel_grace_ms;
/** From SIGTERM to SIGKILL; what is left of the grace is for the end of the process to be heard. */
const KILL_GRACE_MS = 0.2 * LIMITS.cancel_grace_ms;
/** From its outcome to its end. */
const LINGER_MS = 1_000;

export class IsolatedAttempt {
  readonly #options: IsolatedAttemptOptions;
  readonly #programs: IsolatedPrograms;
  readonly #decoder = new FrameDecoder(ATTEMPT_FRAME_BYTES_MAX);
  readonly #given_up = Promise.withResolvers<ChildEnd>();
  readonly #timers = new Set<Timer>();
  readonly #last_words: string[] = [];
  readonly #stderr = new StderrLog({
    phase: () => undefined,
    text: () => undefined,
    log: (_stream, text) => this.#keepWords(text),
  });
  #child: Child | null = null;
  #report: RunnerReport | null = null;
  /** Why it is ended from here; the first reason stands. */
  #reason: EndReason | null = null;
  /** What it said that no attempt says. */
  #nonsense: string | null = null;
  #is_over = false;
  #tokens = 0;

  constructor(options: IsolatedAttemptOptions) {
    this.#options = options;
    this.#programs = new IsolatedPrograms(options.children, (news) => this.#say(news));
  }

  async run(): Promise<RunnerReport> {
    const { order, place, observer, signal, children, spec } = this.#options;
    observer.phase('building');
    const child = children.spawn(
      // How much it says in all is bounded by its time alone: nothing of it is kept but the frame that is coming.
      { ...spec, cwd: null, output_bytes_max: Number.MAX_SAFE_INTEGER },
      {
        started: (pid) => observer.process?.(pid, 'runs'),
        stdout: (bytes) => this.#hear(bytes),
        stderr: (bytes) => this.#stderr.add(bytes),
      },
    );
    this.#child = child;
    this.#say({ t: 'run', order, place });
    const onAbort = (): void => this.#abort();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    // The process watches its own time; this is for one that does not.
    this.#after(Math.min(order.attempt_timeout_ms, LONGEST_MS), () => this.#endWithin('TotalTimeout'));
    const end = await Promise.race([child.ended, this.#given_up.promise]);
    this.#is_over = true;
    signal.removeEventListener('abort', onAbort);
    for (const timer of this.#timers) timer.cancel();
    this.#stderr.close();
    await this.#programs.close();
    return this.#report ?? this.#withoutReport(end);
  }

  /** The instance is ending: what is killed from now on is interrupted. */
  drain(): void {
    this.#say({ t: 'drain' });
  }

  #say(message: ToAttempt): void {
    if (!this.#is_over && this.#report === null) this.#child?.write(encodeFrame(message));
  }

  #after(ms: number, fn: () => void): void {
    this.#timers.add(this.#options.timers.after(ms, fn));
  }

  #abort(): void {
    const reason = abortReasonOf(this.#options.signal);
    this.#say({ t: 'abort', reason });
    this.#endWithin(reason);
  }

  /** Whatever it does, it has ended when the grace has. */
  #endWithin(reason: EndReason): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#after(POLITE_MS, () => this.#child?.kill(KILL_GRACE_MS));
    this.#after(LIMITS.cancel_grace_ms, () => {
      // Not even the guard answers.
      this.#child?.kill(0);
      this.#given_up.resolve({ kind: 'guard_lost' });
    });
  }

  #hear(bytes: Uint8Array): void {
    if (this.#report !== null || this.#nonsense !== null) return;
    try {
      this.#decoder.push(bytes, (value) => {
        const message = FROM_ATTEMPT.safeParse(value);
        if (message.success) this.#heard(message.data);
        else this.#nonsense = message.error.issues.map(({ path }) => path.join('.') || 'no message')[0] ?? '';
        return this.#report === null && this.#nonsense === null;
      });
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#nonsense = error.message;
    }
    if (this.#nonsense !== null) this.#child?.kill(0);
  }

  #heard(message: FromAttempt): void {
    const { observer } = this.#options;
    switch (message.t) {
      case 'phase':
        return observer.phase(message.phase);
      case 'text':
        this.#tokens += message.pieces.length;
        for (const piece of message.pieces) observer.text(piece);
        return;
      case 'log':
        return observer.log(message.stream, message.text);
      case 'report':
        this.#report = message.report as RunnerReport;
        this.#child?.closeStdin();
        return this.#after(LINGER_MS, () => this.#child?.kill(0));
      case 'spawn':
      case 'write':
      case 'close_stdin':
      case 'kill':
        return this.#programs.hear(message);
    }
  }

  async #withoutReport(end: ChildEnd): Promise<RunnerReport> {
    const { order, signal, observer, unlessInterrupted, mask } = this.#options;
    const words = await mask(this.#last_words.join('\n'));
    if (words !== '') observer.log('stderr', words);
    if (this.#reason === null && this.#nonsense === null) {
      await unlessInterrupted(end, signal).catch(() => {
        this.#reason = signal.aborted ? abortReasonOf(signal) : 'interrupted';
      });
    }
    if (this.#reason !== null) return endedWithoutReport(order, this.#reason, this.#tokens);
    const tail = words.split('\n').findLast((line) => line.trim() !== '') ?? '';
    return endedWithoutReport(order, processFailure(order.endpoint, end, this.#nonsense, tail), this.#tokens);
  }

  /** A crash prints a stack: its beginning and its end tell, and it has not many lines. */
  #keepWords(line: string): void {
    this.#last_words.push(line);
    if (this.#last_words.length > 40) this.#last_words.shift();
  }
}
