/** Carries out the plan of a chaos run, and undoes each fault when its time is over. What it did is logged line by line. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from './fault-proxy.ts';
import type { Fleet } from './fleet.ts';
import { kindOf, type Fault, type Planned, type Remote } from './plan.ts';
import type { Whims } from './whims.ts';

export interface TormentorOptions {
  readonly plan: readonly Planned[];
  readonly fleet: Fleet;
  readonly proxies: Readonly<Record<Remote, FaultProxy>>;
  readonly whims: Whims;
  /** `serve` is dead and stays so until this resolves. */
  readonly onServeDead: (nth: number) => Promise<void>;
  /** `done`: false where it hit nobody, e.g. who was dead already. */
  readonly log: (at_ms: number, fault: Fault, done: boolean) => void;
}

export class Tormentor {
  readonly #options: TormentorOptions;
  readonly #undoing = new Set<Promise<void>>();
  readonly counts = new Map<string, number>();
  #serve_kills = 0;
  #over = new AbortController();

  constructor(options: TormentorOptions) {
    this.#options = options;
  }

  /** Resolves when the last fault has come; {@link heal} undoes what still holds. */
  async torment(): Promise<void> {
    const began = performance.now();
    for (const { at_ms, fault } of this.#options.plan) {
      await sleep(Math.max(0, began + at_ms - performance.now()));
      const done = await this.#begin(fault);
      this.#options.log(performance.now() - began, fault, done);
      if (done) this.counts.set(kindOf(fault), (this.counts.get(kindOf(fault)) ?? 0) + 1);
    }
  }

  async heal(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#undoing);
    this.#options.fleet.heal();
  }

  async #begin(fault: Fault): Promise<boolean> {
    const { fleet, proxies, whims } = this.#options;
    switch (fault.do) {
      case 'kill':
        return this.#kill(fault);
      case 'freeze':
        if (!(await fleet.freeze(fault.who))) return false;
        this.#later(fault.for_ms, () => fleet.thaw(fault.who));
        return true;
      case 'weather': {
        const { weather } = fault;
        proxies[fault.on].weather = weather;
        this.#later(fault.for_ms, () => {
          // Another weather may have come since.
          if (proxies[fault.on].weather === weather) proxies[fault.on].weather = {};
        });
        return true;
      }
      case 'cut':
        proxies[fault.on].cut(fault.after_bytes);
        return proxies[fault.on].connections > 0;
      case 'reset': {
        const connections = proxies[fault.on].connections;
        proxies[fault.on].reset();
        return connections > 0;
      }
      case 'throttle':
        whims.throttling = true;
        this.#later(fault.for_ms, () => {
          whims.throttling = false;
        });
        return true;
    }
  }

  async #kill({ who, restart_after_ms }: Extract<Fault, { do: 'kill' }>): Promise<boolean> {
    const { fleet, onServeDead } = this.#options;
    if (!(await fleet.kill(who))) return false;
    if (who === 'serve') {
      this.#serve_kills += 1;
      await onServeDead(this.#serve_kills);
    }
    this.#later(restart_after_ms, () => fleet.revive(who));
    return true;
  }

  #later(ms: number, undo: () => void): void {
    const undoing = sleep(ms, undefined, { signal: this.#over.signal })
      .catch(() => undefined)
      .then(undo)
      .finally(() => this.#undoing.delete(undoing));
    this.#undoing.add(undoing);
  }
}
