/** What a child leaves outside its group is ended with it: one sweep at a time, for all children that have ended by then. */
import { endMarked } from './marked-processes.ts';
import { systemTimers } from './timers.ts';

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

/** What was just becoming another program could not be told from others: it is looked for twice more, when nobody waits for it. */
const AGAIN_MS = 100;
const AGAIN_TIMES = 2;

interface Unsure {
  readonly leaver: Leaver;
  readonly times: number;
}

export class Strays {
  #leavers: Leaver[] = [];
  #last: Promise<void> = Promise.resolve();
  #unsure: Unsure[] = [];

  /** Resolves when nothing is seen any more that bears its mark. */
  end(leaver: Leaver): Promise<void> {
    this.#leavers.push(leaver);
    if (this.#leavers.length === 1) this.#last = this.#last.then(async () => this.#sweep());
    return this.#last;
  }

  async #sweep(): Promise<void> {
    const leavers = this.#leavers;
    this.#leavers = [];
    if (!(await endThoseOf(leavers)))
      this.#lookAgain(leavers.map((leaver) => ({ leaver, times: AGAIN_TIMES })));
  }

  #lookAgain(unsure: readonly Unsure[]): void {
    if (this.#unsure.length === 0 && unsure.length > 0)
      systemTimers.after(AGAIN_MS, () => {
        const due = this.#unsure.splice(0);
        void endThoseOf(due.map(({ leaver }) => leaver)).then((isSure) => {
          const still = due.map(({ leaver, times }) => ({ leaver, times: times - 1 }));
          if (!isSure) this.#lookAgain(still.filter(({ times }) => times > 0));
        });
      });
    this.#unsure.push(...unsure);
  }
}

/** Resolves with whether every process could be told. */
async function endThoseOf(leavers: readonly Leaver[]): Promise<boolean> {
  const isShort = leavers.every(({ lived_ms }) => lived_ms < YOUNG_MS);
  const marks = leavers.map(({ mark }) => mark);
  return endMarked(marks, isShort ? leavers.map(({ pid }) => pid) : null, 1);
}
