import { describe, expect, it } from 'vitest';
import {
  ackOf,
  connected,
  HEARTBEAT_MS,
  LEASE_TTL_MS,
  orderOf,
  outcomes,
  refTo,
  stage,
} from '../support/scripted-scheduler.ts';

describe('leases', () => {
  it('are renewed for what runs and what is spooled, every heartbeat', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.acknowledges = false;
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    runner.play('b').answer();
    await clock.advance(3 * HEARTBEAT_MS);
    expect(scheduler.held()).toEqual(['a', 'b']);
    const seqs = scheduler.of('heartbeat').map((beat) => beat.seq);
    expect(seqs).toEqual([1, 2, 3, 4]);
    expect(runner.play('a').signal.aborted).toBe(false);
  });

  it('G7: end here first: what was not renewed for a term since the last answered heartbeat was sent is aborted', async () => {
    const { clock, network, scheduler, runner, events } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.advance(2 * HEARTBEAT_MS);
    const last = clock.monotonic() - ((clock.monotonic() - 0) % HEARTBEAT_MS);
    network.unreachable = true;
    network.links[0]!.reset();
    await clock.advance(last + LEASE_TTL_MS - clock.monotonic() - 1_000);
    expect(runner.play('a').signal.aborted).toBe(false);
    await clock.advance(1_200);
    expect(runner.play('a').signal.reason).toBe('lease_lost');
    expect(events).toContainEqual({ type: 'attempt_aborted', attempt: refTo('a'), reason: 'lease_lost' });
  });

  it('G7: count from the sending of a heartbeat, not from its answer', async () => {
    const { clock, network, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    scheduler.renews = false;
    const sent_at = clock.monotonic() + HEARTBEAT_MS;
    await clock.advance(HEARTBEAT_MS + 4_000);
    const { seq } = scheduler.of('heartbeat').at(-1)!;
    scheduler.say({ t: 'renewed', seq, gone: [] });
    await clock.settle();
    network.unreachable = true;
    network.links[0]!.reset();
    await clock.advance(sent_at + LEASE_TTL_MS - clock.monotonic() - 200);
    expect(runner.play('a').signal.aborted).toBe(false);
    await clock.advance(300);
    expect(runner.play('a').signal.reason).toBe('lease_lost');
  });

  it('G7: of a dispatch that was long on its way count from before it can have been sent', async () => {
    let delay_ms = 0;
    const all = stage({}, { delay_ms: (direction) => (direction === 'to_client' ? delay_ms : 0) });
    const { clock, network, scheduler, runner, instance } = all;
    await instance.start();
    const welcomed_at = clock.monotonic();
    await clock.settle();
    // What the scheduler says from now on is slow: the dispatch comes after 4 s, and so does every answer to a heartbeat.
    delay_ms = 4_000;
    scheduler.dispatch(orderOf('slow'));
    await clock.advance(4_100);
    expect(runner.play('slow').signal.aborted).toBe(false);
    network.unreachable = true;
    network.links[0]!.reset();
    await clock.advance(welcomed_at + LEASE_TTL_MS - clock.monotonic() - 100);
    expect(runner.play('slow').signal.aborted).toBe(false);
    await clock.advance(200);
    expect(runner.play('slow').signal.reason).toBe('lease_lost');
  });

  it('G7: are not renewed by a heartbeat that was sent before the attempt came', async () => {
    const all = stage();
    const { clock, network, scheduler, runner } = all;
    await all.instance.start();
    const welcomed_at = clock.monotonic();
    await clock.settle();
    scheduler.renews = false;
    await clock.advance(HEARTBEAT_MS + 1_000);
    const { seq, held } = scheduler.of('heartbeat').at(-1)!;
    expect(held).toEqual([]);
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    scheduler.say({ t: 'renewed', seq, gone: [] });
    await clock.settle();
    network.unreachable = true;
    network.links[0]!.reset();
    // The heartbeat before it, of the welcome, is the last that stands for this lease.
    await clock.advance(welcomed_at + LEASE_TTL_MS - clock.monotonic() + 100);
    expect(runner.play('a').signal.reason).toBe('lease_lost');
  });

  it('that ended here are not listed any more, and an answer that comes all the same is brought', async () => {
    const { clock, network, scheduler, runner, events } = await connected();
    runner.abort_ms = null;
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    network.unreachable = true;
    network.links[0]!.reset();
    await clock.advance(LEASE_TTL_MS + HEARTBEAT_MS);
    expect(runner.play('a').signal.reason).toBe('lease_lost');
    network.unreachable = false;
    await clock.advance(10_000);
    expect(scheduler.of('holding').at(-1)!.held).toEqual([]);
    runner.play('a').answer('paid for');
    runner.play('b').end({ outcome: 'cancelled' });
    await clock.settle();
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
    expect(events).toContainEqual({
      type: 'attempt_ended',
      attempt: refTo('b'),
      outcome: 'cancelled',
      reported: false,
    });
  });

  it('F55: end after a pause of the whole process, before anything is said', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.renews = false;
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    await clock.advance(10 * LEASE_TTL_MS);
    expect(runner.play('a').signal.reason).toBe('lease_lost');
    expect(scheduler.held()).toEqual([]);
  });

  it.each(['lease_lost', 'superseded'] as const)(
    'that end by an abort (%s) give their slot back at once, for what is dispatched with it',
    async (reason) => {
      const { clock, scheduler, runner } = await connected({ slots: 1 });
      runner.abort_ms = 3_000;
      scheduler.dispatch(orderOf('a'));
      await clock.settle();
      scheduler.say({ t: 'abort', attempts: [refTo('a')], reason });
      scheduler.dispatch(orderOf('b'));
      await clock.settle();
      expect(runner.play('a').signal.reason).toBe(reason);
      expect(scheduler.of('accept').at(-1)!.attempts).toEqual([refTo('b')]);
      await clock.advance(HEARTBEAT_MS);
      expect(scheduler.held()).toEqual(['b']);
      expect(outcomes(scheduler)).toEqual([]);
    },
  );

  it.each(['lease_lost', 'superseded'] as const)(
    'R22: that end by an abort (%s) tell what an answer took that was refused meanwhile',
    async (reason) => {
      const { clock, scheduler, runner } = await connected();
      runner.abort_ms = null;
      scheduler.dispatch(orderOf('a'));
      await clock.settle();
      scheduler.say({ t: 'abort', attempts: [refTo('a')], reason });
      await clock.settle();
      const usage = { input: 3, cached: null, output: 5, reasoning: null, raw: {} };
      const spent = { endpoint: 'e', model: 'm', usage, parameters_sent: {}, warnings: [] };
      runner.play('a').end({ outcome: 'cancelled', answer: null, failure: null, spent });
      await clock.settle();
      expect(scheduler.of('outcome').map(({ report }) => report.spent)).toEqual([spent]);
    },
  );

  it('that the scheduler says are gone stop as superseded and take no slot', async () => {
    const { clock, scheduler, runner } = await connected({ slots: 1 });
    runner.abort_ms = 3_000;
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    scheduler.gone = [refTo('a')];
    await clock.advance(HEARTBEAT_MS);
    expect(runner.play('a').signal.reason).toBe('superseded');
    scheduler.gone = [];
    scheduler.dispatch(orderOf('b'));
    await clock.settle();
    expect(scheduler.of('accept').at(-1)!.attempts).toEqual([refTo('b')]);
    await clock.advance(10_000);
    expect(outcomes(scheduler)).toEqual([]);
  });

  it('in a list longer than a frame carries are renewed by several heartbeats', async () => {
    const { clock, scheduler, runner } = await connected({ slots: 25_000 });
    const orders = Array.from({ length: 12_000 }, (_, i) => orderOf(`job-${i}`));
    scheduler.dispatch(...orders.slice(0, 6_000));
    scheduler.dispatch(...orders.slice(6_000));
    await clock.advance(HEARTBEAT_MS);
    const beats = scheduler.of('heartbeat').slice(-2);
    expect(beats.map((beat) => beat.held.length)).toEqual([10_000, 2_000]);
    await clock.advance(LEASE_TTL_MS + HEARTBEAT_MS);
    expect(runner.play('job-11999').signal.aborted).toBe(false);
    scheduler.sessions[0]!.destroy();
    await clock.advance(1_000);
    const holding = scheduler.of('holding').slice(-2);
    expect(holding.map((frame) => [frame.held.length, frame.last])).toEqual([
      [10_000, false],
      [2_000, true],
    ]);
  });
});

describe('another database behind the same address', () => {
  const welcome = (store_id: string) => () =>
    ({
      t: 'welcome',
      protocol: 2,
      id: 3,
      store_id,
      lease_ttl_ms: LEASE_TTL_MS,
      heartbeat_ms: HEARTBEAT_MS,
    }) as const;

  /** The instance runs `a` and has `b` in its spool, both of the database `store`, when it meets `store-2`. */
  async function moved() {
    const all = await connected({ slots: 1 });
    const { clock, network, scheduler, runner } = all;
    scheduler.acknowledges = false;
    scheduler.dispatch(orderOf('b'));
    await clock.settle();
    runner.play('b').answer('paid for');
    await clock.settle();
    runner.abort_ms = 3_000;
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    scheduler.answer = welcome('store-2');
    network.links[0]!.reset();
    await clock.advance(1_000);
    expect(scheduler.sessions).toHaveLength(2);
    return all;
  }

  it('leases nothing that was given out before: what runs is stopped, what is spooled is brought as theirs', async () => {
    const { scheduler, runner } = await moved();
    expect(runner.play('a').signal.reason).toBe('lease_lost');
    expect(scheduler.of('holding').at(-1)!.held).toEqual([
      { ...refTo('b'), store_id: 'store', spooled: true },
    ]);
    expect(scheduler.held()).toEqual([]);
    expect(scheduler.of('outcome').at(-1)!.report).toMatchObject({ name: 'b', store_id: 'store' });
  });

  it('may give out the same attempt of the same name: it is run, and each outcome is forgotten by itself', async () => {
    const { clock, scheduler, runner, instance } = await moved();
    const before = runner.play('a');
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    expect(runner.play('a')).not.toBe(before);
    expect(scheduler.of('accept').at(-1)!.attempts).toEqual([refTo('a')]);
    runner.play('a').answer();
    await clock.settle();
    scheduler.dispatch(orderOf('b'));
    await clock.settle();
    runner.play('b').answer('asked again');
    await clock.settle();
    expect(instance.stats()).toMatchObject({ running: 1, spooled: 3 });
    scheduler.say({ t: 'acknowledge', attempts: [ackOf('b', 'store-2')] });
    await clock.settle();
    expect(instance.stats().spooled).toBe(2);
    expect(scheduler.held()).not.toContain('b');
    scheduler.say({ t: 'acknowledge', attempts: [ackOf('b', 'store'), ackOf('a', 'store-2')] });
    await clock.advance(10_000);
    expect(instance.stats()).toMatchObject({ running: 0, spooled: 0 });
  });
});
