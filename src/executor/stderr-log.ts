/** What a program says on stderr: line by line to the attempt's log, and its last words for the error. */
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import type { AttemptObserver } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';

/** In UTF-16 code units; what is behind it in the same line is dropped, so that a line without an end takes no memory. */
const LINE_LENGTH_MAX = 8_000;
const TAIL_LENGTH_MAX = 500;

export class StderrLog {
  readonly #observer: AttemptObserver;
  readonly #decoder = new StringDecoder('utf8');
  #line = '';
  #dropped = false;
  #tail = '';
  /** Read so far: what is beyond the limit of a log is not even taken apart. */
  #bytes = 0;

  constructor(observer: AttemptObserver) {
    this.#observer = observer;
  }

  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#take(this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  }

  /** The last line may lack its end. */
  close(): void {
    this.#take(this.#decoder.end());
    if (this.#line !== '') this.#say();
  }

  /** The last lines, without control characters: they end up in a sentence for people. */
  get tail(): string {
    const text = stripVTControlCharacters(this.#tail);
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '').trim();
  }

  #take(text: string): void {
    this.#tail = `${this.#tail}${text}`.slice(-TAIL_LENGTH_MAX);
    if (this.#bytes > LIMITS.log_bytes_max) return;
    const [first = '', ...more] = text.split('\n');
    this.#append(first);
    for (const begun of more) {
      this.#say();
      this.#append(begun);
    }
  }

  #append(text: string): void {
    const room = LINE_LENGTH_MAX - this.#line.length;
    this.#dropped ||= text.length > room;
    this.#line += text.slice(0, room);
  }

  #say(): void {
    this.#observer.log('stderr', this.#dropped ? `${this.#line}…` : this.#line);
    this.#line = '';
    this.#dropped = false;
  }
}
