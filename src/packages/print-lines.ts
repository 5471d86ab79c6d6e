/** What a package prints while an attempt has its id, line by line for that attempt's log. */
import type { AttemptObserver } from '../core/attempt.ts';

/** A line without an end takes no memory: what is behind this many characters begins another one. */
const LINE_LENGTH_MAX = 8_000;

export class PrintLines {
  readonly #observer: AttemptObserver;
  readonly #open: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };

  constructor(observer: AttemptObserver) {
    this.#observer = observer;
  }

  add(stream: 'stdout' | 'stderr', text: string): void {
    const lines = (this.#open[stream] + text).split('\n');
    this.#open[stream] = lines.pop() ?? '';
    for (const line of lines) this.#observer.log(stream, line);
    if (this.#open[stream].length > LINE_LENGTH_MAX) this.#flush(stream);
  }

  /** The last lines may lack their ends. */
  close(): void {
    this.#flush('stdout');
    this.#flush('stderr');
  }

  #flush(stream: 'stdout' | 'stderr'): void {
    if (this.#open[stream] !== '') this.#observer.log(stream, this.#open[stream]);
    this.#open[stream] = '';
  }
}
