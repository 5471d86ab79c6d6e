import { describe, expect, it } from 'vitest';
import { connected, orderOf, outcomes, refTo, stage } from '../support/scripted-scheduler.ts';

describe('an instance that is given attempts', () => {
  it('R23: accepts at once, runs each beside the others, and brings the outcomes as they come', async () => {
    const { clock, scheduler, runner, instance } = await connected();
    scheduler.dispatch(orderOf('a'), orderOf('b'), orderOf('c'));
    await clock.settle();
    expect(scheduler.of('accept')).toEqual([{ t: 'accept', attempts: [refTo('a'), refTo('b'), refTo('c')] }]);
    expect(instance.stats().running).toBe(3);
    runner.play('b').answer('from b');
    await clock.settle();
    runner.play('a').end({
      outcome: 'errored',
      failure: {
        blame: 'job',
        reason_code: 'BadRequest',
        message: 'no',
        scope: 'model',
        retry_after_ms: null,
      },
    });
    await clock.settle();
    expect(outcomes(scheduler)).toEqual(['b: succeeded', 'a: errored']);
    expect(scheduler.of('outcome')[0]!.report).toMatchObject({
      store_id: 'store',
      answer: { text: 'from b' },
      log: '',
    });
    expect(instance.stats()).toMatchObject({ running: 1, spooled: 0 });
  });

  it('sends the outcomes of one tick together, after one fsync', async () => {
    const { clock, files, network, scheduler, runner } = await connected();
    const names = ['a', 'b', 'c', 'd'];
    scheduler.dispatch(...names.map((name) => orderOf(name)));
    await clock.settle();
    const syncs = files.calls('sync');
    let writes = 0;
    scheduler.acknowledges = false;
    const delivered = network.links[0]!.delivered('to_server');
    for (const name of names) runner.play(name).answer();
    await clock.settle();
    writes = files.calls('sync') - syncs;
    expect(writes).toBe(1);
    expect(network.links[0]!.delivered('to_server')).toBeGreaterThan(delivered);
    expect(outcomes(scheduler)).toHaveLength(4);
  });

  it('answers a dispatch that is said again, and runs it once', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const first = runner.play('a');
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    expect(runner.play('a')).toBe(first);
    expect(scheduler.of('accept')).toHaveLength(2);
    scheduler.acknowledges = false;
    first.answer();
    await clock.settle();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    expect(scheduler.of('accept')).toHaveLength(3);
    expect(runner.play('a')).toBe(first);
    expect(outcomes(scheduler)).toHaveLength(1);
  });

  it('runs the next attempt of a run beside the one before', async () => {
    const { clock, scheduler, instance } = await connected();
    scheduler.dispatch(orderOf('a', 1));
    scheduler.dispatch(orderOf('a', 2));
    await clock.settle();
    expect(instance.stats().running).toBe(2);
  });

  it('leaves unanswered what it has no slot for', async () => {
    const { clock, events, scheduler, instance } = await connected({ slots: 2 });
    scheduler.dispatch(orderOf('a'), orderOf('b'), orderOf('c'));
    await clock.settle();
    expect(scheduler.of('accept')[0]!.attempts).toEqual([refTo('a'), refTo('b')]);
    expect(instance.stats().running).toBe(2);
    expect(events).toContainEqual({ type: 'dispatch_refused', attempts: [refTo('c')], slots: 2 });
  });

  it('F19: sends nothing before it is on its disk', async () => {
    const { clock, files, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const disk = Promise.withResolvers<void>();
    files.before = (operation) => (operation === 'sync' ? disk.promise : undefined);
    runner.play('a').answer();
    await clock.advance(1_000);
    expect(outcomes(scheduler)).toEqual([]);
    disk.resolve();
    await clock.settle();
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
  });

  it('brings an outcome even where the runner breaks its word', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    runner.play('a').fail(new Error('a bug'));
    runner.play('b').end({ outcome: 'nonsense' as never });
    await clock.settle();
    expect(outcomes(scheduler)).toEqual(['a: errored', 'b: errored']);
    expect(scheduler.of('outcome').map(({ report }) => report.failure!.message)).toEqual([
      'The executor failed instead of bringing an outcome: a bug',
      expect.stringContaining('outcome that is not valid: outcome'),
    ]);
  });
});

describe('a cancel', () => {
  it('aborts the attempt, and its outcome is brought', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    scheduler.say({ t: 'abort', attempts: [refTo('a')], reason: 'cancelled' });
    await clock.advance(50);
    expect(runner.play('a').signal.reason).toBe('cancelled');
    expect(runner.play('b').signal.aborted).toBe(false);
    expect(outcomes(scheduler)).toEqual(['a: cancelled']);
  });

  it('that comes when the answer is there brings the answer', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    runner.play('a').answer();
    scheduler.say({ t: 'abort', attempts: [refTo('a')], reason: 'cancelled' });
    await clock.settle();
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
  });

  it('of another attempt, or of none that is here, changes nothing', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a', 2));
    await clock.settle();
    scheduler.say({ t: 'abort', attempts: [refTo('a', 1), refTo('x')], reason: 'superseded' });
    await clock.settle();
    expect(runner.play('a').signal.aborted).toBe(false);
  });

  it('keeps its first reason', async () => {
    const { clock, scheduler, runner } = await connected();
    runner.abort_ms = null;
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    scheduler.say({ t: 'abort', attempts: [refTo('a')], reason: 'cancelled' });
    scheduler.say({ t: 'abort', attempts: [refTo('a')], reason: 'superseded' });
    await clock.settle();
    expect(runner.play('a').signal.reason).toBe('cancelled');
  });
});

describe('the state of an attempt', () => {
  it('R25: is told when asked, and null where it is not here', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    runner.play('a').observer.phase('streaming');
    runner.play('a').observer.text('one');
    runner.play('a').observer.text('two');
    await clock.advance(1_234);
    scheduler.say({ t: 'state_request', request: 7, attempt: refTo('a') });
    scheduler.say({ t: 'state_request', request: 8, attempt: refTo('b') });
    await clock.settle();
    expect(scheduler.of('state')).toEqual([
      { t: 'state', request: 7, live: { phase: 'streaming', tokens: 2, elapsed_ms: 1_234, pid: null } },
      { t: 'state', request: 8, live: null },
    ]);
  });
});

describe('an instance that is to end', () => {
  it('G18: drains: takes nothing new, lets what runs end, brings it, says that it leaves', async () => {
    const { clock, scheduler, runner, instance } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const drained = instance.drain(20_000);
    await clock.settle();
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(true);
    scheduler.dispatch(orderOf('late'));
    await clock.settle();
    expect(scheduler.of('accept').at(-1)!.attempts).toEqual([refTo('late')]);
    expect(outcomes(scheduler)).toEqual(['late: interrupted']);
    await clock.advance(5_000);
    runner.play('a').answer();
    await clock.settle();
    await drained;
    expect(outcomes(scheduler)).toEqual(['late: interrupted', 'a: succeeded']);
    expect(scheduler.heard.at(-1)).toEqual({ t: 'leaving' });
    expect(await instance.ended).toBe('Drained');
    expect(clock.waiting).toBe(0);
  });

  it('G18: interrupts at the deadline what has not ended, and brings that', async () => {
    const { clock, scheduler, runner, instance } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const drained = instance.drain(20_000);
    await clock.advance(19_900);
    expect(runner.play('a').signal.aborted).toBe(false);
    await clock.advance(200);
    await drained;
    expect(runner.play('a').signal.reason).toBe('interrupted');
    expect(outcomes(scheduler)).toEqual(['a: interrupted']);
  });

  it('does not wait for ever for a runner that ignores it, nor for acknowledgements', async () => {
    const { clock, scheduler, runner, instance } = await connected();
    scheduler.acknowledges = false;
    runner.abort_ms = null;
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    runner.play('b').answer();
    await clock.settle();
    const drained = instance.drain(1_000);
    await clock.advance(1_000 + 6_000 + 2_000 + 100);
    await drained;
    expect(await instance.ended).toBe('Drained');
    expect(clock.waiting).toBe(0);
  });

  it('G18: hurries when it is stopped while it drains', async () => {
    const { clock, scheduler, instance } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const drained = instance.drain(600_000);
    await clock.advance(1_000);
    const stopped = instance.stop();
    await clock.advance(100);
    await Promise.all([drained, stopped]);
    expect(outcomes(scheduler)).toEqual(['a: interrupted']);
    expect(await instance.ended).toBe('Drained');
  });

  it('keeps on disk what it could not bring', async () => {
    const { clock, network, scheduler, runner, instance, create } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    network.unreachable = true;
    network.links[0]!.reset();
    await clock.settle();
    runner.play('a').answer();
    const drained = instance.drain(1_000);
    await clock.advance(10_000);
    await drained;
    network.unreachable = false;
    const next = create();
    await next.start();
    await clock.advance(1_000);
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
    const stopped = next.stop();
    await clock.advance(1_000);
    await stopped;
    expect(await next.ended).toBe('Stopped');
  });

  it('drains when the scheduler says so, and stays', async () => {
    const { clock, scheduler, instance, events } = await connected();
    scheduler.say({ t: 'drain' });
    await clock.settle();
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(true);
    expect(instance.stats()).toMatchObject({ accepting: false, id: 3 });
    expect(events).toContainEqual({ type: 'draining', reason: 'asked' });
  });

  it('ends by itself when it is alone and idle for long', async () => {
    const { clock, network, scheduler, runner, instance } = await connected({ orphan_ttl_ms: 600_000 });
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    network.unreachable = true;
    network.links[0]!.reset();
    runner.abort_ms = null;
    await clock.advance(700_000);
    expect(instance.stats().running).toBe(1);
    runner.play('a').answer();
    await clock.advance(580_000);
    network.unreachable = false;
    await clock.advance(15_000);
    expect(instance.stats().id).toBe(3);
    network.unreachable = true;
    network.links.at(-1)!.reset();
    await clock.advance(606_000);
    expect(await instance.ended).toBe('Orphaned');
    expect(clock.waiting).toBe(0);
  });

  it('can be stopped before it was ever connected', async () => {
    const { clock, instance } = stage({ locate: () => Promise.reject(new Error('no server.json')) });
    await instance.start();
    await clock.advance(3_000);
    const stopped = instance.stop();
    await clock.settle();
    await stopped;
    expect(await instance.ended).toBe('Stopped');
    expect(clock.waiting).toBe(0);
  });
});
