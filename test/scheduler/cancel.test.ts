import { afterEach, describe, expect, it } from 'vitest';
import { Stage } from './stage.ts';
import { GRACE, TERM } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

async function running(...names: readonly string[]) {
  stage = await Stage.open();
  const peer = await stage.attach();
  await stage.submit(...names);
  return peer;
}

describe('a cancel', () => {
  it('R19: ends at once what does not run: queued, scheduled, blocked, retrying', async () => {
    const peer = await running('retrying');
    peer.fail('retrying');
    await stage.settle();
    peer.beat([], true);
    await stage.settle();
    const run_at = stage.clock.now() + 60_000;
    await stage.submit(
      ['queued', { text: 'same' }],
      ['blocked', { text: 'same' }],
      ['scheduled', { options: { run_at } }],
    );
    const names = ['blocked', 'queued', 'scheduled', 'retrying'];
    expect(stage.states(...names)).toEqual(names);
    expect(await stage.cancel(...names)).toEqual(['cancelled', 'cancelled', 'cancelled', 'cancelled']);
    expect(new Set(stage.states(...names))).toEqual(new Set(['cancelled']));
    for (const name of names)
      expect(stage.run(name)).toMatchObject({ reason_code: 'Cancelled', due_at: null });
    peer.beat([], false);
    await stage.clock.advance(120_000);
    expect(peer.dispatched).toEqual(['retrying#1']);
    expect(stage.reads.publications(20).filter(({ kind }) => kind === 'ended')).toHaveLength(4);
  });

  it('R19: of what has ended, or is not there, says so', async () => {
    const peer = await running('a');
    peer.answer('a');
    await stage.settle();
    expect(await stage.cancel('a', 'nobody')).toEqual(['already_ended', 'not_found']);
  });

  it('R19: of a running job is committed, shown, sent, and ends when the instance confirms', async () => {
    const peer = await running('a');
    expect(await stage.cancel('a')).toEqual(['cancelling']);
    expect(stage.run('a')).toMatchObject({ state: 'running', reason_code: 'Cancelling' });
    expect(peer.aborted).toEqual(['a#1 cancelled']);
    peer.cancelled('a');
    await stage.settle();
    expect(stage.state('a')).toBe('cancelled');
    expect(stage.outcomes('a')).toEqual(['cancelled/free']);
  });

  it('G12: that nobody confirms ends after the grace and a second; asking again does not prolong it', async () => {
    const peer = await running('a');
    await stage.cancel('a');
    await stage.live(GRACE, [peer, ['a']]);
    await stage.cancel('a');
    expect(stage.state('a')).toBe('running');
    await stage.live(1_500, [peer, ['a']]);
    expect(stage.state('a')).toBe('cancelled');
    // The last one says that its slot is given to somebody else.
    expect(peer.aborted).toEqual(['a#1 cancelled', 'a#1 cancelled', 'a#1 lease_lost']);
    expect(stage.attempts('a')).toMatchObject([
      { outcome: 'cancelled', charged_for: null, reason_code: 'Cancelled' },
    ]);
  });

  it('a cancelled run is never queued again, however its attempt ends', async () => {
    const peer = await running('failed', 'interrupted', 'throttled', 'lost');
    await stage.cancel('failed', 'interrupted', 'throttled', 'lost');
    peer.fail('failed');
    peer.fail('throttled', { blame: 'throttled', reason_code: 'EndpointThrottled' });
    peer.report(peer.order('interrupted'), { outcome: 'interrupted' });
    await stage.settle();
    peer.hangUp();
    await stage.clock.advance(TERM);
    expect(new Set(stage.states('failed', 'interrupted', 'throttled', 'lost'))).toEqual(
      new Set(['cancelled']),
    );
    const back = await stage.attach();
    expect(back.dispatched).toEqual([]);
  });

  it('R6: an answer that comes before its end is accepted: it was paid for', async () => {
    const peer = await running('a');
    await stage.cancel('a');
    peer.answer('a');
    await stage.settle();
    expect(stage.run('a')).toMatchObject({
      state: 'completed',
      reason_code: null,
      cancel_requested_at: null,
    });
  });

  it('F14: reaches the instance that was away when it was asked for', async () => {
    const peer = await running('a');
    peer.hangUp();
    await stage.settle();
    expect(await stage.cancel('a')).toEqual(['cancelling']);
    await stage.clock.advance(1_000);
    const back = await stage.attach({}, [peer.held('a')]);
    expect(back.aborted).toEqual(['a#1 cancelled']);
    back.report(peer.order('a'), { outcome: 'cancelled' });
    await stage.settle();
    expect(stage.state('a')).toBe('cancelled');
  });

  it('F14: is kept over a restart, and sent again', async () => {
    const peer = await running('a', 'b');
    await stage.cancel('a', 'b');
    await stage.restart();
    const back = await stage.attach({}, [peer.held('a')]);
    expect(back.aborted).toEqual(['a#1 cancelled']);
    expect(stage.state('b')).toBe('cancelled');
    await stage.live(GRACE + 1_500, [back, []]);
    expect(stage.state('a')).toBe('cancelled');
    expect(back.dispatched).toEqual([]);
  });

  it('F14: ends by its grace after a restart where nobody comes back, long before the term of the lease', async () => {
    await running('a', 'b');
    await stage.cancel('a');
    await stage.restart();
    await stage.clock.advance(GRACE + 1_500);
    expect(stage.states('a', 'b')).toEqual(['cancelled', 'running']);
  });
});
