import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { jobOf, type JobWish } from './prepared-job.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const asking = (text: string, names: readonly string[], wish: JobWish = {}): [string, JobWish][] =>
  names.map((name) => [name, { ...wish, text }]);

const REFUSED = { blame: 'job', reason_code: 'BadRequest', message: 'no such parameter' } as const;

describe('one name', () => {
  it('R6, R27: a hundred identical submissions at once make one run and one dispatch', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const receipts = Array.from({ length: 100 }, () => stage.service.submit([jobOf('a')], 'refuse_all'));
    await stage.settle();
    const verdicts = (await Promise.all(receipts)).map(({ jobs }) => jobs[0]!.verdict);
    expect(verdicts.filter((verdict) => verdict === 'created')).toHaveLength(1);
    expect(verdicts.filter((verdict) => verdict === 'known')).toHaveLength(99);
    expect(peer.dispatched).toEqual(['a#1']);
    expect(stage.reads.runsOf('a', 10)).toHaveLength(1);
  });

  it('R6: answered before is answered again, with no attempt', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.answer('a');
    await stage.settle();
    expect(await stage.submit(['a', { options: { priority: 3 } }])).toMatchObject([
      { run: 1, state: 'completed', verdict: 'answered_before', options_differ: true },
    ]);
    expect(peer.dispatched).toEqual(['a#1']);
  });

  it('R8: with another content is a conflict, and changes nothing', async () => {
    stage = await Stage.open();
    await stage.submit('a');
    const receipt = await stage.now(
      stage.service.submit([jobOf('b'), jobOf('a', { text: 'other' })], 'refuse_all'),
    );
    expect(receipt).toMatchObject({
      accepted: false,
      jobs: [
        { name: 'b', verdict: 'created' },
        { name: 'a', run: 1, verdict: 'conflict' },
      ],
    });
    expect(stage.reads.run('b', null)).toBe(null);
    expect(stage.run('a').digest).toBe(jobOf('a').digest);
  });

  it('R27: twice in one lot with different contents refuses the whole lot', async () => {
    stage = await Stage.open();
    const lot = [jobOf('a'), jobOf('c'), jobOf('a', { text: 'other' })];
    const receipt = await stage.now(stage.service.submit(lot, 'refuse_all'));
    expect(receipt.accepted).toBe(false);
    expect(receipt.jobs.map(({ verdict }) => verdict === 'conflict')).toEqual([false, false, true]);
    expect(stage.reads.run('a', null)).toBe(null);
    const skipped = await stage.now(stage.service.submit(lot, 'skip'));
    expect(skipped.jobs.map(({ verdict }) => verdict)).toEqual(['created', 'created', 'conflict']);
  });

  it('R9: with another content makes the next run where that is asked for; the first stays as it is', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.answer('a', 'first');
    await stage.settle();
    expect(await stage.submit(['a', { text: 'other', if_exists: 'new_run' }])).toMatchObject([
      { run: 2, verdict: 'created' },
    ]);
    peer.answer('a', 'second');
    await stage.settle();
    expect(stage.text('a')).toBe('second');
    expect(stage.reads.runsOf('a', 10).map(({ run, state }) => [run, state])).toEqual([
      [2, 'completed'],
      [1, 'completed'],
    ]);
    const epochs = stage.reads.runsOf('a', 10).map(({ epoch }) => epoch!);
    expect(epochs[0]).toBeGreaterThan(epochs[1]!);
    // The first content is known still, and conflicts with nothing; as a next run it would be the third.
    expect(await stage.submit('a')).toMatchObject([{ run: 1, verdict: 'answered_before' }]);
    expect(await stage.submit(['a', { if_exists: 'new_run' }])).toMatchObject([
      { run: 3, state: 'completed' },
    ]);
    expect(stage.text('a')).toBe('first');
    expect(peer.dispatched).toEqual(['a#1', 'a#1']);
  });
});

describe('the same work under other names', () => {
  it('R6: fifty names make one dispatch and fifty results', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const names = named('n', 50);
    const verdicts = (await stage.submit(...asking('same', names))).map(({ verdict }) => verdict);
    expect(verdicts).toEqual(['created', ...Array.from({ length: 49 }, () => 'shared')]);
    expect(peer.dispatched).toEqual(['n-0#1']);
    peer.answer('n-0', 'the answer');
    await stage.settle();
    expect(new Set(names.map((name) => stage.text(name)))).toEqual(new Set(['the answer']));
    expect(new Set(stage.states(...names))).toEqual(new Set(['completed']));
    expect(peer.dispatched).toEqual(['n-0#1']);
    expect(stage.run('n-7').answered_by).toBe(stage.run('n-0').id);
  });

  it('R6: completed before completes at once, with a file of its own to publish', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { text: 'same' }]);
    peer.answer('a');
    await stage.settle();
    expect(await stage.submit(['b', { text: 'same' }])).toMatchObject([
      { state: 'completed', verdict: 'answered_before' },
    ]);
    expect(stage.text('b')).toBe('answer of a');
    expect(stage.reads.publications(10).filter(({ job }) => job === stage.run('b').id)).toMatchObject([
      { kind: 'job' },
      { kind: 'result' },
    ]);
  });

  it('R27: more than are settled in one turn are all settled, some at a time', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const names = named('n', LIMITS.followers_per_turn_max * 2 + 7);
    await stage.submit(...asking('same', names));
    const before = stage.store.committed.length;
    peer.answer('n-0');
    await stage.settle();
    expect(stage.states(...names).filter((state) => state === 'completed')).toHaveLength(names.length);
    expect(stage.store.committed.length - before).toBeGreaterThanOrEqual(3);
    expect(peer.dispatched).toHaveLength(1);
  });

  it('R6: a permanent failure ends all of them with the same reason', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...asking('same', ['a', 'b', 'c']));
    peer.fail('a', REFUSED);
    await stage.settle();
    expect(stage.states('a', 'b', 'c')).toEqual(['failed', 'failed', 'failed']);
    expect(['a', 'b', 'c'].map((name) => stage.run(name).reason_code)).toEqual([
      'BadRequest',
      'BadRequest',
      'BadRequest',
    ]);
    expect(stage.run('b').reason_message).toContain('a@1');
    expect(peer.dispatched).toEqual(['a#1']);
  });

  it('R27: a permanent failure ends all of them even where one of them was cancelled in the same moment', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...asking('same', ['a', 'b', 'c']));
    stage.store.hold();
    const other = stage.submit('other');
    await stage.settle();
    peer.fail('a', REFUSED);
    await stage.settle();
    const cancelled = stage.service.cancel([{ name: 'b', run: null }]);
    stage.store.letGo();
    await stage.settle();
    await Promise.all([other, cancelled]);
    expect(stage.states('a', 'b', 'c')).toEqual(['failed', 'cancelled', 'failed']);
    expect(peer.dispatched.filter((one) => !one.startsWith('other'))).toEqual(['a#1']);
  });

  it('R6: an exhausted budget hands over to the next, with its own budgets', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...asking('same', ['a', 'b'], { options: { max_attempts: 1 } }));
    peer.fail('a');
    await stage.settle();
    expect(stage.states('a', 'b')).toEqual(['failed', 'running']);
    expect(peer.dispatched).toEqual(['a#1', 'b#1']);
    peer.answer('b');
    await stage.settle();
    expect(stage.states('a', 'b')).toEqual(['failed', 'completed']);
  });

  it.each([
    ['lost too often', { outcome: 'cancelled' }, LIMITS.lost_max, 'LostTooOften'],
    ['interrupted too often', { outcome: 'interrupted' }, LIMITS.interrupted_max, 'AttemptsExhausted'],
  ] as const)('one that is %s hands over, too', async (_what, report, times, code) => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...asking('same', ['a', 'b']));
    for (let i = 0; i < times; i += 1) {
      expect(stage.states('a', 'b')).toEqual(['running', 'blocked']);
      peer.report(peer.order('a'), report);
      await stage.settle();
    }
    expect(stage.run('a')).toMatchObject({ state: 'failed', reason_code: code, errors: 0 });
    expect(stage.run('b')).toMatchObject({ state: 'running', attempt: 1, lost: 0, interrupted: 0 });
  });

  it('R19: a cancel of the one that runs keeps the others waiting until it has ended, then hands over', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...asking('same', ['a', 'b']));
    await stage.cancel('a');
    expect(await stage.submit(['c', { text: 'same' }])).toMatchObject([{ state: 'blocked' }]);
    expect(stage.states('a', 'b')).toEqual(['running', 'blocked']);
    peer.cancelled('a');
    await stage.settle();
    expect(stage.states('a', 'b', 'c')).toEqual(['cancelled', 'running', 'blocked']);
    expect(peer.dispatched).toEqual(['a#1', 'b#1']);
  });

  it('R6, R22: a cancel of the one that leads hands over to the one of the highest priority', async () => {
    stage = await Stage.open();
    await stage.submit(
      ['a', { text: 'same' }],
      ['b', { text: 'same' }],
      ['c', { text: 'same', options: { priority: 2 } }],
      ['d', { text: 'same' }],
    );
    expect(stage.run('a').priority).toBe(2);
    expect(await stage.cancel('a')).toEqual(['cancelled']);
    expect(stage.states('a', 'b', 'c', 'd')).toEqual(['cancelled', 'blocked', 'queued', 'blocked']);
    await stage.cancel('c');
    await stage.cancel('b');
    expect(stage.states('a', 'b', 'c', 'd')).toEqual(['cancelled', 'cancelled', 'cancelled', 'queued']);
  });

  it('R6, R22: whoever takes the lead before the next of them takes their highest priority too', async () => {
    stage = await Stage.open();
    await stage.submit(['a', { text: 'same' }], ['b', { text: 'same', options: { priority: 7 } }]);
    stage.store.hold();
    const other = stage.submit('other');
    await stage.settle();
    const cancelled = stage.service.cancel([{ name: 'a', run: null }]);
    const late = stage.service.submit([jobOf('c', { text: 'same' })], 'refuse_all');
    stage.store.letGo();
    await stage.settle();
    await Promise.all([other, cancelled, late]);
    expect(stage.states('a', 'b', 'c')).toEqual(['cancelled', 'blocked', 'queued']);
    expect(stage.run('c').priority).toBe(7);
  });

  it('R6: a cancel of one that waits leaves the others waiting', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...asking('same', ['a', 'b', 'c']));
    expect(await stage.cancel('b')).toEqual(['cancelled']);
    peer.answer('a');
    await stage.settle();
    expect(stage.states('a', 'b', 'c')).toEqual(['completed', 'cancelled', 'completed']);
  });

  it('R27: of leaders submitted, cancelled and submitted again in one moment, one leads and nobody is stuck', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    stage.store.hold();
    const first = stage.submit('first');
    await stage.settle();
    const asks: Promise<unknown>[] = [];
    for (const name of named('n', 20)) {
      asks.push(stage.service.submit([jobOf(name, { text: 'same' })], 'refuse_all'));
      if (name.endsWith('3'))
        asks.push(
          stage.service.cancel([
            { name: 'n-0', run: null },
            { name: 'n-1', run: null },
          ]),
        );
    }
    stage.store.letGo();
    await stage.settle();
    await Promise.all([first, ...asks]);
    // The first that came when nobody led any more; those that waited already wait for it.
    expect(peer.dispatched.filter((one) => one.startsWith('n-'))).toEqual(['n-4#1']);
    peer.answer('n-4');
    await stage.settle();
    expect(stage.states(...named('n', 20)).filter((state) => state === 'completed')).toHaveLength(18);
  });

  it('R6: is found again after a restart between the end of a leader and that of its followers', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...asking('same', ['a', 'b', 'c']));
    stage.crashpoint = (name) => {
      if (name === 'turn.after_commit') throw new Error('killed');
    };
    peer.answer('a');
    await stage.settle();
    expect(stage.states('a', 'b', 'c')).toEqual(['completed', 'blocked', 'blocked']);
    stage.crashpoint = () => undefined;
    await stage.restart();
    expect(stage.states('a', 'b', 'c')).toEqual(['completed', 'completed', 'completed']);
  });
});

describe('a draw of its own', () => {
  it('is other work: it is asked for itself', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const digest = `1:${'f'.repeat(64)}`;
    await stage.submit(['a', { text: 'same' }], ['b', { text: 'same', digest }]);
    expect(peer.dispatched).toEqual(['a#1', 'b#1']);
  });
});
