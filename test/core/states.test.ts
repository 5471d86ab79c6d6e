import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasEnded, leadsIn, nextState, RUN_EVENTS, RUN_STATES, transitions } from '../../src/core/states.ts';

/** The whole table once more, by hand: what is not named here must not happen. */
const EXPECTED: readonly string[] = [
  'scheduled due queued',
  'scheduled share blocked',
  'scheduled answer completed',
  'scheduled cancel cancelled',
  'queued claim running',
  'queued answer completed',
  'queued cancel cancelled',
  'blocked lead queued',
  'blocked answer completed',
  'blocked fail failed',
  'blocked cancel cancelled',
  'running requeue queued',
  'running back_off retrying',
  'running answer completed',
  'running fail failed',
  'running cancel cancelled',
  'retrying due queued',
  'retrying answer completed',
  'retrying cancel cancelled',
  'failed retry queued',
  'failed retry_share blocked',
  'failed answer completed',
  'cancelled retry queued',
  'cancelled retry_share blocked',
  'cancelled answer completed',
];

/** Transitions of a diagram whose lines are `a, b ── event ─▶ c ── event ─▶ d`. */
function drawn(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const parts = line.split(/\s*──\s*|\s*─▶\s*/).map((part) => part.trim());
    const found: string[] = [];
    for (let at = 0; at + 2 < parts.length; at += 2) {
      for (const from of parts[at]!.split(', ')) found.push(`${from} ${parts[at + 1]} ${parts[at + 2]}`);
    }
    return found;
  });
}

describe('the transition table', () => {
  const cells = RUN_STATES.flatMap((from) => RUN_EVENTS.map((event) => [from, event] as const));

  it.each(cells)('R22: %s × %s', (from, event) => {
    const expected = EXPECTED.map((row) => row.split(' ')).find(
      ([state, by]) => state === from && by === event,
    );
    expect(nextState(from, event)).toBe(expected?.[2] ?? null);
  });

  it('lists what it knows', () => {
    expect(
      transitions()
        .map(({ from, event, to }) => `${from} ${event} ${to}`)
        .toSorted(),
    ).toEqual(EXPECTED.toSorted());
  });

  it('agrees with the diagram above it', () => {
    const file = readFileSync(path.join(import.meta.dirname, '../../src/core/states.ts'), 'utf8');
    const diagram = file.split(' * ```\n')[1]!.replaceAll(/^ \*/gm, '');
    expect(drawn(diagram).toSorted()).toEqual(EXPECTED.toSorted());
  });

  it('R8: leads nowhere from completed', () => {
    expect(RUN_EVENTS.filter((event) => nextState('completed', event) !== null)).toEqual([]);
  });

  it('lets only a person, or an answer that was paid for, out of failed and cancelled', () => {
    for (const state of ['failed', 'cancelled'] as const) {
      expect(RUN_EVENTS.filter((event) => nextState(state, event) !== null)).toEqual([
        'answer',
        'retry',
        'retry_share',
      ]);
    }
  });

  it('ends every run: from each state that has not ended some way leads to an end', () => {
    for (const start of RUN_STATES.filter((state) => !hasEnded(state))) {
      const reached = new Set([start]);
      for (const state of reached)
        for (const event of RUN_EVENTS) reached.add(nextState(state, event) ?? state);
      expect([...reached].some(hasEnded), start).toBe(true);
    }
  });

  it('lets a run lead exactly while it is asked for', () => {
    expect(RUN_STATES.filter(leadsIn)).toEqual(['queued', 'running', 'retrying']);
  });
});
