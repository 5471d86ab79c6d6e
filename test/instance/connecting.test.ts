import { describe, expect, it } from 'vitest';
import {
  connected,
  HEARTBEAT_MS,
  LEASE_TTL_MS,
  orderOf,
  refTo,
  stage,
} from '../support/scripted-scheduler.ts';

describe('an instance that connects', () => {
  it('R23: says who it is, what it can, and what it holds', async () => {
    const { scheduler, instance } = await connected({ needs: ['', 'workspace'], slots: 2 });
    expect(scheduler.heard[0]).toEqual({
      t: 'hello',
      protocol: 2,
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
    // Each a random part of the longest, so that a thousand instances do not come back as one.
    expect(new Set(pauses.slice(-50)).size).toBeGreaterThan(40);
    expect(Math.min(...pauses.slice(-50))).toBeLessThan(1_500);
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
    // The term counts from the sending of the last heartbeat that was answered: this one.
    await clock.advance(2 * HEARTBEAT_MS);
    const renewed_at = clock.monotonic();
    network.links[0]!.blackHole();
    await clock.advance(renewed_at + LEASE_TTL_MS - clock.monotonic());
    expect(scheduler.sessions).toHaveLength(2);
    expect(runner.play('a').signal.aborted).toBe(false);
    expect(scheduler.of('holding').at(-1)!.held).toEqual([
      { ...refTo('a'), store_id: 'store', spooled: false },
    ]);
    await clock.advance(2 * LEASE_TTL_MS);
    expect(runner.play('a').signal.aborted).toBe(false);
    expect(scheduler.sessions).toHaveLength(2);
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
