/** `serve` kills itself at each named place, and is started again: nothing accepted is lost, nothing is asked or answered twice. */
import { describe, expect, it, vi } from 'vitest';
import { casesOf, hitsTested, SERVE_POINTS } from './crash-cases.ts';
import { checkEnd } from './crash-checks.ts';
import { play, SETUP } from './crash-scenario.ts';
import { setup } from './machine.ts';

const ALLOWED = { setting: 'local', asked_again: false } as const;

// Mostly they wait: for a due time, for a process to start.
vi.setConfig({ maxConcurrency: 3, testTimeout: 180_000 });

describe.concurrent('R8 R26: the scenario', () => {
  it('comes by every point of serve as often as it is tested', async ({ onTestFinished }) => {
    const machine = await setup({ ...SETUP, onFinished: onTestFinished });
    const played = await play(machine, 'local', null);
    const missed = SERVE_POINTS.filter((point) => (played.hits.get(point) ?? 0) < hitsTested(point));
    expect(missed).toEqual([]);
    expect(played.ends).toEqual([['exit 0']]);
    await checkEnd(machine, played, ALLOWED);
  });

  it.for(casesOf(SERVE_POINTS))('ends as it should where serve is killed at %s', async (at, context) => {
    const machine = await setup({ ...SETUP, onFinished: context.onTestFinished });
    const played = await play(machine, 'local', at);
    expect(played.killed).toEqual([`killed at ${at}`]);
    expect(played.ends).toEqual([['SIGKILL', 'exit 0']]);
    await checkEnd(machine, played, ALLOWED);
  });
});
