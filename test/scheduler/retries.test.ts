import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { META } from './peer.ts';
import { Stage } from './stage.ts';
import { GRACE, TERM } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

const DAY = 86_400_000;

describe('a run that is to begin later', () => {
  it('R20: waits until its time, and not longer', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const run_at = stage.clock.now() + 3 * DAY;
    expect(await stage.submit(['a', { options: { run_at } }])).toMatchObject([
      { state: 'scheduled', verdict: 'created' },
    ]);
    await stage.live(3 * DAY - 60_000, [peer, []]);
    expect(stage.state('a')).toBe('scheduled');
    await stage.live(61_000, [peer, []]);
    expect(peer.dispatched).toEqual(['a#1']);
  }, 20_000);

  it('R26: is found after a restart', async () => {
    stage = await Stage.open();
    await stage.submit(['a', { options: { run_at: stage.clock.now() + 60_000 } }]);
    await stage.restart();
    await stage.clock.advance(60_000);
    expect(stage.state('a')).toBe('queued');
  });

  it('F54: begins within an hour of its time where the clock on the wall is moved', async () => {
    stage = await Stage.open();
    await stage.submit(['a', { options: { run_at: stage.clock.now() + 30 * DAY } }]);
    stage.clock.jumpWall(31 * DAY);
    await stage.clock.advance(LIMITS.timer_max_ms);
    expect(stage.state('a')).toBe('queued');
  });

  it('R6: does not lead: others may ask for the same work meanwhile, and their answer is taken', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const at = stage.clock.now() + 10_000;
    await stage.submit(
      ['later', { text: 'same', options: { run_at: at } }],
      ['latest', { text: 'same', options: { run_at: at + 1 } }],
      ['now', { text: 'same' }],
    );
    expect(stage.states('later', 'now')).toEqual(['scheduled', 'running']);
    await stage.live(10_000, [peer, ['now']]);
    expect(stage.states('later', 'now')).toEqual(['blocked', 'running']);
    peer.answer('now');
    await stage.settle();
    expect(stage.states('later', 'now')).toEqual(['completed', 'completed']);
    await stage.clock.advance(1_000);
    expect(stage.state('latest')).toBe('completed');
    expect(peer.dispatched).toEqual(['now#1']);
  });
});

describe('a run whose attempt failed', () => {
  it('R22: waits in the retry queue, says why, and is tried again when its time has come', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.fail('a', { message: 'boom' });
    await stage.settle();
    const run = stage.run('a');
    expect(run).toMatchObject({ state: 'retrying', errors: 1, reason_code: 'Backoff' });
    expect(run.reason_message).toContain('boom');
    expect(run.due_at! - stage.clock.now()).toBeLessThanOrEqual(2_000);
    await stage.clock.advance(2_000);
    expect(peer.dispatched).toEqual(['a#1', 'a#2']);
    expect(stage.run('a')).toMatchObject({ state: 'running', due_at: null, reason_code: null });
    peer.answer('a');
    await stage.settle();
    expect(stage.outcomes('a')).toEqual(['errored/errors', 'succeeded/free']);
  });

  it('R20: fails after max_attempts, with what happened, and leaves a file to publish', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { options: { max_attempts: 3 } }]);
    for (const message of ['one', 'two', 'three']) {
      peer.fail('a', { message });
      await stage.clock.advance(10_000);
    }
    expect(stage.run('a')).toMatchObject({ state: 'failed', errors: 3, reason_code: 'AttemptsExhausted' });
    expect(stage.run('a').reason_message).toContain('three');
    expect(peer.dispatched).toEqual(['a#1', 'a#2', 'a#3']);
    expect(stage.reads.publications(10)).toContainEqual({
      kind: 'ended',
      job: stage.run('a').id,
      epoch: stage.run('a').epoch,
    });
  });

  it('R26: is found after a restart', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.fail('a');
    await stage.settle();
    await stage.restart();
    await stage.clock.advance(5_000);
    expect(stage.state('a')).toBe('queued');
    expect((await stage.attach()).dispatched).toEqual(['a#2']);
  });

  it('R22: is tried again by a person, with fresh budgets and new options', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { options: { max_attempts: 1 } }]);
    peer.fail('a');
    await stage.settle();
    expect(await stage.retry('a', { priority: 4, max_attempts: 2 })).toBe('queued');
    expect(stage.run('a')).toMatchObject({
      state: 'running',
      attempt: 2,
      errors: 0,
      priority: 4,
      max_attempts: 2,
    });
    expect(await stage.retry('a')).toBe('wrong_state');
    expect(await stage.retry('nobody')).toBe('not_found');
    peer.answer('a');
    await stage.settle();
    expect(stage.run('a')).toMatchObject({ state: 'completed', attempt: 2 });
    expect(await stage.retry('a')).toBe('wrong_state');
  });

  it('R6: is not asked again by a person where somebody else asks already', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { text: 'same' }]);
    await stage.cancel('a');
    peer.cancelled('a');
    await stage.settle();
    await stage.submit(['b', { text: 'same' }]);
    expect(await stage.retry('a', { priority: 9 })).toBe('blocked');
    expect(stage.run('b').priority).toBe(9);
    peer.answer('b');
    await stage.settle();
    expect(stage.states('a', 'b')).toEqual(['completed', 'completed']);
    expect(peer.dispatched).toEqual(['a#1', 'b#1']);
  });
});

describe('an answer that comes late', () => {
  /** Attempt 1 is lost with its lease, attempt 2 runs on another instance; the first one still works. */
  async function twoAttempts() {
    stage = await Stage.open();
    const first = await stage.attach({ slots: 1 });
    await stage.submit('a');
    await stage.live(TERM + 1_000, [first, [], 'draining']);
    const second = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    expect(second.dispatched).toEqual(['a#2']);
    return { first, second };
  }

  it('R6: of an older attempt is accepted, and the newer attempt aborted', async () => {
    const { first, second } = await twoAttempts();
    first.answer('a', 'late');
    await stage.settle();
    expect(stage.text('a')).toBe('late');
    expect(second.aborted).toEqual(['a#2 superseded']);
    expect(first.acknowledged).toEqual(['a#1']);
    expect(stage.outcomes('a')).toEqual(['lost/lost', 'cancelled/free']);
    expect(stage.reads.result(stage.run('a').id)!.attempt).toBe(1);
    second.answer('a', 'unneeded');
    await stage.settle();
    expect(second.acknowledged).toEqual(['a#2']);
    expect(stage.text('a')).toBe('late');
    expect(stage.events).toContainEqual(
      expect.objectContaining({ type: 'answer_dropped', attempt: 2, why: 'completed_before' }),
    );
  });

  it('G7: a failure of an older attempt changes nothing', async () => {
    const { first, second } = await twoAttempts();
    const before = stage.run('a');
    first.fail('a', { blame: 'job', reason_code: 'BadRequest' });
    await stage.settle();
    expect(stage.run('a')).toEqual(before);
    expect(first.acknowledged).toEqual(['a#1']);
    expect(second.aborted).toEqual([]);
    second.answer('a', 'right');
    await stage.settle();
    expect(stage.text('a')).toBe('right');
  });

  it('R8: a second answer never changes the first; it is acknowledged and dropped', async () => {
    const { first, second } = await twoAttempts();
    second.answer('a', 'right');
    await stage.settle();
    first.answer('a', 'late');
    await stage.settle();
    expect(stage.text('a')).toBe('right');
    expect(first.acknowledged).toEqual(['a#1']);
    expect(stage.reads.publications(10).filter(({ kind }) => kind === 'result')).toHaveLength(1);
  });

  it('R6: is taken while the run waits for its next try', async () => {
    const { first, second } = await twoAttempts();
    second.fail('a');
    await stage.settle();
    expect(stage.state('a')).toBe('retrying');
    first.answer('a', 'late');
    await stage.settle();
    expect(stage.state('a')).toBe('completed');
    await stage.clock.advance(60_000);
    expect(second.dispatched).toEqual(['a#2']);
  });

  it('R6: of a failed run is kept, published nowhere, and taken by retry instead of paying again', async () => {
    stage = await Stage.open();
    const first = await stage.attach({ slots: 1 });
    await stage.submit(['a', { options: { max_attempts: 1 } }]);
    await stage.live(TERM + 1_000, [first, [], 'draining']);
    const second = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    second.fail('a');
    await stage.settle();
    expect(stage.state('a')).toBe('failed');
    first.answer('a', 'late');
    first.answer('a', 'late');
    await stage.settle();
    expect(stage.state('a')).toBe('failed');
    expect(stage.failures()).toEqual([]);
    expect(first.acknowledged).toEqual(['a#1', 'a#1']);
    expect(stage.attempts('a')[0]).toMatchObject({
      outcome: 'lost',
      usage: META.usage,
      kept_answer: { text_bytes: 4 },
    });
    expect(stage.reads.publications(10).some(({ kind }) => kind === 'result')).toBe(false);
    expect(await stage.retry('a')).toBe('answered');
    expect(stage.text('a')).toBe('late');
    expect(second.dispatched).toEqual(['a#2']);
  });

  it('R6: that is taken by retry spares the one who asks the same meanwhile, and all who wait for it', async () => {
    stage = await Stage.open();
    const first = await stage.attach({ slots: 1 });
    await stage.submit(['a', { text: 'same' }], ['b', { text: 'same' }], ['c', { text: 'same' }]);
    await stage.cancel('a');
    // Whoever leads then is not asked: the instance takes nothing more.
    await stage.live(GRACE + 2_000, [first, ['a'], 'draining']);
    expect(stage.state('a')).toBe('cancelled');
    expect(stage.states('b', 'c')).toEqual(['queued', 'blocked']);
    first.answer('a', 'late');
    await stage.settle();
    expect(await stage.retry('a')).toBe('answered');
    expect(stage.states('a', 'b', 'c')).toEqual(['completed', 'completed', 'completed']);
    expect(stage.text('c')).toBe('late');
  });

  it('R27: is kept also where it comes in the very turn that ends its attempt', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    await stage.cancel('a');
    stage.store.hold();
    const other = stage.submit('other');
    await stage.clock.advance(GRACE + 2_000);
    peer.answer('a', 'just too late');
    await stage.settle();
    stage.store.letGo();
    await stage.settle();
    await other;
    expect(stage.state('a')).toBe('cancelled');
    expect(await stage.retry('a')).toBe('answered');
    expect(stage.text('a')).toBe('just too late');
  });

  it('from another database is taken where name, run and digest match, and only then', async () => {
    stage = await Stage.open();
    await stage.submit('a', 'b');
    const peer = await stage.attach({ slots: 0 });
    const of = (name: string) => ({ name, run: 1, attempt: 1, digest: stage.run(name).digest });
    const answer = { text: 'from elsewhere', meta: META };
    peer.report(of('a'), { store_id: 'another', answer });
    peer.report({ ...of('b'), digest: '1:0' }, { store_id: 'another', answer });
    peer.report({ ...of('b'), name: 'nobody' }, { store_id: 'another', answer });
    peer.report(of('b'), {
      store_id: 'another',
      outcome: 'errored',
      failure: { blame: 'job', reason_code: 'BadRequest', message: '', scope: 'model', retry_after_ms: null },
    });
    await stage.settle();
    expect(stage.states('a', 'b')).toEqual(['completed', 'queued']);
    expect(peer.acknowledged).toHaveLength(4);
  });

  it('R6: from another database is kept, too, where the run has failed: it was paid for', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { options: { max_attempts: 1 } }]);
    peer.fail('a');
    await stage.settle();
    const answer = { text: 'from elsewhere', meta: META };
    peer.report({ ...peer.order('a'), attempt: 7 }, { store_id: 'another', answer });
    await stage.settle();
    expect(peer.taken.at(-1)).toBe('a#7 kept');
    expect(stage.state('a')).toBe('failed');
    expect(await stage.retry('a')).toBe('answered');
    expect(stage.text('a')).toBe('from elsewhere');
  });

  it('R6: from another database ends the attempt that runs here for the same question', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    const answer = { text: 'from elsewhere', meta: META };
    peer.report(peer.order('a'), { store_id: 'another', answer });
    await stage.settle();
    expect(stage.text('a')).toBe('from elsewhere');
    expect(peer.aborted).toEqual(['a#1 superseded']);
    expect(stage.outcomes('a')).toEqual(['cancelled/free']);
  });

  it('an outcome that says success and brings no answer is none', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.report(peer.order('a'), {});
    await stage.settle();
    expect(stage.outcomes('a')[0]).toBe('errored/lost');
    expect(peer.dispatched).toEqual(['a#1', 'a#2']);
  });
});
