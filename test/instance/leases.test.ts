import { describe, expect, it } from 'vitest';
import {
  connected,
  HEARTBEAT_MS,
  LEASE_TTL_MS,
  orderOf,
  outcomes,
  refTo,
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
