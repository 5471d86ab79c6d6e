import { afterEach, describe, expect, it } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import {
  StoreBusyError,
  StoreConstraintError,
  StoreFullError,
  type Change,
} from '../../src/core/ports/store.ts';
import { jobOf } from './prepared-job.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const full = (): Error => new StoreFullError('the database cannot grow');

async function problemOf(promise: Promise<unknown>): Promise<string> {
  const error = await stage.now(
    promise.then(
      () => null,
      (reason: unknown) => reason,
    ),
  );
  return error instanceof Problem ? error.code : `no problem: ${String(error)}`;
}

function touches(changes: readonly Change[], name: string): boolean {
  return changes.some(
    (change) => (change.do === 'insert_run' || change.do === 'update_run') && change.run.name === name,
  );
}

describe('a full disk', () => {
  it('R26: refuses submissions with DiskLow, says why, and has changed nothing', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    stage.store.failing = full;
    expect(await problemOf(stage.service.submit([jobOf('a')], 'refuse_all'))).toBe('DiskLow');
    expect(stage.reads.run('a', null)).toBe(null);
    expect(peer.dispatched).toEqual([]);
    expect((await stage.now(stage.service.status())).trouble).toMatchObject({ code: 'DiskLow' });
    expect(stage.failures()).toEqual(['DiskLow: the database cannot grow']);
    stage.store.failing = () => null;
    await stage.clock.advance(1_000);
    expect(await stage.submit('a')).toMatchObject([{ verdict: 'created' }]);
    expect(peer.dispatched).toEqual(['a#1']);
    expect((await stage.now(stage.service.status())).trouble).toBe(null);
  });

  it('R26: keeps what instances bring, and commits it when there is room', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a', 'b');
    stage.store.failing = full;
    peer.answer('a');
    peer.answer('b');
    await stage.settle();
    await stage.clock.advance(10_000);
    expect(peer.acknowledged).toEqual([]);
    expect(stage.states('a', 'b')).toEqual(['running', 'running']);
    stage.store.failing = () => null;
    await stage.clock.advance(5_000);
    expect(peer.acknowledged.toSorted()).toEqual(['a#1', 'b#1']);
    expect(stage.states('a', 'b')).toEqual(['completed', 'completed']);
  });

  it('R26: leaves leases, slots and limits as they were before each turn that failed', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1 });
    await stage.submit('a', 'b', 'c');
    stage.store.failing = full;
    peer.answer('a');
    await stage.settle();
    await stage.clock.advance(1_000);
    stage.store.failing = () => null;
    await stage.clock.advance(5_000);
    expect(stage.reads.attempts(stage.reads.run('a', null)?.id ?? 0)).toMatchObject([
      { attempt: 1, outcome: 'succeeded' },
    ]);
    expect(peer.dispatched).toEqual(['a#1', 'b#1']);
    stage.store.failing = full;
    peer.answer('b');
    await stage.settle();
    stage.store.failing = () => null;
    await stage.clock.advance(5_000);
    expect(peer.dispatched).toEqual(['a#1', 'b#1', 'c#1']);
  });

  it('keeps one of each outcome, however often it is sent again', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    stage.store.failing = full;
    for (let i = 0; i < 20; i += 1) {
      peer.answer('a');
      peer.beat([peer.order('a')]);
      await stage.clock.advance(1_000);
    }
    stage.store.failing = () => null;
    await stage.clock.advance(5_000);
    expect(stage.state('a')).toBe('completed');
    // One that was kept; whatever came between the last failure and the success may stand beside it.
    expect(peer.acknowledged.length).toBeLessThanOrEqual(6);
  });

  it('tries again with growing pauses, and dispatches nothing meanwhile', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1 });
    await stage.submit('a', 'b');
    stage.store.failing = full;
    peer.answer('a');
    const before = stage.store.tried.length;
    await stage.live(60_000, [peer, ['a']]);
    const tries = stage.store.tried.length - before;
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(25);
    expect(peer.dispatched).toEqual(['a#1']);
  });

  it('leaves nothing behind where it stops in the middle of it', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    stage.store.failing = full;
    peer.answer('a');
    await stage.settle();
    await stage.stop();
    expect(stage.clock.waiting).toBe(0);
    stage.store.failing = () => null;
    await stage.start();
    expect(stage.state('a')).toBe('running');
  });
});

describe('a locked database', () => {
  it('R26: refuses submissions with StoreBusy, and goes on when the lock is gone', async () => {
    stage = await Stage.open();
    stage.store.failing = () => new StoreBusyError('another program holds the database');
    expect(await problemOf(stage.service.submit([jobOf('a')], 'refuse_all'))).toBe('StoreBusy');
    expect((await stage.now(stage.service.status())).trouble).toEqual({
      code: 'StoreBusy',
      message: 'another program holds the database. It goes on by itself when that ends.',
    });
    stage.store.failing = () => null;
    const waits = stage.service.submit([jobOf('b')], 'refuse_all');
    await stage.clock.advance(1_000);
    expect(await waits).toMatchObject({ accepted: true });
  });
});

describe('a turn that a constraint refuses', () => {
  it('R27: is repeated one event at a time: the bad one is named, the rest pass', async () => {
    stage = await Stage.open();
    stage.store.failing = (changes) =>
      touches(changes, 'bad') ? new StoreConstraintError('bad is bad') : null;
    stage.store.hold();
    const first = stage.service.submit([jobOf('first')], 'refuse_all');
    await stage.settle();
    const names = ['a', 'bad', 'b', 'c'];
    const answers = names.map((name) => stage.service.submit([jobOf(name)], 'refuse_all'));
    const settled = Promise.allSettled(answers);
    await stage.settle();
    stage.store.letGo();
    await stage.settle();
    await first;
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(await problemOf(answers[1]!)).toBe('Internal');
    expect(stage.failures()).toEqual([
      expect.stringMatching(/^Internal: An event of "submit" was refused: bad is bad/),
    ]);
    expect(stage.states('a', 'b', 'c')).toEqual(['queued', 'queued', 'queued']);
    expect(stage.fatal).toEqual([]);
  });

  it('R27: where placing is what is refused, what came passes without it', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const claims = (changes: readonly Change[]): boolean =>
      changes.some((change) => change.do === 'insert_attempt');
    stage.store.failing = (changes) =>
      claims(changes) ? new StoreConstraintError('no attempt today') : null;
    expect(await stage.submit('a')).toMatchObject([{ verdict: 'created' }]);
    expect(stage.state('a')).toBe('queued');
    expect(stage.failures()).toEqual(['Internal: Placing runs was refused: no attempt today']);
    stage.store.failing = () => null;
    await stage.submit('b');
    expect(peer.dispatched.toSorted()).toEqual(['a#1', 'b#1']);
  });

  it('holds what is left in order where the disk fills in the middle of it', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a', 'b', 'c');
    stage.store.failing = (changes) => {
      if (changes.some((change) => change.do === 'insert_result'))
        return changes.length > 8 ? new StoreConstraintError('too much') : full();
      return null;
    };
    for (const name of ['a', 'b', 'c']) peer.answer(name);
    await stage.settle();
    expect(stage.states('a', 'b', 'c')).toEqual(['running', 'running', 'running']);
    stage.store.failing = () => null;
    await stage.clock.advance(5_000);
    expect(peer.acknowledged).toEqual(['a#1', 'b#1', 'c#1']);
  });
});

describe('a refused change', () => {
  it('R22: is decided again over what there is now', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    let refusals = 0;
    stage.store.refusing = (changes) => {
      if (refusals >= 2 || !touches(changes, 'a')) return [];
      refusals += 1;
      return [changes.findIndex((change) => change.do === 'insert_run')];
    };
    expect(await stage.submit('a')).toMatchObject([{ verdict: 'created' }]);
    expect(refusals).toBe(2);
    expect(peer.dispatched).toEqual(['a#1']);
    expect(stage.failures()).toEqual([]);
  });

  it('R27: that is refused for ever is named, and does not stop the others', async () => {
    stage = await Stage.open();
    stage.store.refusing = (changes) =>
      touches(changes, 'a') ? [changes.findIndex((change) => change.do === 'insert_run')] : [];
    expect(await problemOf(stage.service.submit([jobOf('a')], 'refuse_all'))).toBe('Internal');
    expect(await stage.submit('b')).toMatchObject([{ verdict: 'created' }]);
    expect(stage.failures()).toEqual([expect.stringContaining('the store refused insert_run')]);
  });
});

describe('any other error', () => {
  it('R26: of a commit ends the process, and nobody is told that anything was done', async () => {
    stage = await Stage.open();
    const broken = new Error('disk I/O error');
    stage.store.failing = () => broken;
    let heard = false;
    void stage.service.submit([jobOf('a')], 'refuse_all').then(
      () => (heard = true),
      () => (heard = true),
    );
    await stage.settle();
    expect(stage.fatal).toEqual([broken]);
    expect(heard).toBe(false);
    expect(await problemOf(stage.service.submit([jobOf('b')], 'refuse_all'))).toBe('ShuttingDown');
  });

  it('R27: after the commit is never taken for a turn that failed', async () => {
    stage = await Stage.open();
    await stage.attach();
    stage.crashpoint = (name) => {
      if (name === 'turn.before_dispatch') throw new StoreFullError('not a failed commit');
    };
    const receipt = await stage.now(stage.service.submit([jobOf('a')], 'refuse_all'));
    expect(receipt.accepted).toBe(true);
    expect(stage.fatal).toHaveLength(1);
    expect(stage.failures()).toEqual([]);
    stage.crashpoint = () => undefined;
  });
});
