/** The other end of {@link RelayedChildren}: the programs that one isolated attempt has running, which do not outlive it. */
import type { Child, Children } from '../core/ports/children.ts';
import { LIMITS } from '../core/limits.ts';
import type { ProgramNews, ProgramWish } from './isolated-messages.ts';

export class IsolatedPrograms {
  readonly #children: Children;
  readonly #say: (news: ProgramNews) => void;
  readonly #running = new Map<number, Child>();
  #closed = false;

  constructor(children: Children, say: (news: ProgramNews) => void) {
    this.#children = children;
    this.#say = say;
  }

  hear(wish: ProgramWish): void {
    if (wish.t === 'spawn') this.#spawn(wish);
    else {
      const child = this.#running.get(wish.id);
      if (wish.t === 'write') child?.write(wish.bytes);
      else if (wish.t === 'close_stdin') child?.closeStdin();
      else child?.kill(wish.grace_ms);
    }
  }

  /** The attempt is over: whatever still runs is killed. Resolves when it is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const left = [...this.#running.values()];
    for (const child of left) child.kill(0);
    await Promise.all(left.map(({ ended }) => ended));
  }

  #spawn({ id, spec }: Extract<ProgramWish, { t: 'spawn' }>): void {
    if (this.#closed || this.#running.has(id)) return;
    // More of it no log holds; and an attempt that does not read what it is told must not fill anybody's memory.
    let stderr_left = LIMITS.log_bytes_max;
    const child = this.#children.spawn(spec, {
      started: (pid) => this.#say({ t: 'started', id, pid }),
      stdout: (bytes) => this.#say({ t: 'stdout', id, bytes }),
      stderr: (bytes) => {
        if (stderr_left <= 0) return;
        stderr_left -= bytes.length;
        this.#say({ t: 'stderr', id, bytes });
      },
    });
    this.#running.set(id, child);
    void child.ended.then((end) => {
      this.#running.delete(id);
      this.#say({ t: 'ended', id, end });
    });
  }
}
