/** The text of an answer as it grows: tells the observer, and refuses what is longer than a result may be. */
import type { AttemptObserver } from '../core/attempt.ts';
import { ProviderError } from '../core/ports/provider.ts';
import { answerTooLarge, type Upstream } from './failures.ts';

export class AnswerText {
  readonly #upstream: Upstream;
  readonly #observer: AttemptObserver;
  readonly #bytesMax: number;
  readonly #text: string[] = [];
  readonly #reasoning: string[] = [];
  #bytes = 0;

  constructor(upstream: Upstream, observer: AttemptObserver, bytesMax: number) {
    this.#upstream = upstream;
    this.#observer = observer;
    this.#bytesMax = bytesMax;
  }

  addText(piece: string): void {
    if (piece === '') return;
    this.#grow(piece);
    this.#text.push(piece);
    this.#observer.text(piece);
  }

  /** Reasoning is no text of the answer, but a sign of life: it is told as the phase `streaming`. */
  addReasoning(piece: string): void {
    if (piece === '') return;
    this.#grow(piece);
    this.#reasoning.push(piece);
    this.#observer.phase('streaming');
  }

  get text(): string {
    return this.#text.join('');
  }

  get reasoning(): string | null {
    return this.#reasoning.length === 0 ? null : this.#reasoning.join('');
  }

  #grow(piece: string): void {
    this.#bytes += Buffer.byteLength(piece);
    if (this.#bytes > this.#bytesMax) throw new ProviderError(answerTooLarge(this.#upstream, this.#bytesMax));
  }
}
