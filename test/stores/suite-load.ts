import { expect, it } from 'vitest';
import type { Loaded } from '../../src/core/ports/store.ts';
import type { RunRow } from '../../src/core/rows.ts';
import {
  accepted,
  answered,
  anAttempt,
  aResult,
  aRun,
  aSpec,
  CLAIMED,
  COMPLETED,
  FAILED,
  moved,
  PROMPT_BODY,
  T0,
} from './rows.ts';
import type { StoreSetup } from './suite.ts';

const idsOf = (loaded: Loaded): number[] => loaded.runs.map(({ id }) => id).toSorted((a, b) => a - b);

export function loadSuite(setup: () => Promise<StoreSetup>): void {
  it('gives nothing for no keys', async () => {
    const { store } = await setup();
    const { runs, due, ranks, ...maps } = await store.load({});
    expect([runs, due, ranks]).toEqual([[], [], []]);
    for (const map of Object.values(maps)) expect(map.size).toBe(0);
  });

  it('finds runs by name, by name and run, and by id, each once; what matches nothing is missing', async () => {
    const { store, must } = await setup();
    const [first, second] = [aRun(1, { name: 'faq' }), aRun(2, { name: 'faq', run: 2 })];
    await must(accepted(first, second, aRun(3)));
    const loaded = await store.load({
      names: ['faq', 'absent', 'faq'],
      runs: [
        { name: 'faq', run: 1 },
        { name: 'faq', run: 7 },
      ],
      ids: [2, 3, 99],
    });
    expect(idsOf(loaded)).toEqual([1, 2, 3]);
    expect(loaded.runs.find(({ id }) => id === 2)).toEqual(second);
    expect([...loaded.latest]).toEqual([['faq', 2]]);
  });

  it('R6: finds the latest run of a name that asks a digest, whoever else asks it', async () => {
    const { store, must } = await setup();
    const of = (id: number, name: string, run: number, digest: string): RunRow =>
      aRun(id, { name, run, digest, state: 'blocked', leads: false });
    await must(
      accepted(of(1, 'faq', 1, '1:x'), of(2, 'faq', 2, '1:x'), of(3, 'faq', 3, '1:y'), of(4, 'b', 1, '1:x')),
    );
    const asked = [
      { name: 'faq', digest: '1:x' },
      { name: 'faq', digest: '1:y' },
      { name: 'b', digest: '1:y' },
      { name: 'absent', digest: '1:x' },
    ];
    const loaded = await store.load({ asked });
    expect([...loaded.asked]).toEqual([
      ['faq 1:x', 2],
      ['faq 1:y', 3],
    ]);
    expect(idsOf(loaded)).toEqual([2, 3]);
  });

  it('takes names with any character as they are', async () => {
    const { store, must } = await setup();
    const names = ['a"b', "a'b", 'ü', '[1]', '1', '1.0', 'null', 'a\\b', '\u{1F600}'];
    await must(accepted(...names.map((name, at) => aRun(at + 1, { name, digest: `1:${name}` }))));
    const loaded = await store.load({ names, digests: names.map((name) => `1:${name}`) });
    expect([...loaded.latest]).toEqual(names.map((name, at) => [name, at + 1]));
    expect(loaded.leaders.size).toBe(names.length);
  });

  it('R6: finds the leader of a digest, a completed run of it, and the one that ended last', async () => {
    const { store, must } = await setup();
    const digest = '1:same';
    const ended = (id: number, more: Partial<RunRow>): RunRow => aRun(id, { digest, leads: false, ...more });
    await must(
      accepted(
        ended(1, { ...COMPLETED, answered_by: 9 }),
        ended(2, { ...COMPLETED, answered_by: null }),
        ended(3, { ...COMPLETED, answered_by: 2 }),
        ended(4, { ...FAILED, finished_at: T0 + 5 }),
        ended(5, { ...FAILED, state: 'cancelled', finished_at: T0 + 9 }),
        ended(6, { ...FAILED, finished_at: T0 + 7 }),
        aRun(7, { digest }),
        ended(8, { state: 'blocked' }),
      ),
    );
    const loaded = await store.load({ digests: [digest, '1:unknown'] });
    expect([...loaded.leaders]).toEqual([[digest, 7]]);
    expect([...loaded.completed]).toEqual([[digest, 2]]);
    expect([...loaded.last_ended]).toEqual([[digest, 5]]);
    expect(idsOf(loaded)).toEqual([2, 5, 7]);
  });

  it('R6: finds a late answer while another run leads, and before one that only took it over', async () => {
    const { store, must } = await setup();
    const digest = '1:same';
    const late = aRun(1, { digest, ...FAILED, leads: false });
    const leader = aRun(2, { digest });
    await must(accepted(late, leader));
    await must([moved(late, { ...COMPLETED, answered_by: null, reason_code: null, reason_message: null })]);
    const during = await store.load({ digests: [digest] });
    expect([during.completed.get(digest), during.leaders.get(digest)]).toEqual([1, 2]);
    await must([moved(leader, { ...COMPLETED, answered_by: 1 })]);
    const after = await store.load({ digests: [digest] });
    expect([after.completed.get(digest), after.leaders.get(digest)]).toEqual([1, undefined]);
  });

  it('gives followers in claim order where the best are asked for, at most so many', async () => {
    const { store, must } = await setup();
    const digest = aRun(1).digest;
    const waits = (id: number, priority: number, rank: number): RunRow =>
      aRun(id, { digest, state: 'blocked', leads: false, priority, rank });
    await must(accepted(aRun(1), waits(2, 0, 5), waits(3, 0, 4), waits(4, 7, 9), waits(5, 0, 4)));
    const best = await store.load({ followers: [{ digest, limit: 3, best: true }] });
    expect(best.followers.get(digest)).toEqual([4, 3, 5]);
    expect(idsOf(best)).toEqual([3, 4, 5]);
    const any = await store.load({
      followers: [
        { digest, limit: 9, best: false },
        { digest: '1:x', limit: 1, best: true },
      ],
    });
    expect(any.followers.get(digest)?.toSorted()).toEqual([2, 3, 4, 5]);
    expect(any.followers.get('1:x')).toEqual([]);
  });

  it('R22: gives queued runs of a lane by priority, then rank, then arrival', async () => {
    const { store, must } = await setup();
    const waits = (id: number, priority: number, rank: number, lane = 1): RunRow =>
      aRun(id, { priority, rank, lane });
    await must(
      accepted(
        waits(1, 0, 3),
        waits(2, 0, 1),
        waits(3, 5, 9),
        waits(4, -1, 0),
        waits(5, 0, 1),
        waits(6, 99, 0, 2),
      ),
    );
    const claims = async (limit: number): Promise<readonly number[] | undefined> =>
      (await store.load({ claims: [{ lane: 1, limit }] })).claims.get(1);
    expect(await claims(10)).toEqual([3, 2, 5, 1, 4]);
    expect(await claims(2)).toEqual([3, 2]);
    await must([moved(waits(3, 5, 9), CLAIMED)]);
    expect(await claims(10)).toEqual([2, 5, 1, 4]);
    expect((await store.load({ claims: [{ lane: 9, limit: 1 }] })).claims.get(9)).toEqual([]);
  });

  it('R22: gives scheduled and retrying runs that are due, the earliest first', async () => {
    const { store, must } = await setup();
    const later = (id: number, due_at: number, state: 'scheduled' | 'retrying'): RunRow =>
      aRun(id, { state, due_at, leads: state === 'retrying' });
    await must(
      accepted(later(1, 30, 'scheduled'), later(2, 10, 'retrying'), later(3, 20, 'scheduled'), aRun(4)),
    );
    expect((await store.load({ due: { before: 20, limit: 9 } })).due).toEqual([2, 3]);
    expect((await store.load({ due: { before: 99, limit: 1 } })).due).toEqual([2]);
    expect((await store.load({ due: { before: 9, limit: 9 } })).due).toEqual([]);
    expect(await store.nextDue()).toBe(10);
    await must([moved(later(2, 10, 'retrying'), { state: 'queued', due_at: null })]);
    expect(await store.nextDue()).toBe(20);
  });

  it('has no next due time where nothing waits for one', async () => {
    const { store, must } = await setup();
    await must(accepted(aRun(1)));
    expect(await store.nextDue()).toBeNull();
  });

  it('gives attempts in order, results and orders of runs', async () => {
    const { store, must } = await setup();
    await must(...answered(aRun(1), 'answer'), accepted(aRun(2)));
    await must([2, 1].map((attempt) => ({ do: 'insert_attempt', attempt: anAttempt(2, { attempt }) })));
    const loaded = await store.load({ attempts: [1, 2, 3], results: [1, 2], orders: [2, 9], options: [1] });
    expect(loaded.attempts.get(2)?.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(loaded.attempts.get(1)?.[0]?.outcome).toBe('succeeded');
    expect(loaded.attempts.has(3)).toBe(false);
    expect([...loaded.results]).toEqual([[1, aResult(1, 'answer', { epoch: T0 + 20 })]]);
    const spec = aSpec();
    expect([...loaded.orders]).toEqual([[2, { job: 2, request: spec.request, prompt: PROMPT_BODY, spec }]]);
    expect([...loaded.specs]).toEqual([[1, spec]]);
    expect(loaded.runs).toEqual([]);
  });

  it('R9: remembers the largest epoch of a name over all its runs and whatever became of them', async () => {
    const { store, must } = await setup();
    const first = { ...aRun(1, { name: 'faq' }), ...FAILED, epoch: 500 };
    await must(
      accepted(first, aRun(2, { name: 'faq', run: 2, ...COMPLETED, leads: false, epoch: 400 }), aRun(3)),
    );
    const epochs = async (): Promise<unknown> => [
      ...(await store.load({ epochs: ['faq', 'job-3', 'absent'] })).epochs,
    ];
    expect(await epochs()).toEqual([['faq', 500]]);
    const again = {
      state: 'queued',
      leads: true,
      epoch: null,
      finished_at: null,
      reason_code: null,
    } as const;
    await must([moved(first, again)]);
    expect(await epochs()).toEqual([['faq', 500]]);
  });

  it('gives the ranks that are there', async () => {
    const { store, must } = await setup();
    const rank = { lane: 1, batch: 'b', last_rank: 4 };
    await must([
      { do: 'put_rank', rank },
      { do: 'put_rank', rank: { lane: 2, batch: 'b', last_rank: 9 } },
    ]);
    expect(
      (
        await store.load({
          ranks: [
            { lane: 1, batch: 'b' },
            { lane: 1, batch: '' },
          ],
        })
      ).ranks,
    ).toEqual([rank]);
  });

  it('loads thousands of keys at once', async () => {
    const { store, must } = await setup();
    const ids = Array.from({ length: 3_000 }, (_, at) => at + 1);
    await must(accepted(...ids.map((id) => aRun(id))));
    const loaded = await store.load({ ids, names: ids.map((id) => `job-${id}`), orders: ids });
    expect([loaded.runs.length, loaded.latest.size, loaded.orders.size]).toEqual([3_000, 3_000, 3_000]);
  });
}
