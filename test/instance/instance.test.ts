import { describe, expect, it } from 'vitest';
import type { InstanceOptions } from '../../src/instance/instance.ts';
import { HEARTBEAT_MS, LEASE_TTL_MS, orderOf, refTo, stage } from '../support/scripted-scheduler.ts';

async function connected(more: Partial<InstanceOptions> = {}) {
  const all = stage(more);
  await all.instance.start();
  await all.clock.advance(100);
  expect(all.types()).toContain('connected');
  return all;
}

const outcomes = (scheduler: Awaited<ReturnType<typeof connected>>['scheduler']): string[] =>
  scheduler.of('outcome').map(({ report }) => `${report.name}: ${report.outcome}`);

describe('an instance that connects', () => {
  it('R23: says who it is, what it can, and what it holds', async () => {
    const { scheduler, instance } = await connected({ needs: ['', 'workspace'], slots: 2 });
    expect(scheduler.heard[0]).toEqual({
      t: 'hello',
      protocol: 1,
      version: '0.0.0',
      name: 'gpu-1',
      process_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      pid: 4711,
      token: 'token',
      slots: 2,
      endpoints: ['e'],
      needs: ['', 'workspace'],
      held: 0,
    });
    expect(scheduler.heard[1]).toEqual({ t: 'holding', held: [], last: true });
    expect(scheduler.heard[2]).toEqual({ t: 'heartbeat', seq: 1, held: [], draining: false });
    expect(instance.stats()).toMatchObject({ id: 3, running: 0, slots: 2, accepting: true });
  });

  it('tries for ever with growing pauses, asking anew where the scheduler is and what the token is', async () => {
    let port = 1;
    const asked: number[] = [];
    const tokens = ['old', 'new'];
    const { clock, events, instance, scheduler } = stage({
      locate: async () => {
        asked.push(port);
        return { host: 'memory', port };
      },
      token: async () => (asked.length > 1 ? 'new' : tokens[0]!),
    });
    await instance.start();
    await clock.advance(600_000);
    const pauses = events.flatMap((event) => (event.type === 'disconnected' ? [event.retry_ms!] : []));
    expect(pauses.length).toBeGreaterThan(120);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5_000);
    expect(pauses[0]!).toBeLessThanOrEqual(400);
    expect(events[1]).toMatchObject({
      type: 'disconnected',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
    port = 7434;
    await clock.advance(5_100);
    expect(scheduler.of('hello').at(-1)!.token).toBe('new');
    expect(instance.stats().id).toBe(3);
  });

  it.each(['WrongToken', 'WrongProtocol'] as const)('ends when it is refused for good: %s', async (code) => {
    const { clock, instance, scheduler, events } = stage();
    scheduler.answer = () => ({ t: 'refuse', code, message: 'because' });
    await instance.start();
    await clock.advance(100_000);
    expect(await instance.ended).toBe(code);
    expect(events.at(-1)).toEqual({ type: 'ended', reason: code, message: 'because' });
    expect(scheduler.sessions).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });

  it('tries slowly while its name is taken', async () => {
    const { clock, instance, scheduler } = stage();
    scheduler.answer = () => ({ t: 'refuse', code: 'NameInUse', message: 'taken' });
    await instance.start();
    await clock.advance(60_000);
    expect(scheduler.sessions.length).toBeGreaterThanOrEqual(3);
    expect(scheduler.sessions.length).toBeLessThanOrEqual(7);
    expect(instance.stats().id).toBe(null);
  });

  it('tries again where no welcome comes', async () => {
    const { clock, events, instance, scheduler } = stage();
    scheduler.answer = () => null;
    await instance.start();
    await clock.advance(20_000);
    expect(scheduler.sessions.length).toBeGreaterThan(1);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'disconnected', reason: 'no welcome came' }),
    );
  });

  it('F60: gives up a connection on which nothing comes back, before its leases end', async () => {
    const { clock, network, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    network.links[0]!.blackHole();
    await clock.advance(LEASE_TTL_MS);
    expect(scheduler.sessions).toHaveLength(2);
    expect(runner.play('a').signal.aborted).toBe(false);
    expect(scheduler.of('holding').at(-1)!.held).toEqual([
      { ...refTo('a'), store_id: 'store', spooled: false },
    ]);
  });
});

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
    scheduler.say({ t: 'acknowledge', attempts: [refTo('a')] });
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
    scheduler.say({ t: 'acknowledge', attempts: names.slice(0, sent).map((name) => refTo(name)) });
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
    scheduler.say({ t: 'acknowledge', attempts: [refTo('b')] });
    await clock.settle();
    expect(instance.stats().accepting).toBe(true);
    expect(scheduler.of('heartbeat').at(-1)!.draining).toBe(false);
  });
});

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
      { t: 'state', request: 7, live: { phase: 'streaming', tokens: 2, elapsed_ms: 1_234, pid: 4711 } },
      { t: 'state', request: 8, live: null },
    ]);
  });
});

describe('a log that is followed', () => {
  const text = (scheduler: Awaited<ReturnType<typeof connected>>['scheduler'], follow: number): string =>
    scheduler
      .of('log')
      .filter((piece) => piece.follow === follow)
      .map((piece) => piece.text)
      .join('');

  it('R24: brings what was logged, then what is logged, then the end', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const { observer } = runner.play('a');
    observer.log('info', 'before');
    scheduler.say({ t: 'follow', follow: 5, attempt: refTo('a'), offset: 0 });
    await clock.settle();
    expect(text(scheduler, 5)).toContain('"text":"before"');
    observer.log('stdout', 'live 1');
    observer.log('stdout', 'live 2');
    await clock.settle();
    expect(scheduler.of('log')).toHaveLength(2);
    expect(scheduler.of('log').every((piece) => !piece.end && piece.attempt === 1)).toBe(true);
    observer.log('info', 'last');
    runner.play('a').answer();
    await clock.settle();
    const report = scheduler.of('outcome')[0]!.report;
    expect(text(scheduler, 5)).toBe(report.log);
    expect(scheduler.of('log').at(-1)).toEqual({
      t: 'log',
      follow: 5,
      attempt: 1,
      offset: Buffer.byteLength(report.log),
      text: '',
      end: true,
    });
  });

  it('R24: goes on from the offset asked for, each byte once, also when it has become long', async () => {
    const { clock, files, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const { observer } = runner.play('a');
    for (let i = 0; i < 400; i += 1) observer.log('stdout', `${i} ${'é'.repeat(1_000)}`);
    await clock.settle();
    expect(files.paths).toContain('/spool/logs/1.log');
    scheduler.say({ t: 'follow', follow: 1, attempt: refTo('a'), offset: 0 });
    await clock.settle();
    const first = text(scheduler, 1);
    const half = Buffer.byteLength(first.slice(0, first.indexOf('\n', first.length / 2) + 1));
    scheduler.say({ t: 'unfollow', follow: 1 });
    for (let i = 0; i < 400; i += 1) observer.log('stdout', `more ${i} ${'x'.repeat(1_000)}`);
    scheduler.say({ t: 'follow', follow: 2, attempt: refTo('a'), offset: half });
    await clock.advance(1_000);
    runner.play('a').answer();
    await clock.advance(1_000);
    const { log } = scheduler.of('outcome')[0]!.report;
    // Compared without a diff: half a megabyte of it would help nobody.
    expect(log.startsWith(text(scheduler, 1))).toBe(true);
    expect(Buffer.from(log).subarray(half).toString() === text(scheduler, 2)).toBe(true);
    let offset = half;
    for (const piece of scheduler.of('log').filter((one) => one.follow === 2)) {
      expect(piece.offset).toBe(offset);
      offset += Buffer.byteLength(piece.text);
    }
    await clock.settle();
    expect(files.paths.filter((path) => path.endsWith('.log'))).toEqual([]);
  });

  it('of an attempt that is not here ends at once', async () => {
    const { clock, scheduler } = await connected();
    scheduler.say({ t: 'follow', follow: 5, attempt: refTo('a'), offset: 17 });
    await clock.settle();
    expect(scheduler.of('log')).toEqual([
      { t: 'log', follow: 5, attempt: 1, offset: 17, text: '', end: true },
    ]);
  });

  it('that nobody follows is sent once, with the outcome', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    runner.play('a').observer.log('stderr', 'oops');
    runner.play('a').answer();
    await clock.settle();
    expect(scheduler.of('log')).toEqual([]);
    expect(JSON.parse(scheduler.of('outcome')[0]!.report.log)).toMatchObject({
      stream: 'stderr',
      text: 'oops',
    });
  });

  it('is not sent on a connection that is gone', async () => {
    const { clock, network, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    scheduler.say({ t: 'follow', follow: 5, attempt: refTo('a'), offset: 0 });
    await clock.settle();
    network.links[0]!.reset();
    await clock.advance(1_000);
    runner.play('a').observer.log('info', 'later');
    await clock.settle();
    expect(scheduler.of('log')).toEqual([]);
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

describe('a connection that is cut anywhere', () => {
  it('F12 F21: loses nothing and runs nothing twice', async () => {
    for (const slice_bytes of [1, 7, 100_000]) {
      const all = stage({}, { slice_bytes });
      const { clock, network, scheduler, runner, instance } = all;
      let cut = 30;
      const runs: string[] = [];
      const run = runner.run.bind(runner);
      runner.run = (order, observer, signal) => {
        runs.push(order.name);
        clock.after(20, () => runner.play(order.name).answer(order.name));
        return run(order, observer, signal);
      };
      await instance.start();
      const names = ['a', 'b', 'c', 'd'];
      const done = new Set<string>();
      for (let round = 0; round < 60 && done.size < names.length; round += 1) {
        await clock.advance(700);
        const link = network.links.at(-1);
        if (link?.open !== true || scheduler.sessions.at(-1)?.open !== true) continue;
        for (const name of names) if (!done.has(name)) scheduler.dispatch(orderOf(name));
        link.cutAfter(round % 2 === 0 ? 'to_client' : 'to_server', (cut *= 2));
        await clock.advance(300);
        for (const { report } of scheduler.of('outcome')) done.add(report.name);
      }
      expect([...done].toSorted()).toEqual(names);
      expect(new Set(runs).size).toBe(4);
      const stopped = instance.stop();
      await clock.advance(10_000);
      await stopped;
    }
  });
});
