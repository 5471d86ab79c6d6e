/** R15: the table of running attempts and the pids of their processes, as an instance tells it. */
import { describe, expect, it } from 'vitest';
import { connected, orderOf, refTo } from '../support/scripted-scheduler.ts';

describe('an attempt that has a process', () => {
  it('R15: is told with its pid soon after that has begun, and others without', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'), orderOf('b'), orderOf('c'));
    await clock.settle();
    const before = scheduler.of('heartbeat').length;
    runner.play('a').observer.process?.(4_711, 'runs');
    runner.play('b').observer.process?.(4_712, 'runs');
    await clock.advance(200);
    expect(scheduler.of('heartbeat').slice(before)).toEqual([
      expect.objectContaining({
        held: [{ ...refTo('a'), pid: 4_711 }, { ...refTo('b'), pid: 4_712 }, refTo('c')],
      }),
    ]);
    scheduler.say({ t: 'state_request', request: 7, attempt: refTo('a') });
    await clock.settle();
    expect(scheduler.of('state').at(-1)?.live).toMatchObject({ pid: 4_711 });
  });

  it('R15: is told with the one that was started last, and without one when all are gone', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    const { observer } = runner.play('a');
    const told = async (): Promise<unknown> => {
      await clock.advance(200);
      return scheduler.of('heartbeat').at(-1)?.held;
    };
    observer.process?.(4_711, 'runs');
    observer.process?.(4_712, 'runs');
    expect(await told()).toEqual([{ ...refTo('a'), pid: 4_712 }]);
    observer.process?.(4_712, 'is_gone');
    expect(await told()).toEqual([{ ...refTo('a'), pid: 4_711 }]);
    observer.process?.(4_711, 'is_gone');
    expect(await told()).toEqual([refTo('a')]);
  });

  it('R15: is not started again by an order that comes again', async () => {
    const { clock, scheduler, runner } = await connected();
    let runs = 0;
    const run = runner.run.bind(runner);
    runner.run = (order, observer, signal) => {
      runs += 1;
      observer.process?.(4_711, 'runs');
      return run(order, observer, signal);
    };
    for (let nth = 0; nth < 3; nth += 1) {
      scheduler.dispatch(orderOf('a'));
      await clock.advance(200);
    }
    expect(runs).toBe(1);
    expect(scheduler.of('heartbeat').at(-1)?.held).toEqual([{ ...refTo('a'), pid: 4_711 }]);
  });

  it('R16: leaves the table with its end', async () => {
    const { clock, scheduler, runner } = await connected();
    scheduler.dispatch(orderOf('a'));
    await clock.settle();
    runner.play('a').observer.process?.(4_711, 'runs');
    runner.play('a').answer();
    await clock.advance(10_000);
    expect(scheduler.of('heartbeat').at(-1)?.held).toEqual([]);
  });
});
