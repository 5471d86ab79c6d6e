import { afterEach, describe, expect, it } from 'vitest';
import { jobOf } from './prepared-job.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

/** Whether a promise has settled by now. */
function watch(promise: Promise<unknown>): { settled: boolean } {
  const seen = { settled: false };
  promise.then(
    () => (seen.settled = true),
    () => (seen.settled = true),
  );
  return seen;
}

describe('before the commit of a turn', () => {
  it('R22: nobody hears that a job was accepted', async () => {
    stage = await Stage.open();
    stage.store.hold();
    const told: unknown[] = [];
    stage.service.onChanges((changes) => told.push(...changes));
    const receipt = stage.service.submit([jobOf('a')], 'refuse_all');
    const seen = watch(receipt);
    await stage.clock.advance(60_000);
    expect(seen.settled).toBe(false);
    expect(told).toEqual([]);
    expect(stage.reads.run('a', null)).toBe(null);
    stage.store.letGo();
    await stage.settle();
    expect((await receipt).jobs).toMatchObject([{ name: 'a', run: 1, state: 'queued', verdict: 'created' }]);
    expect(told).toMatchObject([{ name: 'a', state: 'queued' }]);
  });

  it('R23: no instance is given an attempt', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    stage.store.hold();
    const receipt = stage.service.submit([jobOf('a')], 'refuse_all');
    await stage.settle();
    expect(peer.dispatched).toEqual([]);
    stage.store.letGo();
    await stage.settle();
    await receipt;
    expect(peer.dispatched).toEqual(['a#1']);
  });

  it('R26: no outcome is acknowledged, and no listener hears of it', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    stage.store.hold();
    stage.events.length = 0;
    peer.answer('a');
    await stage.settle();
    expect(peer.acknowledged).toEqual([]);
    expect(stage.events).toEqual([]);
    expect(stage.published).toBe(1);
    stage.store.letGo();
    await stage.settle();
    expect(peer.acknowledged).toEqual(['a#1']);
    expect(stage.text('a')).toBe('answer of a');
    expect(stage.published).toBe(2);
  });

  it('a cancel is not answered, and no abort is sent', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    stage.store.hold();
    const cancelled = stage.service.cancel([{ name: 'a', run: null }]);
    const seen = watch(cancelled);
    await stage.settle();
    expect([seen.settled, peer.aborted]).toEqual([false, []]);
    stage.store.letGo();
    await stage.settle();
    expect(await cancelled).toMatchObject([{ verdict: 'cancelling', state: 'running' }]);
    expect(peer.aborted).toEqual(['a#1 cancelled']);
  });
});

describe('while a commit runs', () => {
  it('R21: what comes gathers for the next turn, and becomes one commit', async () => {
    stage = await Stage.open();
    stage.store.hold();
    const first = stage.service.submit([jobOf('first')], 'refuse_all');
    await stage.settle();
    const later = Array.from({ length: 50 }, (_, i) =>
      stage.service.submit([jobOf(`later-${i}`)], 'refuse_all'),
    );
    await stage.settle();
    stage.store.letGo();
    await stage.settle();
    await Promise.all([first, ...later]);
    expect(stage.store.committed).toHaveLength(2);
  });

  it('R26: nothing to write is no commit: asking for what is known costs none', async () => {
    stage = await Stage.open();
    await stage.submit('a');
    const before = stage.store.tried.length;
    expect(await stage.submit('a')).toMatchObject([{ verdict: 'known', run: 1 }]);
    expect(await stage.cancel('nobody')).toEqual(['not_found']);
    expect(stage.store.tried).toHaveLength(before);
  });

  it('an idle scheduler does no work', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const { turns } = await stage.now(stage.service.status());
    const before = stage.store.tried.length;
    await stage.live(600_000, [peer, []]);
    expect((await stage.now(stage.service.status())).turns).toBe(turns);
    expect(stage.store.tried).toHaveLength(before);
  });
});

describe('what is told after a commit', () => {
  it('comes in the order receipts, instances, listeners', async () => {
    const order: string[] = [];
    stage = await Stage.open({ more: { on: (events) => order.push(...events.map(({ type }) => type)) } });
    const peer = await stage.attach();
    order.length = 0;
    stage.crashpoint = (name) => order.push(name);
    const receipt = stage.service.submit([jobOf('a')], 'refuse_all').then(() => order.push('receipt'));
    await stage.settle();
    await receipt;
    expect(peer.dispatched).toEqual(['a#1']);
    expect(order.filter((what) => what !== 'to_publish')).toEqual([
      'turn.before_commit',
      'turn.before_claim',
      'turn.after_commit',
      'turn.before_dispatch',
      'receipt',
      'turn.after_release',
      'run_changed',
      'run_changed',
      'attempt_started',
      'turn',
      'turn.after_dispatch',
    ]);
  });
});
