/** The instance ids of one endpoint, and the attempts that wait for one. */
import type { AttemptObserver } from '../core/attempt.ts';
import type { Children } from '../core/ports/children.ts';
import type { Clock, Timers } from '../core/ports/clock.ts';
import { PackageFaultError, type PackageFault } from './faults.ts';
import { PackageId } from './package-id.ts';
import { PackageProcess, type PackageTimes, type PrintStream } from './package-process.ts';

export interface PackageSettings {
  readonly module: string;
  readonly instances: number;
  readonly poll_ms: number;
  /** One process for all ids. */
  readonly shared: boolean;
}

export interface PoolOptions extends PackageTimes {
  readonly children: Children;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly env: Readonly<Record<string, string>>;
  readonly quarantine_ms: number;
}

interface Waiting {
  readonly observer: AttemptObserver;
  readonly resolve: (id: PackageId) => void;
  readonly reject: (error: PackageFaultError) => void;
}

/** An attempt that waits says so at once and then once a minute. */
const WAITS_EVERY_MS = 60_000;

export class PackagePool {
  readonly #settings: PackageSettings;
  readonly #options: PoolOptions;
  readonly #ids: readonly PackageId[];
  #waiting: Waiting[] = [];
  /** What was found wrong since the last look at everything. */
  #trouble: PackageFault | null = null;
  #isLooking = false;
  #isClosed = false;

  constructor(settings: PackageSettings, options: PoolOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#ids = Array.from({ length: settings.instances }, (_, number) => this.#idOf(number));
  }

  /**
   * An id that is known to be free, as soon as there is one; {@link PackageId.release} gives it back. Rejects with the
   * signal's reason, or with a PackageFaultError where no id can be used.
   */
  async take(observer: AttemptObserver, signal: AbortSignal): Promise<PackageId> {
    signal.throwIfAborted();
    if (this.#isClosed) throw new PackageFaultError({ kind: 'closed' });
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        saying.cancel();
        signal.removeEventListener('abort', onAbort);
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
      };
      const onAbort = (): void => {
        leave();
        // eslint-disable-next-line typescript/prefer-promise-reject-errors -- the contract: the signal's own reason
        reject(signal.reason);
      };
      const waiting: Waiting = {
        observer,
        resolve: (id) => {
          leave();
          resolve(id);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const say = (): void => {
        observer.log('info', `waits for a free id: ${this.#ids.map(shown).join(', ')}`);
        saying = this.#options.timers.after(WAITS_EVERY_MS, say);
      };
      let saying = this.#options.timers.after(WAITS_EVERY_MS, say);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiting);
      this.#lookAround();
    });
  }

  /** Ends its processes; resolves when they are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const error = new PackageFaultError({ kind: 'closed' });
    for (const { reject } of [...this.#waiting]) reject(error);
    const processes = new Set(this.#ids.flatMap(({ process }) => (process === null ? [] : [process])));
    for (const process of processes) process.kill({ kind: 'closed' });
    await Promise.all([...processes].map(async ({ ended }) => ended));
    for (const id of this.#ids) id.close();
  }

  #idOf(number: number): PackageId {
    const { clock, timers, quarantine_ms } = this.#options;
    return new PackageId({
      number,
      poll_ms: this.#settings.poll_ms,
      quarantine_ms,
      clock,
      timers,
      start: () => this.#processFor(number),
      mayReplace: () => {
        const process = this.#ids[number]?.process ?? null;
        return !this.#ids.some((id) => id.state === 'taken' && id.process === process);
      },
      onChange: () => this.#lookAround(),
      onTrouble: (fault) => {
        this.#trouble = fault;
      },
    });
  }

  #processFor(number: number): PackageProcess {
    const { children, timers, env, call_timeout_ms, start_timeout_ms } = this.#options;
    const { module, shared } = this.#settings;
    const there = shared ? this.#ids.find((id) => id.process !== null)?.process : null;
    if (there != null) return there;
    // What is said before the process is known is said by nobody's job.
    const users = (): readonly PackageId[] => this.#ids.filter((id) => id.process === process);
    const process: PackageProcess = new PackageProcess({
      module,
      children,
      timers,
      env,
      call_timeout_ms,
      start_timeout_ms,
      onPrint: (stream, text, instance) => this.#print(shared ? instance : number, stream, text),
      onFault: (fault) => {
        for (const id of users())
          id.doomed(fault.kind === 'hung' && fault.instance !== id.number ? { kind: 'replaced' } : fault);
      },
    });
    return process;
  }

  /** What cannot be told apart goes to every attempt. */
  #print(instance: number | null, stream: PrintStream, text: string): void {
    for (const id of this.#ids) if (instance === null || id.number === instance) id.print(stream, text);
  }

  /** Gives free ids to those who wait longest, wakes others for the rest, and sends away whom nobody can help. */
  #lookAround(): void {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    for (const id of this.#ids) {
      const [first] = this.#waiting;
      if (first !== undefined && id.take(first.observer)) first.resolve(id);
    }
    if (this.#trouble !== null && !this.#ids.some(isOfHope)) {
      const error = new PackageFaultError(this.#trouble);
      for (const { reject } of [...this.#waiting]) reject(error);
    }
    this.#trouble = null;
    this.#wake();
    this.#isLooking = false;
  }

  #wake(): void {
    let wanted = this.#waiting.length - this.#ids.filter((id) => id.isComing).length;
    const asleep = this.#ids.filter((id) => id.state === 'asleep');
    const rested = asleep.filter((id) => !id.isResting);
    const candidates = rested.length > 0 || this.#ids.some(isOfHope) ? rested : asleep;
    for (const id of candidates.toSorted((a, b) => Number(a.trouble !== null) - Number(b.trouble !== null))) {
      if (wanted <= 0) return;
      id.wake();
      wanted -= 1;
    }
  }
}

function isOfHope(id: PackageId): boolean {
  return id.state === 'starting' || (id.trouble === null && id.state !== 'asleep');
}

function shown(id: PackageId): string {
  const states = {
    asleep: 'not started',
    starting: 'starting',
    quarantined: 'not yet known to be free',
    free: 'free',
    taken: 'at work',
    ending: 'ending',
  };
  return `${id.number} ${states[id.state]}`;
}
