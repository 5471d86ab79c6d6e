/**
 * What keeps files of the workspace from being written, taken or looked at, while the queue goes on: for whoever asks how the
 * server stands (`promptd status`, `GET /stats`). New work is taken all the same, so it is ready meanwhile.
 */
import { reason, type Reason, type ReasonCode } from '../core/reasons.ts';

/** What the publisher writes comes first: answers wait in it. */
const PARTS = {
  published: 'Files wait to be written',
  jobs: 'Files of jobs/ wait',
  answers: 'Answers that stand in results/ and ended/ cannot be looked at',
} as const;

export type FolderPart = keyof typeof PARTS;

const CODES: Readonly<Partial<Record<string, ReasonCode>>> = {
  ENOSPC: 'DiskLow',
  EDQUOT: 'DiskLow',
  DiskLow: 'DiskLow',
  StoreBusy: 'StoreBusy',
};

export class FolderTroubles {
  readonly #troubles = new Map<FolderPart, Reason>();

  /** `code` is of the system or of core/errors.ts. */
  begin(part: FolderPart, code: string, message: string): Reason {
    const what = `${PARTS[part]}: ${message}`;
    const trouble = reason(CODES[code] ?? 'FolderRefused', what);
    this.#troubles.set(part, trouble);
    return trouble;
  }

  end(part: FolderPart): void {
    this.#troubles.delete(part);
  }

  /** A message of the watchers, which begins with the code where the system refused; null: it is over. */
  watched(part: FolderPart, message: string | null): void {
    if (message === null) this.end(part);
    else this.begin(part, /\b(ENOSPC|EDQUOT)\b/.exec(message)?.[0] ?? '', message);
  }

  get current(): Reason | null {
    for (const part of Object.keys(PARTS) as FolderPart[]) {
      const trouble = this.#troubles.get(part);
      if (trouble !== undefined) return trouble;
    }
    return null;
  }
}
