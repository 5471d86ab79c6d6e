/** Why nothing can be published at the moment, so that people hear of it once when it begins and once when it is over. */
import { dirname } from 'node:path';
import { messageOf, Problem } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { RefusedPublication } from './publication-batch.ts';
import { isSystemError } from './system-error.ts';

/** It is tried again by itself. */
export interface PublisherTrouble {
  /** Of the system (`ENOSPC`, …) or of core/errors.ts. */
  readonly code: string;
  readonly message: string;
  /** Unix ms. */
  readonly since: number;
}

/** Of all files, of single ones in whose place something else stands, of the scheduler that is told. */
export type TroublePart = 'writing' | 'refused' | 'telling';
const PARTS: readonly TroublePart[] = ['writing', 'refused', 'telling'];

export class PublisherTroubles {
  readonly #clock: Clock;
  readonly #onChange: (trouble: PublisherTrouble | null) => void;
  readonly #troubles = new Map<TroublePart, PublisherTrouble>();

  constructor(clock: Clock, onChange: (trouble: PublisherTrouble | null) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** That of writing first, since it concerns all files; that of telling last, since no person can end it. */
  get current(): PublisherTrouble | null {
    for (const part of PARTS) {
      const trouble = this.#troubles.get(part);
      if (trouble !== undefined) return trouble;
    }
    return null;
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

  /** All files that cannot be written where something else stands; none: what stood in the way is gone. */
  refused(all: readonly RefusedPublication[]): void {
    const [first] = all;
    if (first === undefined) return this.end('refused');
    const more = all.length === 1 ? '' : ` ${all.length - 1} more wait in the same way.`;
    this.begin('refused', new Problem('FolderRefused', `${first.message}${more}`));
  }

  #report(before: PublisherTrouble | null): void {
    const after = this.current;
    if (before?.code !== after?.code || before?.message !== after?.message) this.#onChange(after);
  }
}

function troubleOf(error: unknown, since: number): PublisherTrouble {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return { code, message: sentenceOf(error), since };
}

/** The folder, since the file in it has another name at each try, and the same trouble is told once. */
function sentenceOf(error: unknown): string {
  const path = isSystemError(error) ? (error.dest ?? error.path) : undefined;
  if (path === undefined) return messageOf(error);
  const what = /^\w+: (.+?), \w+ /.exec(messageOf(error))?.[1];
  return what === undefined ? messageOf(error) : `${dirname(path)}: ${what}`;
}
