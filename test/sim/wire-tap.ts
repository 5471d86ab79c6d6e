/** Listens on a connection: which messages arrive, and lets some arrive twice. */
import type { Connection } from '../../src/core/ports/transport.ts';
import { encodeFrame, FrameDecoder } from '../../src/wire/frame.ts';
import { FRAME_LIMITS, type FromInstance, type FromScheduler } from '../../src/wire/messages.ts';

type Message = FromInstance | FromScheduler;

export interface Tap {
  /** Told of every message when it arrives, before the receiver is. */
  readonly heard?: (message: Message) => void;
  readonly twice?: (message: Message) => boolean;
  /** A receiver that understands something else than was said: a rule broken on purpose. */
  readonly bend?: ((message: Message) => Message) | undefined;
}

/**
 * TCP delivers nothing twice. What may come twice is a whole message: sent again after a reconnect, or because its answer
 * was late. These are the messages of which that holds.
 */
const REPEATABLE: ReadonlySet<Message['t']> = new Set([
  'outcome',
  'heartbeat',
  'accept',
  'dispatch',
  'abort',
  'acknowledge',
  'renewed',
]);

export function tapped(connection: Connection, tap: Tap): Connection {
  const decoder = new FrameDecoder(FRAME_LIMITS.after);
  return {
    peer: connection.peer,
    get backlog_bytes() {
      return connection.backlog_bytes;
    },
    send: (bytes) => connection.send(bytes),
    onClose: (fn) => connection.onClose(fn),
    close: () => connection.close(),
    destroy: () => connection.destroy(),
    onData: (fn) =>
      connection.onData((bytes) => {
        const messages: Message[] = [];
        decoder.push(bytes, (value) => messages.push(value as Message) > 0);
        for (const message of messages) tap.heard?.(message);
        const { bend } = tap;
        if (bend === undefined) fn(bytes);
        else for (const message of messages) fn(encodeFrame(bend(message)));
        if (decoder.partial) return;
        for (const message of messages)
          if (REPEATABLE.has(message.t) && tap.twice?.(message) === true) fn(encodeFrame(message));
      }),
  };
}
