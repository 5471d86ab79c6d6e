/** What a child leaves outside its group is ended with it: one sweep at a time, for all children that have ended by then. */
import { endMarked } from './marked-processes.ts';

/** Of a child that has ended. */
export interface Leaver {
  readonly mark: string;
  readonly pid: number;
  readonly lived_ms: number;
}

/**
 * In so short a time pids do not come round: what a child has started are among the few processes that are younger. After a
 * longer life all are looked at, which costs (10 µs each) next to nothing of such a time.
 */
const YOUNG_MS = 10_000;

export class Strays {
  #leavers: Leaver[] = [];
  #last: Promise<void> = Promise.resolve();

  /** Resolves when nothing bears its mark any more. */
  end(leaver: Leaver): Promise<void> {
    this.#leavers.push(leaver);
    if (this.#leavers.length === 1) this.#last = this.#last.then(async () => this.#sweep());
    return this.#last;
  }

  async #sweep(): Promise<void> {
    const leavers = this.#leavers;
    this.#leavers = [];
    const isShort = leavers.every(({ lived_ms }) => lived_ms < YOUNG_MS);
    const marks = leavers.map(({ mark }) => mark);
    await endMarked(marks, isShort ? leavers.map(({ pid }) => pid) : null);
  }
}
