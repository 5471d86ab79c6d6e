/** Looks every 5 s whether any run ended since, and asks what holds the rest where none did. */
import type { Timer, Timers } from '../../core/ports/clock.ts';
import type { Board } from './board.ts';
import type { Waiting } from './waiting.ts';

const LOOK_EVERY_MS = 5_000;

export interface StandstillOptions {
  readonly board: Board;
  readonly timers: Timers;
  /** What holds the runs of the board; asked of the server only while none ends. */
  waiting(signal: AbortSignal): Promise<Waiting | null>;
}

export class Standstill {
  readonly #options: StandstillOptions;
  readonly #onLook: (waiting: Waiting | null, isNew: boolean) => void;
  readonly #stop = new AbortController();
  readonly #said = new Set<string>();
  #timer: Timer | null = null;
  #ended = 0;

  /** `onLook` is called at every look with what holds the runs, and whether that was not said before. */
  constructor(options: StandstillOptions, onLook: (waiting: Waiting | null, isNew: boolean) => void) {
    this.#options = options;
    this.#onLook = onLook;
    this.#again();
  }

  /** What had ended before anybody waited did not end now. */
  begin(): void {
    this.#ended = this.#options.board.ended;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#stop.abort();
  }

  #again(): void {
    this.#timer = this.#options.timers.after(LOOK_EVERY_MS, () => this.#look(), false);
  }

  #look(): void {
    const { board } = this.#options;
    const moved = board.ended !== this.#ended;
    this.#ended = board.ended;
    if (moved || board.ended + board.count('running') >= board.total) {
      this.#tell(null);
      return;
    }
    // A server that does not answer is told elsewhere.
    this.#options.waiting(this.#stop.signal).then(
      (found) => this.#tell(found),
      () => this.#tell(null),
    );
  }

  #tell(waiting: Waiting | null): void {
    if (this.#stop.signal.aborted) return;
    // Numbers aside: counts and times in a sentence change, and what it says does not.
    const key = waiting === null ? '' : `${waiting.code} ${waiting.message.replaceAll(/\d+/g, '#')}`;
    const isNew = waiting !== null && !this.#said.has(key);
    this.#said.add(key);
    this.#onLook(waiting, isNew);
    this.#again();
  }
}
