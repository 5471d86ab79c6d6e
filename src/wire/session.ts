/**
 * One conversation over a connection: messages in, messages out, and an end that comes exactly once.
 *
 * ```
 *            end(last)                   everything sent, or the peer closed
 *   open ───────────────────▶ ending ─────────────────────────────────────▶ ended
 *    └── fault · destroy() · the peer closed ──────────────────────────────▶ ended
 * ```
 * `open` hears and speaks. `ending` has said its last word and hears nothing more. `ended` is told once to `onEnd`.
 * No sockets inside: the connection may be TCP, TLS or a pair in memory.
 */
import type { ZodType } from 'zod';
import type { JsonObject } from '../core/json.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import type { Connection } from '../core/ports/transport.ts';
import { encodeFrame, FrameDecoder, FrameError } from './frame.ts';
import { FROM_INSTANCE, type FromScheduler } from './messages.ts';

/** More than this leaves at once, without waiting for the end of the tick. */
const BATCH_BYTES_MAX = 256 * 1024;

/**
 * `closed`: the peer closed, or our own `end` is done. `destroyed`: our own `destroy`. `connection_error`: the system said so.
 * `bad_message`: garbage, an oversize or empty frame, an unknown message or a wrong shape. `frame_timeout`: half a frame
 * stood too long.
 */
export type SessionEndCode = 'closed' | 'destroyed' | 'connection_error' | 'bad_message' | 'frame_timeout';

export interface SessionEnd {
  readonly code: SessionEndCode;
  readonly message: string;
  /** True only where the connection was closed properly, by either side, between two frames. */
  readonly orderly: boolean;
}

export interface SessionLimits {
  /** Largest frame taken before and after {@link WireSession.raiseLimit}, in bytes. */
  readonly frame_bytes_before_max: number;
  readonly frame_bytes_max: number;
  readonly frame_timeout_ms: number;
}

export interface SessionOptions<In> {
  readonly connection: Connection;
  /** FROM_INSTANCE on the scheduler's side, FROM_SCHEDULER on the instance's. Zod checks an outcome in about 3 µs. */
  readonly incoming: ZodType<In>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: SessionLimits;
}

/** Records of core are readonly; what is sent is only read. */
export type ReadonlyDeep<T> = T extends readonly (infer E)[]
  ? readonly ReadonlyDeep<E>[]
  : T extends object
    ? // JSON is readonly already, and endless to a type.
      JsonObject extends T
      ? T
      : { readonly [K in keyof T]: ReadonlyDeep<T[K]> }
    : T;

export class WireSession<In, Out> {
  readonly #connection: Connection;
  readonly #incoming: ZodType<In>;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #limits: SessionLimits;
  readonly #decoder: FrameDecoder;
  #state: 'open' | 'ending' | 'ended' = 'open';
  #onMessage: ((message: In) => void) | null = null;
  #onEnd: ((end: SessionEnd) => void) | null = null;
  #end: SessionEnd | null = null;
  /** What `onMessage` is given once it is there. */
  #early: In[] = [];
  #outbox: Uint8Array[] = [];
  #outbox_bytes = 0;
  #flush_due = false;
  #heard_at: number;
  /** Since when the frame that is not whole has stood there. */
  #partial_since = 0;
  #watch: Timer | null = null;

  constructor(options: SessionOptions<In>) {
    this.#connection = options.connection;
    this.#incoming = options.incoming;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#limits = options.limits;
    this.#decoder = new FrameDecoder(options.limits.frame_bytes_before_max);
    this.#heard_at = options.clock.monotonic();
    this.#connection.onClose((error) => this.#closed(error));
    this.#connection.onData((bytes) => this.#hear(bytes));
  }

  get peer(): string {
    return this.#connection.peer;
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  /** Bytes of messages that were sent and have not left this process. */
  get backlog_bytes(): number {
    return this.#outbox_bytes + this.#connection.backlog_bytes;
  }

  /** Monotonic time at which the last bytes came, of whole messages or not. */
  get heard_at(): number {
    return this.#heard_at;
  }

  /** Messages that came before this is called are kept for it. */
  onMessage(fn: (message: In) => void): void {
    this.#onMessage = fn;
    const early = this.#early;
    this.#early = [];
    for (const message of early) {
      if (this.#state === 'open') fn(message);
    }
  }

  /** Called once; at once where the session has ended already. A new listener replaces the one before. */
  onEnd(fn: (end: SessionEnd) => void): void {
    this.#onEnd = fn;
    if (this.#end !== null) this.#tellEnd(this.#end);
  }

  /** Lets large frames in: the peer has said who it is. */
  raiseLimit(): void {
    this.#decoder.limit = this.#limits.frame_bytes_max;
  }

  /** Encodes now, leaves with everything else of this tick. After the end it does nothing. */
  send(message: ReadonlyDeep<Out>): void {
    if (this.#state === 'open') this.#queue(encodeFrame(message));
  }

  /** As {@link send}, for a frame that {@link encodeFrame} made. Its bytes must not change any more. */
  sendFrame(frame: Uint8Array): void {
    if (this.#state === 'open') this.#queue(frame);
  }

  /** Says a last word, hears nothing more, and closes when all is sent. */
  end(last?: ReadonlyDeep<Out>): void {
    if (this.#state !== 'open') return;
    if (last !== undefined) this.#queue(encodeFrame(last));
    this.#finish({ code: 'closed', message: 'closed by this side', orderly: true });
  }

  /** Ends now; what has not left is thrown away. */
  destroy(): void {
    if (this.#state === 'ended') return;
    this.#ended({ code: 'destroyed', message: 'destroyed by this side', orderly: false });
    this.#connection.destroy();
  }

  #hear(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.#heard_at = this.#clock.monotonic();
    const frames = this.#decoder.frames;
    const had_begun = this.#decoder.partial;
    try {
      this.#decoder.push(bytes, (value) => this.#take(value));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#refuse('bad_message', error.message);
      return;
    }
    if (this.#decoder.partial && this.#state === 'open') {
      if (!had_begun || this.#decoder.frames > frames) this.#partial_since = this.#heard_at;
      this.#watchPartial(this.#limits.frame_timeout_ms);
    }
  }

  #take(value: unknown): boolean {
    const parsed = this.#incoming.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const where = issue === undefined || issue.path.length === 0 ? 'message' : issue.path.join('.');
      this.#refuse('bad_message', `${nameOf(value)}: ${where}: ${issue?.message ?? 'wrong shape'}`);
      return false;
    }
    if (this.#onMessage === null) this.#early.push(parsed.data);
    else this.#onMessage(parsed.data);
    return this.#state === 'open';
  }

  /** One timer looks whether the half frame of now is too old; frames that come and go do not touch it. */
  #watchPartial(ms: number): void {
    this.#watch ??= this.#timers.after(
      ms,
      () => {
        this.#watch = null;
        if (this.#state !== 'open' || !this.#decoder.partial) return;
        const left = this.#partial_since + this.#limits.frame_timeout_ms - this.#clock.monotonic();
        if (left > 0) this.#watchPartial(Math.ceil(left));
        else
          this.#refuse(
            'frame_timeout',
            `a frame had begun and was not whole after ${this.#limits.frame_timeout_ms} ms`,
          );
      },
      false,
    );
  }

  #queue(frame: Uint8Array): void {
    this.#outbox.push(frame);
    this.#outbox_bytes += frame.length;
    if (this.#outbox_bytes >= BATCH_BYTES_MAX) {
      this.#flush();
    } else if (!this.#flush_due) {
      this.#flush_due = true;
      this.#timers.soon(() => {
        this.#flush_due = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    const frames = this.#outbox;
    if (frames.length === 0) return;
    const bytes = this.#outbox_bytes;
    this.#outbox = [];
    this.#outbox_bytes = 0;
    const [only] = frames;
    this.#connection.send(frames.length === 1 && only !== undefined ? only : Buffer.concat(frames, bytes));
  }

  /** A fault of the peer. An instance is told why, so that its log says it too. */
  #refuse(code: 'bad_message' | 'frame_timeout', message: string): void {
    if (this.#state !== 'open') return;
    if (this.#incoming === (FROM_INSTANCE as unknown)) {
      const refusal: FromScheduler = { t: 'refuse', code: 'BadMessage', message };
      this.#queue(encodeFrame(refusal));
      this.#finish({ code, message, orderly: false });
      return;
    }
    this.#ended({ code, message, orderly: false });
    this.#connection.destroy();
  }

  /** What was said leaves, then the connection closes; `end` is what `onEnd` will hear then. */
  #finish(end: SessionEnd): void {
    this.#state = 'ending';
    this.#end = end;
    this.#flush();
    this.#connection.close();
  }

  #closed(error: Error | null): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'ending' && this.#end !== null) {
      this.#ended(this.#end);
    } else if (error !== null) {
      this.#ended({ code: 'connection_error', message: error.message, orderly: false });
    } else {
      const message = this.#decoder.partial
        ? 'closed by the peer in the middle of a frame'
        : 'closed by the peer';
      this.#ended({ code: 'closed', message, orderly: !this.#decoder.partial });
    }
  }

  #ended(end: SessionEnd): void {
    this.#state = 'ended';
    this.#end = end;
    this.#early = [];
    this.#outbox = [];
    this.#outbox_bytes = 0;
    this.#watch?.cancel();
    if (this.#onEnd !== null) this.#tellEnd(end);
  }

  #tellEnd(end: SessionEnd): void {
    const tell = this.#onEnd;
    if (tell === null || this.#state !== 'ended') return;
    this.#onEnd = null;
    tell(end);
  }
}

function nameOf(value: unknown): string {
  const t = typeof value === 'object' && value !== null && 't' in value ? value.t : undefined;
  return typeof t === 'string' ? JSON.stringify(t.slice(0, 32)) : 'a message without "t"';
}
