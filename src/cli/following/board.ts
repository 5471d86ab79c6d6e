/** What is known of the runs that somebody waits for: the latest state of each, and how many are in which. */
import { formatRunRef } from '../../core/names.ts';
import { hasEnded, RUN_STATES, type RunState } from '../../core/states.ts';

export interface RunSeen {
  readonly name: string;
  readonly run: number;
  readonly state: RunState;
  /** Code of the reason, where known. */
  readonly reason?: string | null;
}

export class Board {
  readonly #runs = new Map<string, RunSeen>();
  readonly #counts = new Map<RunState, number>();
  /** Events of runs that are not (yet) known to be ours, while a submission is on its way. */
  #early: Map<string, RunSeen> | null = new Map();
  #ended = 0;

  /** Runs that are waited for, as the server told them in an answer. Events that came before it are not lost. */
  learn(runs: Iterable<RunSeen>): void {
    for (const run of runs) {
      const ref = formatRunRef(run);
      const early = this.#early?.get(ref);
      // An answer and an event may overtake each other; of two, the one that is the end is the later.
      this.#put(ref, early !== undefined && !hasEnded(run.state) ? early : run);
    }
    this.#early = null;
  }

  /** Begins to keep events of unknown runs, until the next `learn`. */
  listen(): void {
    this.#early = new Map();
  }

  /** An event. Whether it is about a run that is waited for. */
  see(run: RunSeen): boolean {
    const ref = formatRunRef(run);
    if (this.#runs.has(ref)) {
      this.#put(ref, run);
      return true;
    }
    this.#early?.set(ref, run);
    return false;
  }

  /** Whether that run is waited for. */
  has(run: { readonly name: string; readonly run: number }): boolean {
    return this.#runs.has(formatRunRef(run));
  }

  get total(): number {
    return this.#runs.size;
  }

  get ended(): number {
    return this.#ended;
  }

  get isDone(): boolean {
    return this.#early === null && this.#ended === this.#runs.size;
  }

  count(state: RunState): number {
    return this.#counts.get(state) ?? 0;
  }

  /** States that some run is in, in the order of the state machine. */
  counts(): Partial<Record<RunState, number>> {
    return Object.fromEntries(
      RUN_STATES.flatMap((state) => (this.count(state) > 0 ? [[state, this.count(state)]] : [])),
    );
  }

  runs(state?: RunState): RunSeen[] {
    const all = [...this.#runs.values()];
    return state === undefined ? all : all.filter((run) => run.state === state);
  }

  #put(ref: string, run: RunSeen): void {
    const before = this.#runs.get(ref);
    if (before !== undefined) {
      this.#counts.set(before.state, this.count(before.state) - 1);
      if (hasEnded(before.state)) this.#ended--;
    }
    this.#runs.set(ref, run);
    this.#counts.set(run.state, this.count(run.state) + 1);
    if (hasEnded(run.state)) this.#ended++;
  }
}
