/**
 * Keeps the endpoint's key out of answers. A command chooses its path, and a server may have one that repeats the headers of
 * a request: such an answer is refused before a piece of the key is told to anybody.
 */
import { ProviderError } from '../core/ports/provider.ts';
import { refusedByLibrary, type Upstream } from './failures.ts';
import { secretsOf } from './mask.ts';

/** Shorter ones (`ollama`, `EMPTY`) are no secrets, but words that an answer may well have. */
const SECRET_CHARS_MIN = 16;

export class KeyWatch {
  readonly #upstream: Upstream;
  readonly #secrets: readonly string[];
  #held = '';

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
    this.#secrets = secretsOf(upstream.base_url, upstream.api_key).filter(
      ({ length }) => length >= SECRET_CHARS_MIN,
    );
  }

  /** What of the text so far may be told: an end that could be the beginning of a key is held back. */
  pass(piece: string): string {
    if (this.#secrets.length === 0 || piece === '') return piece;
    const text = this.#held + piece;
    if (this.#secrets.some((secret) => text.includes(secret))) {
      const why =
        'the answer repeats the key of the endpoint. It was thrown away. Mend the path of the command.';
      throw new ProviderError(refusedByLibrary(this.#upstream, why));
    }
    const held = Math.max(...this.#secrets.map((secret) => overlap(text, secret)));
    this.#held = text.slice(text.length - held);
    return text.slice(0, text.length - held);
  }

  /** The answer is over: what was held back was no key. */
  rest(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

/** Length of the longest end of `text` with which `secret` begins. */
function overlap(text: string, secret: string): number {
  for (let length = Math.min(text.length, secret.length - 1); length > 0; length -= 1)
    if (text.endsWith(secret.slice(0, length))) return length;
  return 0;
}
