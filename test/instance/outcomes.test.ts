import { describe, expect, it } from 'vitest';
import { ackOf, connected, orderOf, outcomes, refTo } from '../support/scripted-scheduler.ts';

describe('outcomes', () => {
  it('F22: are sent again after a reconnect until they are acknowledged', async () => {
    const { clock, network, scheduler, runner, instance } = await connected();
    scheduler.acknowledges = false;
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    runner.play('a').answer();
    await clock.settle();
    network.links[0]!.reset();
    await clock.advance(1_000);
    expect(scheduler.sessions).toHaveLength(2);
    expect(scheduler.of('hello').at(-1)!.held).toBe(2);
    expect(scheduler.of('holding').at(-1)).toEqual({
      t: 'holding',
      held: [
        { ...refTo('b'), store_id: 'store', spooled: false },
        { ...refTo('a'), store_id: 'store', spooled: true },
      ],
      last: true,
    });
    expect(outcomes(scheduler)).toEqual(['a: succeeded', 'a: succeeded']);
    scheduler.say({ t: 'acknowledge', attempts: [ackOf('a')] });
    await clock.settle();
    network.links[1]!.reset();
    await clock.advance(1_000);
    expect(outcomes(scheduler)).toHaveLength(2);
    expect(instance.stats()).toMatchObject({ running: 1, spooled: 0 });
  });

  it('F20: are brought by the next process', async () => {
    const first = await connected();
    const { clock, scheduler, runner, create } = first;
    scheduler.acknowledges = false;
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    runner.play('a').answer('paid for');
    await clock.settle();
    // The first process is killed: nothing of it is heard any more.
    first.network.links[0]!.blackHole();
    scheduler.acknowledges = true;
    const second = create();
    await second.start();
    await clock.advance(1_000);
    const hellos = scheduler.of('hello');
    expect(hellos[1]!.held).toBe(1);
    expect(scheduler.of('outcome').at(-1)!.report.answer!.text).toBe('paid for');
    expect(second.stats().spooled).toBe(0);
  });

  it('are sent again where the scheduler could not store them', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.acknowledges = false;
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    runner.play('a').answer();
    await clock.advance(14_000);
    expect(outcomes(scheduler)).toHaveLength(1);
    await clock.advance(10_000);
    expect(outcomes(scheduler)).toHaveLength(2);
    scheduler.acknowledges = true;
    await clock.advance(60_000);
    expect(outcomes(scheduler)).toHaveLength(3);
  });

  it('leave a few at a time, and the rest follows the acknowledgements', async () => {
    const { clock, scheduler, runner, instance } = await connected({
      slots: 50,
      limits: { window_bytes: 5_000 },
    });
    scheduler.acknowledges = false;
    const names = Array.from({ length: 50 }, (_, i) => `job-${i}`);
    scheduler.dispatch(...names.map((name) => orderOf(name)));
    await clock.settle();
    for (const name of names) runner.play(name).answer();
    await clock.settle();
    const sent = outcomes(scheduler).length;
    expect(sent).toBeGreaterThan(2);
    expect(sent).toBeLessThan(20);
    scheduler.acknowledges = true;
    scheduler.say({ t: 'acknowledge', attempts: names.slice(0, sent).map((name) => ackOf(name)) });
    await clock.settle();
    expect(outcomes(scheduler)).toEqual(names.map((name) => `${name}: succeeded`));
    expect(instance.stats().spooled).toBe(0);
  });

  it('that rotted on the disk are not held any more, so that the work is done again', async () => {
    const { clock, events, files, network, scheduler, runner, instance } = await connected();
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    network.unreachable = true;
    network.links[0]!.reset();
    await clock.settle();
    runner.play('a').answer();
    runner.play('b').answer();
    await clock.settle();
    const path = files.paths.find((one) => one.endsWith('.spool'))!;
    files.damage(path, 60);
    network.unreachable = false;
    await clock.advance(20_000);
    expect(outcomes(scheduler)).toEqual(['b: succeeded']);
    expect(events).toContainEqual(expect.objectContaining({ type: 'spool_corrupt', path }));
    expect(instance.stats().spooled).toBe(0);
    expect(scheduler.held()).toEqual([]);
  });

  it('that the disk does not give for a while are brought later', async () => {
    const { clock, files, network, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    network.unreachable = true;
    network.links[0]!.reset();
    await clock.settle();
    runner.play('a').answer();
    await clock.settle();
    files.fail('readPart', 'EMFILE');
    network.unreachable = false;
    await clock.advance(60_000);
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
  });

  it('that no frame can carry become an error that says so', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    runner.play('a').answer('x'.repeat(81 * 1024 * 1024));
    await clock.settle();
    expect(scheduler.of('outcome')[0]!.report).toMatchObject({
      outcome: 'errored',
      failure: { reason_code: 'AnswerTooLarge', blame: 'job' },
    });
  });

  it('F45: end the instance where their disk cannot be trusted', async () => {
    const { clock, events, files, scheduler, runner, instance } = await connected();
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    files.fail('sync', 'EIO');
    runner.play('a').answer();
    await clock.advance(20_000);
    expect(await instance.ended).toBe('SpoolFailed');
    expect(outcomes(scheduler)).toEqual([]);
    expect(runner.play('b').signal.reason).toBe('interrupted');
    expect(events.at(-1)).toMatchObject({ type: 'ended', message: expect.stringContaining('fsync') });
    expect(clock.waiting).toBe(0);
  });

  it('F43: wait in memory while the disk is full, and nothing new is taken', async () => {
    const { clock, files, scheduler, runner, types } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    files.fail('append', 'ENOSPC', { lasting: true });
    runner.play('a').answer();
    await clock.advance(1_000);
    expect(types()).toContain('spool_blocked');
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(true);
    files.mend();
    await clock.advance(10_000);
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(false);
  });

  it('F43: are taken again after a full disk that only the note of an acknowledgement met', async () => {
    const { clock, files, scheduler, runner, types } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    // The outcome is on disk and acknowledged; what cannot be written is that it may be forgotten.
    files.fail('append', 'ENOSPC', { nth: 2, lasting: true });
    runner.play('a').answer();
    await clock.advance(1_000);
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
    expect(types()).toContain('spool_blocked');
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(true);
    files.mend();
    await clock.advance(10_000);
    expect(types()).toContain('spool_writable');
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(false);
  });

  it('fill the spool up to its limit; then nothing new is taken until there is room', async () => {
    const { clock, scheduler, runner, instance } = await connected({ limits: { spool_bytes_max: 1_000 } });
    scheduler.acknowledges = false;
    scheduler.dispatch(orderOf('a'), orderOf('b'));
    await clock.settle();
    runner.play('a').answer();
    runner.play('b').answer('x'.repeat(1_000));
    await clock.settle();
    expect(instance.stats().accepting).toBe(false);
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(true);
    scheduler.say({ t: 'acknowledge', attempts: [ackOf('b')] });
    await clock.settle();
    expect(instance.stats().accepting).toBe(true);
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(false);
  });
});
