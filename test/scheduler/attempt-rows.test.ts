/** The row of an attempt is the whole story of it: how it ended, what it was charged for, why, and what it cost. */
import { afterEach, describe, expect, it } from 'vitest';
import type { AttemptReport } from '../../src/core/attempt.ts';
import { META, type Peer } from './peer.ts';
import { Stage } from './stage.ts';
import { GRACE, TERM } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

async function running(...names: readonly string[]): Promise<Peer> {
  stage = await Stage.open();
  const peer = await stage.attach();
  await stage.submit(...names);
  return peer;
}

/** `outcome charge reason` of each attempt, in order. */
const rows = (name: string): string[] =>
  stage
    .attempts(name)
    .map(
      ({ outcome, charged_for, reason_code }) =>
        `${outcome ?? 'running'} ${charged_for ?? 'free'} ${reason_code ?? '-'}`,
    );

const failing = (more: object): Partial<AttemptReport> => ({
  failure: {
    blame: 'transient',
    reason_code: 'ProviderError',
    message: 'it broke',
    scope: 'endpoint',
    retry_after_ms: null,
    ...more,
  },
});

/** Every way in which an instance may say that an attempt ended, and what becomes of the row and of the run. */
const BROUGHT: readonly (readonly [
  what: string,
  report: Partial<AttemptReport>,
  row: string,
  error: string | null,
  state: string,
])[] = [
  [
    'an answer',
    { outcome: 'succeeded', answer: { text: 'yes', meta: META } },
    'succeeded free -',
    null,
    'completed',
  ],
  [
    'a passing error',
    { outcome: 'errored', ...failing({}) },
    'errored errors ProviderError',
    'it broke',
    'retrying',
  ],
  [
    'an error of the job',
    { outcome: 'errored', ...failing({ blame: 'job', reason_code: 'BadRequest' }) },
    'errored errors BadRequest',
    'it broke',
    'failed',
  ],
  [
    'an endpoint that serves nobody',
    { outcome: 'errored', ...failing({ blame: 'hold', reason_code: 'EndpointAuth' }) },
    'errored free EndpointAuth',
    'it broke',
    'queued',
  ],
  [
    'a limit of time',
    { outcome: 'timed_out', ...failing({ reason_code: 'StallTimeout' }) },
    'timed_out errors StallTimeout',
    'it broke',
    'retrying',
  ],
  [
    'throttling',
    { outcome: 'rate_limited', ...failing({ blame: 'throttled', reason_code: 'EndpointThrottled' }) },
    'rate_limited rate_limited EndpointThrottled',
    'it broke',
    'queued',
  ],
  [
    'a stop of the instance',
    { outcome: 'interrupted' },
    'interrupted interrupted Interrupted',
    'Its instance was stopped.',
    'queued',
  ],
  [
    'an attempt that was given up',
    { outcome: 'cancelled' },
    'cancelled lost InstanceLost',
    'Its instance had given it up.',
    'queued',
  ],
  [
    'success without an answer',
    { outcome: 'succeeded' },
    'errored lost InvalidAnswer',
    'Its instance said "succeeded" and brought nothing to show for it.',
    'queued',
  ],
  [
    'throttling without a failure to close a gate',
    { outcome: 'rate_limited' },
    'rate_limited lost InvalidAnswer',
    'Its instance said "rate_limited" and brought nothing to show for it.',
    'queued',
  ],
];

describe('the row of an attempt whose outcome was brought', () => {
  it.each(BROUGHT)(
    'R22: says of %s how it ended, its charge, and why',
    async (_what, report, row, error, state) => {
      const peer = await running('a');
      // It takes nothing more, so that what became of the run can be seen.
      peer.beat([peer.order('a')], true);
      peer.report(peer.order('a'), report);
      await stage.settle();
      expect(rows('a')).toEqual([row]);
      expect(stage.attempts('a')[0]!.error).toBe(error);
      expect(stage.state('a')).toBe(state);
    },
  );

  it.each(BROUGHT)(
    'F20: says the same of %s where the next process brings it from its spool after a restart of both',
    async (_what, report, row, _error, state) => {
      const peer = await running('a');
      await stage.restart();
      const back = await stage.attach({ process_id: 'process-2' }, [peer.held('a', { spooled: true })]);
      back.beat([peer.order('a')], true);
      back.report(peer.order('a'), report);
      await stage.settle();
      expect(rows('a')).toEqual([row]);
      expect(stage.state('a')).toBe(state);
      expect(back.acknowledged).toEqual(['a#1']);
    },
  );
});

describe('the row of an attempt whose outcome nobody brought', () => {
  it('R22: says that no heartbeat listed it', async () => {
    const peer = await running('a');
    await stage.live(TERM + 500, [peer, [], 'draining']);
    expect(rows('a')).toEqual(['lost lost InstanceLost']);
    expect(stage.attempts('a')[0]!.error).toContain('No heartbeat of instance "gpu-1"');
  });

  it('R22: says that its process is gone', async () => {
    const peer = await running('a');
    stage.dead.add(peer.hello.pid);
    peer.hangUp();
    await stage.clock.advance(1_000);
    expect(rows('a')).toEqual(['lost lost InstanceLost']);
    expect(stage.attempts('a')[0]!.error).toContain('The process of instance "gpu-1" is gone');
  });

  it('R22: says that the dispatch never arrived, which is free', async () => {
    const peer = await running('a');
    peer.hangUp();
    await stage.attach({ slots: 0 });
    expect(rows('a')).toEqual(['lost free NotDelivered']);
    expect(stage.run('a')).toMatchObject({ state: 'queued', lost: 0 });
  });

  it('G14: says that its time was over', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { options: { attempt_timeout_ms: 1_000 } }]);
    await stage.live(1_000 + 2 * GRACE + TERM + 500, [peer, ['a'], 'draining']);
    expect(rows('a')).toEqual(['timed_out errors TotalTimeout']);
  });

  it('R22: says that a cancel was confirmed, and charges nothing', async () => {
    const peer = await running('a');
    await stage.cancel('a');
    peer.cancelled('a');
    await stage.settle();
    expect(rows('a')).toEqual(['cancelled free Cancelled']);
  });
});

describe('what an answer cost that nobody waited for', () => {
  async function twoAttempts() {
    const first = await running('a');
    await stage.live(TERM + 1_000, [first, [], 'draining']);
    const second = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    expect(second.dispatched).toEqual(['a#2']);
    return { first, second };
  }
  const spent = (): unknown[] => stage.attempts('a').map(({ usage }) => usage);
  const dropped = (): string[] =>
    stage.events.flatMap((event) =>
      event.type === 'answer_dropped' ? [`#${event.attempt} ${event.why}`] : [],
    );

  it('G5: stands in the row of the older attempt that brought it', async () => {
    const { first } = await twoAttempts();
    first.answer('a');
    await stage.settle();
    expect(rows('a')).toEqual(['lost lost InstanceLost', 'cancelled free Superseded']);
    expect(spent()).toEqual([META.usage, null]);
  });

  it('G5: stands in its row also where the run had its answer: it was paid for twice, and counted', async () => {
    const { first, second } = await twoAttempts();
    second.answer('a', 'first to come');
    await stage.settle();
    first.answer('a', 'second to come');
    await stage.settle();
    expect(spent()).toEqual([META.usage, META.usage]);
    expect(dropped()).toEqual(['#1 completed_before']);
    expect(stage.text('a')).toBe('first to come');
  });

  it('F22: is counted once, however often the accepted answer is sent again', async () => {
    const peer = await running('a');
    peer.answer('a');
    peer.answer('a');
    await stage.settle();
    const commits = stage.store.committed.length;
    peer.answer('a');
    await stage.settle();
    expect(stage.store.committed.length).toBe(commits);
    expect(dropped()).toEqual(['#1 sent_again', '#1 sent_again']);
    expect(peer.acknowledged).toEqual(['a#1', 'a#1', 'a#1']);
  });
});

describe('an acknowledgement', () => {
  it('R6, F38: says what became of an outcome: taken, known, kept, or wanted by nobody', async () => {
    stage = await Stage.open();
    const first = await stage.attach();
    await stage.submit('taken', 'known', ['kept', { options: { max_attempts: 1 } }], 'old');
    await stage.live(TERM + 1_000, [first, [], 'draining']);
    const second = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    second.answer('taken');
    second.answer('known');
    second.fail('kept');
    await stage.settle();
    expect(second.taken).toEqual(['taken#2 taken', 'known#2 taken', 'kept#2 taken']);
    first.answer('known');
    first.answer('kept');
    first.fail('old');
    first.fail('taken');
    first.report({ ...first.order('old'), name: 'nobody' }, { outcome: 'interrupted' });
    await stage.settle();
    expect(first.taken).toEqual([
      'known#1 known',
      'kept#1 kept',
      'old#1 unwanted',
      'taken#1 known',
      'nobody#1 unwanted',
    ]);
  });
});
