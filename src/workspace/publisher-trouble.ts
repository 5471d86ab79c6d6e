/** Why nothing can be published at the moment, so that people hear of it once when it begins and once when it is over. */
import { messageOf } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';

/** It is tried again by itself. */
export interface PublisherTrouble {
  /** Of the system (`ENOSPC`, …) or of core/errors.ts. */
  readonly code: string;
  readonly message: string;
  /** Unix ms. */
  readonly since: number;
}

export type TroublePart = 'writing' | 'telling';

export class PublisherTroubles {
  readonly #clock: Clock;
  readonly #onChange: (trouble: PublisherTrouble | null) => void;
  readonly #troubles = new Map<TroublePart, PublisherTrouble>();

  constructor(clock: Clock, onChange: (trouble: PublisherTrouble | null) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** That of writing first: it is the one that a person can end. */
  get current(): PublisherTrouble | null {
    return this.#troubles.get('writing') ?? this.#troubles.get('telling') ?? null;
  }

  begin(part: TroublePart, error: unknown): void {
    const before = this.current;
    const since = this.#troubles.get(part)?.since ?? this.#clock.now();
    this.#troubles.set(part, troubleOf(error, since));
    this.#report(before);
  }

  end(part: TroublePart): void {
    const before = this.current;
    this.#troubles.delete(part);
    this.#report(before);
  }

  #report(before: PublisherTrouble | null): void {
    const after = this.current;
    if (before?.code !== after?.code || before?.message !== after?.message) this.#onChange(after);
  }
}

function troubleOf(error: unknown, since: number): PublisherTrouble {
  const message = messageOf(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return { code, message, since };
}
