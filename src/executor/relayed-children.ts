/** The programs of an attempt that runs in a process of its own: asked of the instance, whose guard has them as it has all others. */
import type { Child, ChildEnd, ChildEvents, Children, ChildSpec } from '../core/ports/children.ts';
import type { ProgramNews, ProgramWish } from './isolated-messages.ts';

interface Running {
  readonly events: ChildEvents;
  readonly end: (end: ChildEnd) => void;
  readonly ended: Promise<ChildEnd>;
}

export class RelayedChildren implements Children {
  readonly #say: (wish: ProgramWish) => void;
  readonly #running = new Map<number, Running>();
  #last_id = 0;

  constructor(say: (wish: ProgramWish) => void) {
    this.#say = say;
  }

  spawn(spec: ChildSpec, events: ChildEvents): Child {
    const id = ++this.#last_id;
    const { promise: ended, resolve } = Promise.withResolvers<ChildEnd>();
    this.#running.set(id, { events, end: resolve, ended });
    const { env, cwd, output_bytes_max } = spec;
    this.#say({ t: 'spawn', id, spec: { argv: [...spec.argv], env: { ...env }, cwd, output_bytes_max } });
    return {
      ended,
      write: (bytes) => this.#wish({ t: 'write', id, bytes }),
      closeStdin: () => this.#wish({ t: 'close_stdin', id }),
      kill: (grace_ms) => this.#wish({ t: 'kill', id, grace_ms }),
    };
  }

  hear(news: ProgramNews): void {
    const child = this.#running.get(news.id);
    if (child === undefined) return;
    if (news.t === 'started') child.events.started?.(news.pid);
    else if (news.t === 'ended') {
      this.#running.delete(news.id);
      child.end(news.end);
    } else child.events[news.t](news.bytes);
  }

  async close(): Promise<void> {
    for (const id of this.#running.keys()) this.#wish({ t: 'kill', id, grace_ms: 0 });
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #wish(wish: ProgramWish): void {
    if (this.#running.has(wish.id)) this.#say(wish);
  }
}
