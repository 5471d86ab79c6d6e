/** Children through a guard. It is started with the first child, and again where it went away. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../core/ports/clock.ts';
import type { Child, ChildEvents, Children, ChildSpec } from '../core/ports/children.ts';
import { Guard } from './guard.ts';
import { endAllMarked, ownMark } from './marked-processes.ts';

export interface GuardedChildrenOptions {
  /** The environment of the guard itself; children get what their spec says. */
  readonly env: Readonly<Record<string, string>>;
  readonly random: Random;
  /**
   * Stands in the marks of its children and the names of their folders. Nobody else on this machine has it at the time. Where
   * it is not given and this process is a child itself, its children are below it, and end with it.
   */
  readonly owner?: string;
}

const FOLDERS = 'promptd-children-';

/** Ends what this owner left when it was killed together with its guard, and nobody was there to do it. */
export async function endChildrenOf(owner: string): Promise<void> {
  await endAllMarked(owner);
  try {
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith(`${FOLDERS}${owner}-`));
    for (const name of left) rmSync(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 5 });
  } catch {
    // What cannot be removed is in nobody's way: a new guard has a new folder.
  }
}

export class GuardedChildren implements Children {
  readonly #options: GuardedChildrenOptions;
  #guard: Guard | null = null;
  /** The ends of the guards before it. */
  #past: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: GuardedChildrenOptions) {
    this.#options = options;
  }

  spawn(spec: ChildSpec, events: ChildEvents): Child {
    if (this.#closed) return neverStarted('ECANCELED', 'this instance is ending');
    try {
      return this.#living().spawn(spec, events);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return neverStarted(code ?? 'UNKNOWN', `the guard could not be started: ${message}`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#past, this.#guard?.close()]);
  }

  #living(): Guard {
    if (this.#guard === null || this.#guard.is_gone) {
      this.#past = Promise.all([this.#past, this.#guard?.close()]);
      const { owner = ownMark(), random, env } = this.#options;
      const mark = owner === undefined ? random.id(16) : `${owner}.${random.id(16)}`;
      const prefix = owner === undefined ? FOLDERS : `${FOLDERS}${owner.split('.')[0]}-`;
      this.#guard = new Guard(mkdtempSync(join(tmpdir(), prefix)), mark, env);
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
