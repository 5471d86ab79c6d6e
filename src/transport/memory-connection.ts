/** One end of a connection in memory. */
import type { Timer, Timers } from '../core/ports/clock.ts';
import type { Connection } from '../core/ports/transport.ts';

export type Direction = 'to_server' | 'to_client';

/** What both ends share. */
export interface LinkState {
  readonly timers: Timers;
  readonly delay_ms: (direction: Direction) => number;
  readonly slice_bytes: number;
  readonly delivered: Record<Direction, number>;
  /** Delivered bytes at which the link breaks. */
  readonly cut_at: Record<Direction, number>;
  black_hole: boolean;
}

/** From a close to the end of the other side, as over TCP. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Bytes under way, or the end of this direction. */
type Piece = Uint8Array | 'end';

export class MemoryConnection implements Connection {
  readonly peer: string;
  readonly #link: LinkState;
  readonly #direction: Direction;
  readonly #under_way: Piece[] = [];
  #other: MemoryConnection | null = null;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #backlog_bytes = 0;
  #moving = false;
  #said_end = false;
  #onData: ((bytes: Uint8Array) => void) | null = null;
  #early: Uint8Array[] = [];
  #onClose: ((error: Error | null) => void) | null = null;
  #close_error: Error | null = null;
  #close_timer: Timer | null = null;

  constructor(link: LinkState, direction: Direction, peer: string) {
    this.#link = link;
    this.#direction = direction;
    this.peer = peer;
  }

  join(other: MemoryConnection): void {
    this.#other = other;
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  get backlog_bytes(): number {
    return this.#backlog_bytes;
  }

  send(bytes: Uint8Array): void {
    if (this.#state !== 'open' || bytes.length === 0) return;
    this.#backlog_bytes += bytes.length;
    for (let from = 0; from < bytes.length; from += this.#link.slice_bytes) {
      this.#under_way.push(Uint8Array.from(bytes.subarray(from, from + this.#link.slice_bytes)));
    }
    this.#move();
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#onData = fn;
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) fn(bytes);
  }

  onClose(fn: (error: Error | null) => void): void {
    this.#onClose = fn;
    if (this.#state === 'closed') this.#link.timers.soon(() => this.#tellClose());
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#under_way.push('end');
    this.#move();
    this.#close_timer = this.#link.timers.after(CLOSE_TIMEOUT_MS, () => this.destroy(), false);
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#closeWith(null);
    if (!this.#link.black_hole) this.#other?.reset();
  }

  /** Both ends hear that the connection is broken. */
  reset(): void {
    const error = Object.assign(new Error('the connection was reset (ECONNRESET)'), { code: 'ECONNRESET' });
    if (this.#state !== 'closed') this.#closeWith(error);
    const other = this.#other;
    if (other !== null && other.#state !== 'closed') other.#closeWith(error);
  }

  /** One piece is under way at a time, so order holds whatever the delays are. */
  #move(): void {
    if (this.#moving || this.#under_way.length === 0) return;
    this.#moving = true;
    const arrive = (): void => {
      this.#moving = false;
      this.#arrive();
    };
    const delay_ms = this.#link.delay_ms(this.#direction);
    if (delay_ms === 0) this.#link.timers.soon(arrive);
    else this.#link.timers.after(delay_ms, arrive);
  }

  #arrive(): void {
    if (this.#state === 'closed' || this.#link.black_hole) return;
    const piece = this.#under_way.shift();
    if (piece === undefined) return;
    if (piece === 'end') {
      this.#endArrived();
      return;
    }
    this.#backlog_bytes -= piece.length;
    const room = this.#link.cut_at[this.#direction] - this.#link.delivered[this.#direction];
    const part = piece.subarray(0, Math.max(0, Math.min(piece.length, room)));
    this.#link.delivered[this.#direction] += part.length;
    const other = this.#other;
    if (part.length > 0 && other !== null) other.#receive(part);
    if (part.length < piece.length || room === piece.length) this.reset();
    this.#move();
  }

  /** The peer answers an end with its own, behind what it still has to say; then both are closed. */
  #endArrived(): void {
    this.#said_end = true;
    const other = this.#other;
    if (other === null || other.#state === 'closed') return;
    other.close();
    if (!other.#said_end) return;
    this.#closeWith(null);
    other.#closeWith(null);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    if (this.#onData === null) this.#early.push(bytes);
    else this.#onData(bytes);
  }

  #closeWith(error: Error | null): void {
    this.#state = 'closed';
    this.#close_timer?.cancel();
    this.#under_way.length = 0;
    this.#backlog_bytes = 0;
    this.#close_error = error;
    this.#link.timers.soon(() => this.#tellClose());
  }

  #tellClose(): void {
    const tell = this.#onClose;
    if (tell === null) return;
    this.#onClose = null;
    tell(this.#close_error);
  }
}
