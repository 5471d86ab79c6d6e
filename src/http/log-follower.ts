/**
 * Follows the log of one run for one reader: what is on disk first, then what its instance sends, attempt after attempt,
 * until the run has ended. The position moves with each entry that was sent, so nothing comes twice and nothing is left out;
 * where bytes are gone the reader is told so. A reader that falls behind is let go with a position from which it can resume.
 */
import type { LogPiece } from '../core/ports/scheduler.ts';
import type { AttemptRow, RunRow } from '../core/rows.ts';
import { hasEnded } from '../core/states.ts';
import { Bell } from './bell.ts';
import type { HttpContext } from './http-context.ts';
import { logPieces } from './log-lines.ts';
import { formatPosition, type LogPosition } from './log-position.ts';
import type { SseStream } from './sse.ts';

/** How soon to look again where an instance said that it does not have the attempt (any more) and no change tells more. */
const LOOK_AGAIN_MS = 1_000;
const LONGEST_WAIT_MS = 3_600_000;

interface LogFollowerOptions {
  readonly context: HttpContext;
  readonly stream: SseStream;
  readonly run: RunRow;
  readonly from: LogPosition;
  /** Aborts when the reader is gone, or the server begins to stop. */
  readonly life: AbortSignal;
}

type Step = 'go_on' | 'wait' | 'wait_shortly' | 'stop';

export class LogFollower {
  readonly #options: LogFollowerOptions;
  #at: LogPosition;
  /** The attempt of which the reader knows already that bytes are gone. */
  #told = 0;

  constructor(options: LogFollowerOptions) {
    this.#options = options;
    this.#at = options.from;
  }

  /** Resolves when the stream has been ended, for whatever reason. */
  async follow(): Promise<void> {
    const { context, run, life, stream } = this.#options;
    const bell = new Bell(context.options.timers);
    // Before the first look, so that no change falls between a look and a wait.
    const unlisten = context.hub.onRun(run.name, run.run, () => bell.ring());
    try {
      for (let step: Step = 'go_on'; step !== 'stop' && stream.open && !life.aborted;) {
        step = await this.#step();
        if (step === 'wait') await bell.heard(LONGEST_WAIT_MS, life);
        if (step === 'wait_shortly') await bell.heard(LOOK_AGAIN_MS, life);
      }
      if (context.closing.aborted) stream.send('closing', '{"code":"ShuttingDown"}');
    } finally {
      unlisten();
      stream.end();
    }
  }

  async #step(): Promise<Step> {
    const { reads } = this.#options.context.options;
    const run = reads.runById(this.#options.run.id) ?? this.#options.run;
    const attempts = reads.attempts(run.id);
    const attempt = attempts.find((one) => one.attempt === this.#at.attempt);
    if (attempt === undefined || attempt.ended_at !== null) {
      if (attempt !== undefined && !(await this.#sendStored(attempt))) return 'stop';
      return this.#moveOn(run, attempts, attempt !== undefined);
    }
    return this.#sendLive(run);
  }

  /** To the next attempt there is, or the end. */
  #moveOn(run: RunRow, attempts: readonly AttemptRow[], passed: boolean): Step {
    const numbers = attempts.map(({ attempt }) => attempt).filter((attempt) => attempt > this.#at.attempt);
    if (numbers.length > 0) {
      this.#at = { attempt: Math.min(...numbers), offset: 0 };
      return 'go_on';
    }
    if (!hasEnded(run.state)) return 'wait';
    const attempt = passed ? this.#at.attempt : run.attempt;
    this.#options.stream.send('end', JSON.stringify({ state: run.state, attempt }));
    return 'stop';
  }

  /** What is left of an ended attempt's log; false where the reader went away or fell behind. */
  async #sendStored(attempt: AttemptRow): Promise<boolean> {
    const { log_file, log_offset, log_bytes } = attempt;
    const { offset } = this.#at;
    if (log_file === null) {
      if (attempt.outcome === 'lost') this.#tell('The log of this attempt was lost with its instance.');
      return true;
    }
    if (offset >= log_bytes) return true;
    const bytes = await this.#options.context.options.logs.read({ log_file, log_offset, log_bytes }, offset);
    if (bytes === null) {
      this.#tell('This log is not kept any more.');
      return true;
    }
    for (const piece of logPieces(bytes, attempt.attempt, offset)) {
      this.#send(piece);
      if (!(await this.#options.stream.drained())) {
        this.#letGo();
        return false;
      }
    }
    return true;
  }

  async #sendLive(run: RunRow): Promise<Step> {
    const { context, stream, life } = this.#options;
    const stop = new AbortController();
    const end = (): void => stop.abort();
    life.addEventListener('abort', end, { once: true });
    if (life.aborted) end();
    const onPiece = (piece: LogPiece): void => {
      if (stop.signal.aborted || piece.attempt !== this.#at.attempt || piece.offset <= this.#at.offset)
        return;
      this.#send(piece);
      if (stream.isBehind) end();
    };
    try {
      const ended = await context.options.scheduler.follow(run.name, run.run, this.#at, onPiece, stop.signal);
      if (stream.isBehind) {
        this.#letGo();
        return 'stop';
      }
      return ended === 'ended' && this.#hasEnded(run) ? 'go_on' : 'wait_shortly';
    } finally {
      life.removeEventListener('abort', end);
    }
  }

  /** Whether the row says so too: else there is nothing to read yet. */
  #hasEnded(run: RunRow): boolean {
    const attempts = this.#options.context.options.reads.attempts(run.id);
    return attempts.some(({ attempt, ended_at }) => attempt === this.#at.attempt && ended_at !== null);
  }

  #send(piece: LogPiece): void {
    this.#at = { attempt: piece.attempt, offset: piece.offset };
    const { attempt, offset, stream, at, text } = piece;
    this.#options.stream.send(
      'log',
      JSON.stringify({ attempt, offset, stream, at, text }),
      formatPosition(this.#at),
    );
  }

  #letGo(): void {
    this.#gap('You read more slowly than this log grows. Connect again with the last id to go on from here.');
    this.#options.stream.end();
  }

  #tell(message: string): void {
    if (this.#told === this.#at.attempt) return;
    this.#told = this.#at.attempt;
    this.#gap(message);
  }

  #gap(message: string): void {
    this.#options.stream.send('gap', JSON.stringify({ ...this.#at, message }), formatPosition(this.#at));
  }
}
