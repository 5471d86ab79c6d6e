import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { jobOf } from './prepared-job.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

/** How many events each turn took since this was called. */
function turnsFromNow(): () => number[] {
  const before = stage.events.length;
  return () => stage.events.slice(before).flatMap((event) => (event.type === 'turn' ? [event.events] : []));
}

describe('a turn', () => {
  it('R21: takes at most turn_events_max of what gathered; the rest is the next turn’s, in order', async () => {
    stage = await Stage.open();
    stage.store.hold();
    const first = stage.submit('first');
    await stage.settle();
    const lengths = turnsFromNow();
    const count = LIMITS.turn_events_max + 7;
    // All of the same job, so that only the first is written.
    const asked = Array.from({ length: count }, () => stage.service.submit([jobOf('a')], 'refuse_all'));
    stage.store.letGo();
    await stage.settle();
    const verdicts = (await Promise.all(asked)).map(({ jobs }) => jobs[0]!.verdict);
    await first;
    expect(lengths()).toEqual([1, LIMITS.turn_events_max, 7]);
    expect([verdicts[0], verdicts.at(-1)]).toEqual(['created', 'known']);
  });

  it('takes few outcomes, so that instances get work while the others are committed', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1_000 });
    await stage.now(stage.service.putEndpoint({ name: 'e', max_concurrent: 1_000, paused: false }));
    const names = Array.from({ length: LIMITS.turn_outcomes_max * 2 + 3 }, (_, i) => `n-${i}`);
    await stage.submit(...names);
    const lengths = turnsFromNow();
    for (const name of names) peer.answer(name);
    await stage.settle();
    expect(lengths().filter((length) => length > 1)).toEqual([
      LIMITS.turn_outcomes_max,
      LIMITS.turn_outcomes_max,
      3,
    ]);
    expect(peer.acknowledged).toHaveLength(names.length);
  });
});
