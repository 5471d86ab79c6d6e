/**
 * A TCP proxy that does to its connections what networks do: latency, a narrow band, single bytes, a cut in the middle of a
 * frame, a reset, and bytes that are swallowed while both ends look open.
 *
 * What TCP swallows in the middle can never be followed by later bytes, so a direction that has lost anything stays silent
 * for as long as its connection lives, and does not pass on the end of it either: that is what half-open means.
 */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type Way = 'to_server' | 'to_client';

/** How the network is for every connection, those that come included. */
export interface Weather {
  /** Before each piece, each way. */
  readonly latency_ms?: number;
  /** Every byte travels alone. */
  readonly slice?: boolean;
  readonly bytes_per_s?: number;
  readonly swallow?: Way | 'both';
}

const PIECE_BYTES = 1_024;

export class FaultProxy {
  readonly #server: Server;
  readonly #target: () => Promise<Address>;
  readonly #links = new Set<Link>();
  weather: Weather = {};

  /** `target` is asked at each connection: who is behind it may have moved. A connection to nobody is closed. */
  constructor(target: () => Promise<Address>) {
    this.#target = target;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => void this.#accept(near));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  get address(): Address {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Every connection ends behind so many more bytes of either way, or one byte before the end of what comes, if that is less. */
  cut(after_bytes: number): void {
    for (const link of this.#links) link.cut_after = after_bytes;
  }

  /** Both ends of every connection get a reset. */
  reset(): void {
    for (const link of this.#links) link.destroy(true);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const link of this.#links) link.destroy(false);
    await closed;
  }

  async #accept(near: Socket): Promise<void> {
    near.on('error', () => undefined);
    const target = await this.#target().catch(() => null);
    if (target === null || near.destroyed) {
      near.destroy();
      return;
    }
    const far = connect({ ...target, noDelay: true, allowHalfOpen: true });
    const link = new Link(near, far, () => this.weather);
    this.#links.add(link);
    link.ended.finally(() => this.#links.delete(link)).catch(() => undefined);
  }
}

class Link {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #weather: () => Weather;
  readonly #stop = new AbortController();
  readonly ended: Promise<unknown>;
  cut_after: number | null = null;

  constructor(near: Socket, far: Socket, weather: () => Weather) {
    this.#near = near;
    this.#far = far;
    this.#weather = weather;
    far.on('error', () => undefined);
    this.ended = Promise.all([
      this.#carry(near, far, 'to_server'),
      this.#carry(far, near, 'to_client'),
    ]).finally(() => this.destroy(false));
  }

  destroy(reset: boolean): void {
    this.#stop.abort();
    for (const socket of [this.#near, this.#far]) {
      if (reset && !socket.connecting) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  async #carry(from: Socket, to: Socket, way: Way): Promise<void> {
    let silent = false;
    let broken = false;
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        silent ||= this.#swallows(way);
        if (!silent) silent = !(await this.#deliver(to, chunk, way));
      }
    } catch {
      broken = true;
    }
    if (silent || this.#swallows(way)) {
      // Nobody hears of this end: the other one stays open until it gives up by itself.
      await closed(to);
    } else if (broken) {
      to.destroy();
    } else {
      to.end();
    }
  }

  #swallows(way: Way): boolean {
    const { swallow } = this.#weather();
    return swallow === 'both' || swallow === way;
  }

  /** False where the rest of it was swallowed. */
  async #deliver(to: Socket, chunk: Buffer, way: Way): Promise<boolean> {
    const { signal } = this.#stop;
    const { latency_ms = 0 } = this.#weather();
    if (latency_ms > 0) await sleep(latency_ms, undefined, { signal });
    let at = 0;
    while (at < chunk.length) {
      if (this.#swallows(way)) return false;
      const { slice = false, bytes_per_s } = this.#weather();
      const piece = chunk.subarray(
        at,
        at + (slice ? 1 : bytes_per_s === undefined ? chunk.length : PIECE_BYTES),
      );
      if (this.#cutsIn(to, piece, chunk.length - at)) return false;
      await write(to, piece);
      at += piece.length;
      if (bytes_per_s !== undefined) await sleep((piece.length / bytes_per_s) * 1_000, undefined, { signal });
      else if (slice) await new Promise((resolve) => setImmediate(resolve));
    }
    return true;
  }

  /** Where the connection is to be cut within this piece: sends what comes before, and ends both sides. */
  #cutsIn(to: Socket, piece: Buffer, left: number): boolean {
    if (this.cut_after === null) return false;
    const cut = Math.min(this.cut_after, left - 1);
    if (cut >= piece.length) {
      this.cut_after -= piece.length;
      return false;
    }
    to.write(piece.subarray(0, cut), () => this.destroy(false));
    return true;
  }
}

async function write(to: Socket, bytes: Buffer): Promise<void> {
  if (to.destroyed) throw new Error('the other end is gone');
  if (to.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      to.off('drain', go).off('close', go);
      resolve();
    };
    to.on('drain', go).on('close', go);
  });
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
}
