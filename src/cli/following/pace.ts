/** How fast runs end, and when the last of them will: said only while some end. */
import type { Board } from './board.ts';

/** Within this, an end is recent however fast others came before it. */
const RECENT_MS = 10_000;
/** Nor is it long ago while the next one is not late by more than this many of the usual times between two. */
const LATE_BY = 3;

export interface Figures {
  /** Runs that ended in a second since the start. */
  readonly rate: number;
  readonly left_ms: number;
}

export class Pace {
  readonly #board: Board;
  readonly #started_at: number;
  /** What had ended before anybody waited; null until the board is known. */
  #before: number | null = null;
  #ended = 0;
  #last_end_at = 0;

  constructor(board: Board, now: number) {
    this.#board = board;
    this.#started_at = now;
  }

  /** The board has changed. */
  update(now: number): void {
    this.#before ??= this.#board.ended;
    const ended = this.#board.ended - this.#before;
    if (ended !== this.#ended) this.#last_end_at = now;
    this.#ended = ended;
  }

  /** Null where nothing ended recently: what comes next is not known. */
  figures(now: number): Figures | null {
    const elapsed = now - this.#started_at;
    if (this.#ended <= 0 || elapsed <= 0) return null;
    const usual_ms = (this.#last_end_at - this.#started_at) / this.#ended;
    if (now - this.#last_end_at > Math.max(RECENT_MS, LATE_BY * usual_ms)) return null;
    const rate = this.#ended / (elapsed / 1000);
    return { rate, left_ms: ((this.#board.total - this.#board.ended) / rate) * 1000 };
  }
}
