/** What `GET /events` told of each run, from the first word on, held to the published graph of states (G10). */
import type { IncomingMessage } from 'node:http';
import { expect } from 'vitest';
import { hasEnded, type RunState, transitions } from '../../src/core/states.ts';
import type { RunEventView } from '../../src/core/views.ts';
import type { HttpCaller } from './http-caller.ts';

const EDGES = new Set(transitions().map(({ from, to }) => `${from} → ${to}`));
/** Ways out of an end that a person's word alone opens. */
const BEGINNINGS: readonly RunState[] = ['scheduled', 'queued', 'blocked', 'completed'];

export class ChangeLog {
  readonly #answer: IncomingMessage;
  readonly #states = new Map<string, RunState[]>();
  #held = '';
  closed = false;

  private constructor(answer: IncomingMessage) {
    this.#answer = answer;
    answer.on('data', (chunk: Buffer) => this.#take(chunk.toString('utf8')));
    answer.on('error', () => undefined);
    answer.on('close', () => {
      this.closed = true;
    });
  }

  /** Resolves when the server has said hello: from then on it tells everything. */
  static async open(http: HttpCaller): Promise<ChangeLog> {
    const answer = await http.open('/events');
    const { promise, resolve } = Promise.withResolvers<void>();
    answer.once('data', (chunk: Buffer) => {
      expect(chunk.toString('utf8')).toMatch(/^event: hello\n/);
      resolve();
    });
    const log = new ChangeLog(answer);
    await promise;
    return log;
  }

  end(): void {
    this.#answer.destroy();
  }

  /** The states that a run went through, in order. */
  of(ref: string): readonly RunState[] {
    return this.#states.get(ref) ?? [];
  }

  get refs(): readonly string[] {
    return [...this.#states.keys()];
  }

  /** Every step of every run is one of the table; an end is left only as often as a person asked for that. */
  check(retried: (ref: string) => number): void {
    for (const [ref, states] of this.#states) {
      expect(BEGINNINGS, `${ref} begins`).toContain(states[0]);
      const steps = states.slice(1).map((to, at) => `${states[at] ?? ''} → ${to}`);
      for (const step of steps) expect([...EDGES], `${ref}: ${states.join(', ')}`).toContain(step);
      const left = states.slice(0, -1).filter((state) => hasEnded(state)).length;
      expect(left, `${ref} leaves an end no more often than somebody retried it`).toBeLessThanOrEqual(
        retried(ref),
      );
    }
  }

  #take(text: string): void {
    this.#held += text;
    const blocks = this.#held.split('\n\n');
    this.#held = blocks.pop() ?? '';
    for (const block of blocks) {
      expect(block).not.toMatch(/^event: gap/);
      if (!block.startsWith('event: runs\n')) continue;
      const data = block.slice(block.indexOf('data: ') + 'data: '.length);
      for (const { name, run, state } of JSON.parse(data) as RunEventView[]) {
        const ref = `${name}@${run}`;
        this.#states.set(ref, [...(this.#states.get(ref) ?? []), state]);
      }
    }
  }
}
