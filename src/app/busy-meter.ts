/** Tells when the queue works hard: more than so many changes in the last quarter of a second. */
const WINDOW_MS = 250;
const CHANGES_BUSY = 400;

export class BusyMeter {
  readonly #tell: (busy: boolean) => void;
  #changes = 0;
  #busy = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(tell: (busy: boolean) => void) {
    this.#tell = tell;
  }

  /** Changes that a turn committed, those of the publisher itself left out. */
  add(changes: number): void {
    this.#changes += changes;
    this.#timer ??= setTimeout(() => this.#look(), WINDOW_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    const busy = this.#changes > CHANGES_BUSY;
    this.#changes = 0;
    this.#timer = busy ? setTimeout(() => this.#look(), WINDOW_MS).unref() : null;
    if (busy !== this.#busy) this.#tell(busy);
    this.#busy = busy;
  }
}
