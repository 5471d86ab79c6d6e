/** What carries bytes between a scheduler and an instance: TCP, TLS, a Unix socket, or a pair in memory. */

export interface Connection {
  /** Who is there, for logs: `127.0.0.1:50512`. */
  readonly peer: string;
  /** Bytes handed to `send` that have not left this process. */
  readonly backlog_bytes: number;
  /** Queues bytes; after `close` it does nothing. */
  send(bytes: Uint8Array): void;
  onData(fn: (bytes: Uint8Array) => void): void;
  /** Called once, whichever side closed; `error` is null for an orderly end. */
  onClose(fn: (error: Error | null) => void): void;
  /** Sends what is queued, then ends. `destroy` throws the queue away. Idempotent. */
  close(): void;
  destroy(): void;
}

export interface Listener {
  /** Where it listens, with the port that was really taken. */
  readonly address: { readonly host: string; readonly port: number };
  /** Stops accepting; connections live on. */
  close(): Promise<void>;
}

export interface Transport {
  /** Rejects with the system's error where the address is taken or not allowed. */
  listen(
    at: { readonly host: string; readonly port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener>;
  /** Rejects where nobody answers within `timeout_ms`. */
  connect(to: {
    readonly host: string;
    readonly port: number;
    readonly timeout_ms: number;
  }): Promise<Connection>;
}
