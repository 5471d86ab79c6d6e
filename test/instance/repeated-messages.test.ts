/** F58: what a scheduler says twice. */
import { describe, expect, it } from 'vitest';
import type { FromScheduler } from '../../src/wire/messages.ts';
import type { ReadonlyDeep } from '../../src/wire/session.ts';
import { ackOf, connected, orderOf, outcomes, refTo } from '../support/scripted-scheduler.ts';

async function setup() {
  const all = await connected();
  const { scheduler, clock } = all;
  const sayOften = async (message: ReadonlyDeep<FromScheduler>): Promise<void> => {
    for (let nth = 0; nth < 3; nth += 1) scheduler.sessions.at(-1)!.send(message);
    await clock.advance(20);
  };
  const runs: string[] = [];
  const run = all.runner.run.bind(all.runner);
  all.runner.run = (order, observer, signal) => {
    runs.push(`${order.name}#${order.attempt}`);
    return run(order, observer, signal);
  };
  return { ...all, sayOften, runs };
}

describe('a scheduler that says everything several times', () => {
  it('F58: has each order run once, each outcome forgotten once, each abort obeyed once', async () => {
    const { scheduler, runner, runs, sayOften, clock, instance, create } = await setup();
    scheduler.acknowledges = false;
    await sayOften({ t: 'dispatch', orders: [orderOf('a'), orderOf('b')] });
    expect(runs).toEqual(['a#1', 'b#1']);
    expect(instance.stats().running).toBe(2);
    runner.play('a').answer();
    await clock.advance(20);
    await sayOften({ t: 'acknowledge', attempts: [ackOf('a')] });
    await sayOften({ t: 'abort', attempts: [refTo('b')], reason: 'cancelled' });
    expect(outcomes(scheduler)).toEqual(['a: succeeded', 'b: cancelled']);
    await sayOften({ t: 'acknowledge', attempts: [ackOf('b'), ackOf('a')] });
    expect(instance.stats()).toMatchObject({ running: 0, spooled: 0 });
    const stopped = instance.stop();
    await clock.advance(10_000);
    await stopped;
    const next = create();
    await next.start();
    await clock.advance(100);
    expect(scheduler.of('holding').at(-1)!.held, 'the next process finds nothing to bring').toEqual([]);
    const ended = next.stop();
    await clock.advance(10_000);
    await ended;
  });

  it('F58: is brought again what it asks for again after it was forgotten: nothing is run for that', async () => {
    const { runs, runner, sayOften, clock, scheduler } = await setup();
    await sayOften({ t: 'dispatch', orders: [orderOf('a')] });
    runner.play('a').answer();
    await clock.advance(20);
    await sayOften({ t: 'abort', attempts: [refTo('a')], reason: 'superseded' });
    expect(outcomes(scheduler)).toEqual(['a: succeeded']);
    expect(runs).toEqual(['a#1']);
  });

  it('F58: is told the state as often as it asks, follows a log once, and keeps its instance', async () => {
    const { scheduler, runner, sayOften, network, clock } = await setup();
    await sayOften({ t: 'dispatch', orders: [orderOf('a')] });
    await sayOften({ t: 'state_request', request: 7, attempt: refTo('a') });
    expect(scheduler.of('state').map(({ request, live }) => [request, live?.phase])).toEqual(
      Array.from({ length: 3 }, () => [7, 'starting']),
    );
    await sayOften({ t: 'follow', follow: 1, attempt: refTo('a'), offset: 0 });
    runner.play('a').observer.log('stdout', 'once');
    await clock.advance(1_000);
    const pieces = scheduler.of('log').map(({ offset, text }) => ({ offset, text }));
    expect(pieces.filter(({ text }) => text.includes('once'))).toHaveLength(1);
    await sayOften({ t: 'unfollow', follow: 1 });
    await sayOften({ t: 'renewed', seq: 1, gone: [] });
    await sayOften({ t: 'drain' });
    expect(network.links.map(({ open }) => open)).toEqual([true]);
    expect(runner.play('a').signal.aborted).toBe(false);
  });
});
