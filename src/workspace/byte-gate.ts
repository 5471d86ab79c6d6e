/** Bounds the memory of files that are under way: nothing new is read while too much of it is being written. */
export class ByteGate {
  readonly #bytes_max: number;
  #held = 0;
  #waiting: (() => void)[] = [];

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /** Resolves when there is room. What is held is known only after it was read, so one file may go beyond the bound. */
  async room(): Promise<void> {
    while (this.#held >= this.#bytes_max) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
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
