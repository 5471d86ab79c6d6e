import { expect, it } from 'vitest';
import { type Change, StoreConstraintError } from '../../src/core/ports/store.ts';
import type { KeyScope } from '../../src/core/rows.ts';
import {
  accepted,
  answered,
  anAttempt,
  aResult,
  aRun,
  aSpec,
  BODIES,
  body,
  CLAIMED,
  COMPLETED,
  FAILED,
  META,
  moved,
  sha256,
  T0,
} from './rows.ts';
import type { StoreSetup } from './suite.ts';

/** Refused changes with a witness beside them: whatever is refused, the witness must not be written either. */
const WITNESS: Change = { do: 'put_batch', batch: 'witness', created_at: T0 };

export function commitSuite(setup: () => Promise<StoreSetup>): void {
  async function expectRefused(
    stores: StoreSetup,
    refused: readonly Change[],
    among: readonly Change[] = refused,
  ) {
    const changes = [WITNESS, ...among];
    const found = await stores.store.commit(changes);
    expect(found.map(({ change }) => change)).toEqual(refused);
    for (const { index, change } of found) expect(changes[index]).toBe(change);
    expect(stores.reads.batch('witness')).toBeNull();
  }

  it('R26: gives back a run as it was inserted', async () => {
    const { reads, must } = await setup();
    const run = aRun(1, { batch: 'b', key: 'law/17', priority: -3, last_error: 'x', lost: 2, epoch: 7 });
    await must(accepted(run));
    expect(reads.runById(1)).toEqual(run);
  });

  it('does nothing for no changes', async () => {
    const { store } = await setup();
    expect(await store.commit([])).toEqual([]);
  });

  it('R22: refuses a run whose name and number are taken, and writes nothing of the commit', async () => {
    const stores = await setup();
    await stores.must(accepted(aRun(1, { name: 'faq' })));
    const change: Change = { do: 'insert_run', run: aRun(2, { name: 'faq' }), spec: aSpec() };
    await expectRefused(stores, [change]);
    expect(stores.reads.runById(2)).toBeNull();
  });

  it('R6: refuses a second leader of a digest, whether inserted or moved', async () => {
    const stores = await setup();
    const digest = aRun(1).digest;
    const blocked = aRun(2, { digest, state: 'blocked', leads: false });
    await stores.must(accepted(aRun(1), blocked));
    await expectRefused(stores, [{ do: 'insert_run', run: aRun(3, { digest }), spec: aSpec() }]);
    await expectRefused(stores, [moved(blocked, { state: 'queued', leads: true })]);
    expect(stores.reads.leader(digest)?.id).toBe(1);
  });

  it('R6: refuses to lead a digest that its leader has answered', async () => {
    const stores = await setup();
    const first = aRun(1);
    const { digest } = first;
    const blocked = aRun(2, { digest, state: 'blocked', leads: false });
    await stores.must(accepted(first, blocked));
    await stores.must([moved(first, { ...COMPLETED, answered_by: null })]);
    expect(stores.reads.leader(digest)).toBeNull();
    expect((await stores.store.load({ digests: [digest] })).completed.get(digest)).toBe(1);
    await expectRefused(stores, [{ do: 'insert_run', run: aRun(3, { digest }), spec: aSpec() }]);
    await expectRefused(stores, [moved(blocked, { state: 'queued', leads: true })]);
  });

  it('hands the lead over within one commit, in the order of its changes', async () => {
    const { reads, must } = await setup();
    const first = aRun(1);
    const second = aRun(2, { digest: first.digest, state: 'blocked', leads: false });
    await must(accepted(first, second));
    await must([moved(first, FAILED), moved(second, { state: 'queued', leads: true })]);
    expect(reads.leader(first.digest)?.id).toBe(2);
  });

  it('R22: refuses a move from another state or attempt than the stored one', async () => {
    const stores = await setup();
    const run = aRun(1);
    const claimed = { ...run, ...CLAIMED };
    await stores.must(accepted(run), [moved(run, CLAIMED)]);
    await expectRefused(stores, [moved(run, CLAIMED)]);
    await expectRefused(stores, [moved({ ...claimed, attempt: 2 }, COMPLETED)]);
    await expectRefused(stores, [moved({ ...claimed, state: 'queued' }, COMPLETED)]);
    await expectRefused(stores, [moved(aRun(9), CLAIMED)]);
    expect(stores.reads.runById(1)).toEqual(claimed);
  });

  it('finds every change that is refused, in the order of the commit', async () => {
    const stores = await setup();
    await stores.must(accepted(aRun(1), aRun(2)));
    const again = aRun(3, { name: 'job-1' });
    const refused: readonly Change[] = [
      { do: 'end_attempt', attempt: anAttempt(1, { ended_at: T0, outcome: 'lost' }) },
      { do: 'insert_run', run: again, spec: aSpec() },
      moved({ ...aRun(2), attempt: 4 }, CLAIMED),
    ];
    const among = [moved(aRun(1), CLAIMED), ...refused, ...BODIES];
    await expectRefused(stores, refused, among);
    expect(stores.reads.runById(1)?.state).toBe('queued');
  });

  it('ends an attempt once', async () => {
    const stores = await setup();
    const run = aRun(1);
    const ended = anAttempt(1, {
      ...{
        ended_at: T0 + 9,
        outcome: 'errored',
        charged_for: 'errors',
        reason_code: 'ProviderError',
        error: 'HTTP 500',
      },
      ...{
        timings: META.timings,
        usage: META.usage,
        cost: { amount: 0.1, currency: 'USD', as_of: '2026-11-02' },
      },
      ...{ parameters_sent: { seed: 7 }, warnings: ['w'], log_file: 'a.log', log_offset: 5, log_bytes: 6 },
    });
    await stores.must(accepted(run), [{ do: 'insert_attempt', attempt: anAttempt(1) }]);
    expect(stores.reads.attempts(1)).toEqual([anAttempt(1)]);
    await stores.must([{ do: 'end_attempt', attempt: ended }]);
    expect(stores.reads.attempts(1)).toEqual([ended]);
    await expectRefused(stores, [{ do: 'end_attempt', attempt: { ...ended, outcome: 'lost' } }]);
    expect(stores.reads.attempts(1)).toEqual([ended]);
  });

  it('keeps one late answer of an attempt that has ended', async () => {
    const stores = await setup();
    const kept_answer = { text_sha256: sha256('late'), text_bytes: 4, meta: META };
    const late = anAttempt(1, { ended_at: T0, outcome: 'lost', charged_for: 'lost', kept_answer });
    await stores.must(accepted(aRun(1)), [{ do: 'insert_attempt', attempt: anAttempt(1) }]);
    await expectRefused(stores, [{ do: 'keep_answer', attempt: late }]);
    await stores.must([{ do: 'end_attempt', attempt: { ...late, kept_answer: null } }]);
    await stores.must([body('late'), { do: 'keep_answer', attempt: late }]);
    expect(stores.reads.attempts(1)).toEqual([late]);
    await expectRefused(stores, [{ do: 'keep_answer', attempt: late }]);
  });

  it('R6: takes one result of a run and refuses another', async () => {
    const stores = await setup();
    await stores.must(...answered(aRun(1), 'first'), [body('second')]);
    await expectRefused(stores, [{ do: 'insert_result', result: aResult(1, 'second') }]);
    expect(stores.reads.body(stores.reads.result(1)?.text_sha256 ?? '')).toBe('first');
  });

  it('R8: refuses to move a completed run out of its state', async () => {
    const stores = await setup();
    const done = { ...aRun(1), ...CLAIMED, ...COMPLETED };
    await stores.must(...answered(aRun(1), 'answer'));
    await expect(
      stores.store.commit([WITNESS, moved(done, { state: 'queued', finished_at: null })]),
    ).rejects.toThrow(StoreConstraintError);
    expect(stores.reads.runById(1)).toEqual(done);
    expect(stores.reads.batch('witness')).toBeNull();
  });

  it('R8: leaves what determines an answer as it was accepted, whatever an update says', async () => {
    const { reads, must } = await setup();
    const run = aRun(1, { batch: 'b', key: 'k' });
    await must(accepted(run));
    const forged = { name: 'x', run: 5, digest: '1:x', endpoint: 'x', model: 'x', batch: 'x', key: 'x' };
    await must([moved(run, { ...CLAIMED, ...forged })]);
    expect(reads.runById(1)).toEqual({ ...run, ...CLAIMED });
  });

  it.each([
    ['an unknown state', accepted(aRun(5, { state: 'sleeping' as 'queued' }))],
    ['a lead that ended', accepted(aRun(5, { ...FAILED, leads: true }))],
    ['a wait without a due time', accepted(aRun(5, { state: 'retrying' }))],
    ['an id that is taken', accepted(aRun(1, { name: 'other', digest: '1:other' }))],
    [
      'a body that nobody put',
      [{ do: 'insert_run', run: aRun(5), spec: aSpec({ spec_sha256: 'ab'.repeat(32) }) }],
    ],
    ['an attempt that exists', [{ do: 'insert_attempt', attempt: anAttempt(1) }]],
    [
      'an unknown outcome',
      [
        {
          do: 'insert_attempt',
          attempt: anAttempt(1, { attempt: 2, ended_at: 1, outcome: 'won' as 'lost' }),
        },
      ],
    ],
    ['a value that is no column', accepted(aRun(5, { last_error: {} as string }))],
    ['a text where a number belongs', accepted(aRun(5, { rank: 'x' as unknown as number }))],
  ] satisfies readonly (readonly [string, readonly Change[]])[])(
    'R22: rejects %s with StoreConstraintError and writes nothing, then goes on',
    async (_what, changes) => {
      const { store, reads, must } = await setup();
      await must(accepted(aRun(1)), [{ do: 'insert_attempt', attempt: anAttempt(1) }]);
      await expect(store.commit([WITNESS, ...changes])).rejects.toThrow(StoreConstraintError);
      expect(reads.batch('witness')).toBeNull();
      expect(reads.runById(5)).toBeNull();
      await must(accepted(aRun(5)));
      expect(reads.runById(5)).toEqual(aRun(5));
    },
  );

  it('stores a body once, and any text as it is', async () => {
    const { reads, must } = await setup();
    const texts = ['', 'nul \0 inside', '\u{1F600} 漢字 é\u0301 \u202E', '{"a":1}', 'x'.repeat(5_000_000)];
    await must(texts.map(body), texts.map(body));
    for (const text of texts) expect(reads.body(sha256(text)) === text).toBe(true);
    expect(reads.body(sha256('never put'))).toBeNull();
  });

  it('keeps integers up to 2^53 - 1, and times before 1970', async () => {
    const { reads, must } = await setup();
    const big = Number.MAX_SAFE_INTEGER;
    const run = aRun(big, { rank: big, priority: -big, submitted_at: -1, name: 'n'.repeat(200) });
    await must(accepted(run));
    expect(reads.runById(big)).toEqual(run);
    expect(reads.run('n'.repeat(200), 1)?.priority).toBe(-big);
  });

  it('gives back a spec with its options, metadata and link', async () => {
    const { reads, must } = await setup();
    const base = aSpec();
    const specs = [
      aSpec({ metadata: { gold: 'B', nested: [1, null, 'ü'] }, link: 'jobs.jsonl#law/17' }),
      aSpec({ metadata: null }),
      aSpec({ options: { ...base.options, tags: ['nightly', 'nightly', 'x'], run_at: T0, priority: -1 } }),
    ];
    await must([
      ...BODIES,
      ...specs.map((spec, at): Change => ({ do: 'insert_run', run: aRun(at + 1), spec })),
    ]);
    for (const [at, spec] of specs.entries()) expect(reads.spec(at + 1)).toEqual(spec);
    expect(reads.spec(9)).toBeNull();
  });

  it('replaces only what may change of lanes, ranks, batches, instances, endpoints and keys', async () => {
    const { store, reads, must } = await setup();
    const lane = { id: 1, endpoint: 'e', model: 'm', needs: '', last_rank: 0 } as const;
    const instance = { id: 0, name: 'local', process_id: 'p1', first_seen_at: 1, last_seen_at: 1 };
    const endpoint = { name: 'e', max_concurrent: 2, paused: true };
    const scopes: readonly KeyScope[] = ['read', 'submit'];
    const key = {
      id: 'k',
      name: 'ci',
      sha256: 'ab',
      scopes,
      created_at: 1,
      expires_at: null,
      revoked_at: null,
    };
    await must([
      { do: 'put_lane', lane },
      { do: 'put_rank', rank: { lane: 1, batch: '', last_rank: 1 } },
      { do: 'put_batch', batch: 'b', created_at: 1 },
      { do: 'put_instance', instance },
      { do: 'put_endpoint', endpoint },
      { do: 'put_key', key },
    ]);
    expect(reads.keys()).toEqual([key]);
    await must([
      { do: 'put_lane', lane: { ...lane, last_rank: 5 } },
      { do: 'put_rank', rank: { lane: 1, batch: '', last_rank: 7 } },
      { do: 'put_batch', batch: 'b', created_at: 99 },
      { do: 'put_instance', instance: { ...instance, process_id: 'p2', last_seen_at: 5 } },
      { do: 'put_endpoint', endpoint: { ...endpoint, max_concurrent: null, paused: false } },
      { do: 'put_key', key: { ...key, revoked_at: 8 } },
    ]);
    const start = await store.start();
    expect(start.lanes).toEqual([{ ...lane, last_rank: 5 }]);
    expect(start.instances).toEqual([{ ...instance, process_id: 'p2', last_seen_at: 5 }]);
    expect(reads.instances()).toEqual(start.instances);
    expect(start.endpoints).toEqual([{ name: 'e', max_concurrent: null, paused: false }]);
    expect(reads.key('k')).toEqual({ ...key, revoked_at: 8 });
    expect(reads.key('other')).toBeNull();
    expect(reads.batch('b')?.created_at).toBe(1);
    expect((await store.load({ ranks: [{ lane: 1, batch: '' }] })).ranks).toEqual([
      { lane: 1, batch: '', last_rank: 7 },
    ]);
  });
}
