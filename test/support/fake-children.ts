/**
 * Children that a test plays by hand: what was to be spawned, what came on stdin, what the child says, how it ends. As with
 * the guard, a child that is killed ends by it, and nothing is heard of one that has ended.
 */
import type { Child, ChildEnd, ChildEvents, Children, ChildSpec } from '../../src/core/ports/children.ts';

export class FakeChild implements Child {
  readonly spec: ChildSpec;
  readonly ended: Promise<ChildEnd>;
  /** The graces of its kills, in order. */
  readonly kills: number[] = [];
  /** Whether a kill ends it; false: the test does that. */
  dies = true;
  stdin_closed = false;
  #stdin = Buffer.alloc(0);
  #printed = 0;
  #is_over = false;
  readonly #events: ChildEvents;
  readonly #end: (end: ChildEnd) => void;

  constructor(spec: ChildSpec, events: ChildEvents) {
    this.spec = spec;
    this.#events = events;
    const { promise, resolve } = Promise.withResolvers<ChildEnd>();
    this.ended = promise;
    this.#end = resolve;
  }

  /** What was written to it so far, as text. */
  get stdin(): string {
    return this.#stdin.toString('utf8');
  }

  get stdin_bytes(): Uint8Array {
    return this.#stdin;
  }

  get is_over(): boolean {
    return this.#is_over;
  }

  write(bytes: Uint8Array): void {
    if (this.stdin_closed) throw new Error('write after closeStdin');
    this.#stdin = Buffer.concat([this.#stdin, bytes]);
  }

  closeStdin(): void {
    this.stdin_closed = true;
  }

  kill(grace_ms: number): void {
    if (this.#is_over) return;
    this.kills.push(grace_ms);
    if (this.dies) this.end({ kind: 'killed', signal: grace_ms === 0 ? 'SIGKILL' : 'SIGTERM' });
  }

  /** It runs. */
  start(pid = 4_711): void {
    if (!this.#is_over) this.#events.started?.(pid);
  }

  prints(text: string | Uint8Array): void {
    if (this.#is_over) return;
    const bytes = Buffer.from(text);
    this.#printed += bytes.length;
    if (this.#printed > this.spec.output_bytes_max) this.end({ kind: 'output_too_large' });
    else this.#events.stdout(bytes);
  }

  says(text: string | Uint8Array): void {
    if (!this.#is_over) this.#events.stderr(Buffer.from(text));
  }

  end(end: ChildEnd): void {
    this.#is_over = true;
    this.#end(end);
  }

  exit(code = 0): void {
    this.end({ kind: 'exited', code });
  }
}

export class FakeChildren implements Children {
  /** In the order of their spawning, those that have ended too. */
  readonly spawned: FakeChild[] = [];
  /** Plays a child as soon as it is spawned, for tests where its conversation is not the point. */
  readonly #play: (child: FakeChild) => void;
  #closed = false;

  constructor(play: (child: FakeChild) => void = () => undefined) {
    this.#play = play;
  }

  /** The one that was spawned last. */
  get last(): FakeChild {
    const child = this.spawned.at(-1);
    if (child === undefined) throw new Error('nothing was spawned');
    return child;
  }

  spawn(spec: ChildSpec, events: ChildEvents): Child {
    const child = new FakeChild(spec, events);
    this.spawned.push(child);
    if (this.#closed)
      child.end({ kind: 'not_started', code: 'ECANCELED', message: 'this instance is ending' });
    // What a child says comes after whoever spawned it has it.
    else queueMicrotask(() => this.#play(child));
    return child;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const child of this.spawned) child.kill(0);
    await Promise.all(this.spawned.map(({ ended }) => ended));
  }
}
