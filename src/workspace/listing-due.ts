/**
 * When the folder is to be listed: when its time differs from the one read before the last listing began, or when that was
 * so fresh that a later change may have the same time; and never so often that listing takes more than a tenth of the time.
 * Ages are those seen by a monotonic clock, so that a wall clock that is set back changes nothing.
 */

/** Coarser than the times of any file system that people use. */
const FRESH_MS = 2_000;
/** Of the time that a listing took. */
const REST = 9;

/** A listing that was made, all of it. */
export interface Listing {
  /** Read before it began. */
  readonly changed_at: string;
  /** That was so young then that it proves nothing later. */
  readonly fresh: boolean;
  readonly began_m: number;
}

export class ListingDue {
  #seen: { readonly changed_at: string; readonly first_m: number } | null = null;
  #listed: Listing | null = null;
  #not_before_m = 0;

  /** The folder's time was read just now; says whether to list. */
  isDue(changed_at: string, now_m: number): boolean {
    if (this.#seen?.changed_at !== changed_at) this.#seen = { changed_at, first_m: now_m };
    if (now_m < this.#not_before_m) return false;
    return this.#listed === null || this.#listed.fresh || this.#listed.changed_at !== changed_at;
  }

  /** A listing was made, all of it; `changed_at` was read before it began. */
  listed(changed_at: string, began_m: number, ended_m: number): Listing {
    const first_m = this.#seen?.changed_at === changed_at ? this.#seen.first_m : began_m;
    this.#listed = { changed_at, fresh: began_m - first_m < FRESH_MS, began_m };
    this.#not_before_m = ended_m + REST * (ended_m - began_m);
    return this.#listed;
  }

  /** Monotonic. */
  get not_before_m(): number {
    return this.#not_before_m;
  }
}
