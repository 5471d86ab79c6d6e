/** Bounds the memory of files that are under way: nothing new is read while too much of it is being written. */
export class ByteGate {
  readonly #bytes_max: number;
  #held = 0;
  #waiting: (() => void)[] = [];

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /**
   * To be asked right before bytes are read and taken, with nothing awaited between, or several would pass at once. The size
   * of what is read is not known before, so one file may go beyond the bound.
   */
  get full(): boolean {
    return this.#held >= this.#bytes_max;
  }

  /** Resolves after the next {@link give}; then ask again whether it is full. */
  freed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  take(bytes: number): void {
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
