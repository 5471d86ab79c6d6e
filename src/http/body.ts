/** Reads the bodies of requests, by bytes: each within its own limit, and all together within the memory that they are given. */
import type { IncomingMessage } from 'node:http';
import { Problem } from '../core/errors.ts';

export class Bodies {
  readonly #bytes_max: number;
  #held_bytes = 0;

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /**
   * The whole body. What it holds is given back when `until` closes. Throws TooLarge (before reading, where the length is
   * declared) and Overloaded. The rest of a refused body is thrown away, so that the client gets its answer.
   */
  async read(
    request: IncomingMessage,
    until: { once(event: 'close', fn: () => void): unknown },
    bytes_max: number,
  ): Promise<Buffer> {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > bytes_max) throw tooLarge(declared, bytes_max);
    let held = 0;
    until.once('close', () => {
      this.#held_bytes -= held;
    });
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const onData = (chunk: Buffer): void => {
        held += chunk.length;
        this.#held_bytes += chunk.length;
        chunks.push(chunk);
        if (held > bytes_max) stop(tooLarge(held, bytes_max));
        else if (this.#held_bytes > this.#bytes_max) stop(overloaded());
      };
      const stop = (problem: Problem): void => {
        request.off('data', onData);
        request.resume();
        chunks.length = 0;
        reject(problem);
      };
      request.on('data', onData);
      request.once('end', resolve);
      const onCut = (): void => reject(new Problem('InvalidRequest', 'The request was cut in its body'));
      request.once('error', onCut);
      request.once('close', onCut);
    });
    return Buffer.concat(chunks);
  }
}

function tooLarge(got: number, bytes_max: number): Problem {
  return new Problem('TooLarge', `The body has ${got} bytes or more; ${bytes_max} are allowed`, {
    hint: 'Split the submission.',
  });
}

function overloaded(): Problem {
  return new Problem('Overloaded', 'Too many submissions arrive at once', {
    hint: 'Send this one again in a moment.',
  });
}

/** The text of a body; throws InvalidRequest where it is no UTF-8. */
export function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Problem('InvalidRequest', 'The body: expected UTF-8, got bytes that are none', { cause });
  }
}
