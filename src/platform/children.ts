/** Children through a guard. It is started with the first child, and again where it went away. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../core/ports/clock.ts';
import type { Child, ChildEvents, Children, ChildSpec } from '../core/ports/children.ts';
import { Guard } from './guard.ts';

/** In the environment of every child, with a value of its own: what a lost child is found by. */
export const CHILD_MARK = 'PROMPTD_CHILD';

export interface GuardedChildrenOptions {
  /** The environment of the guard itself; children get what their spec says. */
  readonly env: Readonly<Record<string, string>>;
  readonly random: Random;
}

export class GuardedChildren implements Children {
  readonly #options: GuardedChildrenOptions;
  #guard: Guard | null = null;
  #closed = false;

  constructor(options: GuardedChildrenOptions) {
    this.#options = options;
  }

  spawn(spec: ChildSpec, events: ChildEvents): Child {
    if (this.#closed) return neverStarted('ECANCELED', 'this instance is ending');
    try {
      const env = { ...spec.env, [CHILD_MARK]: this.#options.random.id(16) };
      return this.#living().spawn({ ...spec, env }, events);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return neverStarted(code ?? 'UNKNOWN', `the guard could not be started: ${message}`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#guard?.close();
  }

  #living(): Guard {
    if (this.#guard === null || this.#guard.is_gone) {
      const folder = mkdtempSync(join(tmpdir(), 'promptd-children-'));
      this.#guard = new Guard(folder, this.#options.env);
    }
    return this.#guard;
  }
}

function neverStarted(code: string, message: string): Child {
  return {
    ended: Promise.resolve({ kind: 'not_started', code, message }),
    write: () => undefined,
    closeStdin: () => undefined,
    kill: () => undefined,
  };
}
