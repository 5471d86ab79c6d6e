import { describe, expect, it } from 'vitest';
import { connected, orderOf, refTo, type ScriptedScheduler } from '../support/scripted-scheduler.ts';

describe('a log that is followed', () => {
  const text = (scheduler: ScriptedScheduler, follow: number): string =>
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
