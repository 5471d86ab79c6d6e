/**
 * How the models of a chaos run behave: a function of the seed, the question and how often it was asked, so that a question
 * has the same fate in each run of a seed. Healed, they answer everything that can be answered.
 */
import { createHash } from 'node:crypto';
import type { ModelRequest, ModelServer } from '../support/model-server.ts';
import type { ModelScript } from '../support/model-script.ts';
import { answerPieces } from './model-answers.ts';

/** A question of this kind is refused whenever it is asked: its job fails, by its own fault. */
export const IMPOSSIBLE = 'impossible';

export class Whims {
  readonly #seed: number;
  /** Everybody is told to come back later. */
  throttling = false;
  healed = false;

  constructor(seed: number, server: ModelServer) {
    this.#seed = seed;
    server.script(/./, (request) => this.#scriptFor(request));
  }

  #scriptFor({ prompt, nth }: ModelRequest): ModelScript {
    if (prompt.startsWith(IMPOSSIBLE)) return { status: 400, error: 'this cannot be asked' };
    const pieces = answerPieces(prompt, nth);
    const chance = chanceOf(this.#seed, prompt, nth);
    const good = { pieces, token_delay_ms: Math.floor(chance(1) * 40) };
    if (this.healed) return good;
    if (this.throttling) return { status: 429, retry_after: '1', error: 'too many requests' };
    return whim(chance(2), pieces, good);
  }
}

function whim(chance: number, pieces: readonly string[], good: ModelScript): ModelScript {
  const after = Math.min(1, pieces.length);
  // Shares in a hundred of the requests; the rest is answered.
  const whims: readonly (readonly [share: number, script: ModelScript])[] = [
    [0.5, { status: 429, retry_after: '1', error: 'too many requests' }],
    [3, { status: 500, error: 'the server fell over' }],
    [2, { close: true }],
    [2, { ...good, fault: { after, kind: 'reset' } }],
    [2, { ...good, fault: { after, kind: 'truncate' } }],
    [2, { ...good, fault: { after, kind: 'broken_line' } }],
    [1, { ...good, fault: { after, kind: 'end' } }],
    [1, { ...good, fault: { after, kind: 'error' } }],
    [1, { stall: 'headers' }],
    [1, { ...good, stall: after }],
    [8, { ...good, token_delay_ms: 300 }],
    [4, { ...good, headers_delay_ms: 1_200 }],
  ];
  let from = 0;
  for (const [share, script] of whims) {
    from += share / 100;
    if (chance < from) return script;
  }
  return good;
}

/** Numbers in [0, 1) that hang on the seed and the request alone. */
function chanceOf(seed: number, question: string, nth: number): (which: number) => number {
  const hash = createHash('sha256').update(`${seed}\n${question}\n${nth}`).digest();
  return (which) => hash.readUInt32BE(which * 4) / 2 ** 32;
}
