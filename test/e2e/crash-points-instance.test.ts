/**
 * An instance kills itself at each named place, the child of `serve` as well as one that was started by itself, and is started
 * again: nothing is lost, and only what was in flight on it is asked again.
 */
import { describe, expect, it, vi } from 'vitest';
import { casesOf, hitsTested, INSTANCE_POINTS } from './crash-cases.ts';
import { checkEnd } from './crash-checks.ts';
import { play, SETUP } from './crash-scenario.ts';
import { setup } from './machine.ts';

const ENDS = { local: [['exit 0']], remote: [['exit 0'], ['SIGKILL', 'exit 0']] } as const;

// Mostly they wait: for a due time, for a process to start.
vi.setConfig({ maxConcurrency: 3, testTimeout: 180_000 });

describe.concurrent.for(['local', 'remote'] as const)(
  'R8 R26: the scenario with a %s instance',
  (setting) => {
    it('comes by every point of an instance as often as it is tested', async ({ onTestFinished }) => {
      const machine = await setup({ ...SETUP, onFinished: onTestFinished });
      const played = await play(machine, setting, null);
      const missed = INSTANCE_POINTS.filter((point) => (played.hits.get(point) ?? 0) < hitsTested(point));
      expect(missed).toEqual([]);
      await checkEnd(machine, played, { setting, asked_again: false });
    });

    it.for(casesOf(INSTANCE_POINTS))('ends as it should where that is killed at %s', async (at, context) => {
      const machine = await setup({ ...SETUP, onFinished: context.onTestFinished });
      const played = await play(machine, setting, at);
      expect(played.killed).toEqual([`killed at ${at}`]);
      expect(played.ends).toEqual(ENDS[setting]);
      await checkEnd(machine, played, { setting, asked_again: true });
    });
  },
);
