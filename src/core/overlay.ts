/**
 * A map as one turn sees it: what is written here lies over the base and touches it only when the turn was committed.
 * A turn that fails drops its overlays, and so changes nothing. Values are never modified, only replaced.
 */
export class Overlay<K, V> {
  readonly #base: Map<K, V>;
  readonly #changed = new Map<K, V>();
  readonly #gone = new Set<K>();

  constructor(base: Map<K, V>) {
    this.#base = base;
  }

  get(key: K): V | undefined {
    if (this.#gone.has(key)) return undefined;
    return this.#changed.get(key) ?? this.#base.get(key);
  }

  set(key: K, value: V): void {
    this.#gone.delete(key);
    this.#changed.set(key, value);
  }

  delete(key: K): void {
    this.#changed.delete(key);
    if (this.#base.has(key)) this.#gone.add(key);
  }

  /** Every value once: those of the base in its order, then those that are new. */
  *values(): IterableIterator<V> {
    for (const [key, value] of this.#base) {
      if (!this.#gone.has(key)) yield this.#changed.get(key) ?? value;
    }
    for (const [key, value] of this.#changed) {
      if (!this.#base.has(key)) yield value;
    }
  }

  /** Writes everything through; the overlay is empty afterwards. */
  apply(): void {
    for (const key of this.#gone) this.#base.delete(key);
    for (const [key, value] of this.#changed) this.#base.set(key, value);
    this.#gone.clear();
    this.#changed.clear();
  }
}
