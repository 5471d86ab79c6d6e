/**
 * Two writers of one store, as an old scheduler that has not noticed its end and the new one, or two nodes one day: whatever
 * both want, one of them has it, the other is told which change was refused, and nothing of a refused commit is there.
 */
import { expect, it } from 'vitest';
import { type Change, type Store, StoreBusyError } from '../../src/core/ports/store.ts';
import type { ReadStore } from '../../src/core/ports/read-store.ts';
import type { RunRow } from '../../src/core/rows.ts';
import {
  accepted,
  anAttempt,
  answered,
  aResult,
  aRun,
  aSpec,
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

/** Each writer's own mark in its commit: only the winner's may be found. */
const mark = (who: number): Change => ({ do: 'put_batch', batch: `of writer ${who}`, created_at: T0 });

const insert = (run: RunRow): Change => ({ do: 'insert_run', run, spec: aSpec() });

export function raceSuite(setup: () => Promise<StoreSetup>): void {
  /** Commits what each of two writers wants at one moment; gives the winner. What the other wanted is refused, and named. */
  async function race(stores: StoreSetup, wants: readonly [Change[], Change[]]): Promise<0 | 1> {
    const writers: readonly [Store, Store] = [stores.store, await stores.another()];
    const commits = wants.map((changes, who) => [mark(who), ...changes, body(`of writer ${who}`)]);
    const refused = await Promise.all(writers.map((writer, who) => writer.commit(commits[who] ?? [])));
    const won = refused.map(({ length }) => length === 0);
    expect(won.filter(Boolean), 'one of two has it').toHaveLength(1);
    const winner = won[0] === true ? 0 : 1;
    const loser = winner === 0 ? 1 : 0;
    for (const { index, change } of refused[loser] ?? []) {
      expect(commits[loser]?.[index]).toBe(change);
      expect(wants[loser]).toContain(change);
    }
    expect(found(stores.reads)).toEqual([winner]);
    return winner;
  }

  /** Writers of whose commits anything is there. */
  function found(reads: ReadStore): number[] {
    return [0, 1].filter(
      (who) => reads.batch(`of writer ${who}`) !== null || reads.body(sha256(`of writer ${who}`)) !== null,
    );
  }

  it('R22: one of two has a free name', async () => {
    const stores = await setup();
    const runs = [aRun(1, { name: 'faq' }), aRun(2, { name: 'faq' })] as const;
    await stores.must(accepted());
    const winner = await race(stores, [[insert(runs[0])], [insert(runs[1])]]);
    expect(stores.reads.runsOf('faq', 9)).toEqual([runs[winner]]);
  });

  it('R22: one of two makes the next run of a name', async () => {
    const stores = await setup();
    await stores.must(accepted(aRun(1, { name: 'faq' })));
    const next = (id: number): Change => insert(aRun(id, { name: 'faq', run: 2 }));
    await race(stores, [[next(2)], [next(3)]]);
    expect(stores.reads.runsOf('faq', 9).map(({ run }) => run)).toEqual([2, 1]);
  });

  it('R6: one of two new runs leads a digest', async () => {
    const stores = await setup();
    await stores.must(accepted());
    const digest = '1:same';
    const winner = await race(stores, [[insert(aRun(1, { digest }))], [insert(aRun(2, { digest }))]]);
    expect(stores.reads.leader(digest)?.id).toBe(winner + 1);
  });

  it('R6: one of two who wait takes the lead of a digest that nobody leads', async () => {
    const stores = await setup();
    const digest = '1:same';
    const waits = (id: number): RunRow => aRun(id, { digest, state: 'blocked', leads: false });
    const [one, other] = [waits(1), waits(2)];
    await stores.must(accepted(one, other));
    const lead = { state: 'queued', leads: true } as const;
    const winner = await race(stores, [[moved(one, lead)], [moved(other, lead)]]);
    expect(stores.reads.leader(digest)?.id).toBe(winner + 1);
    expect(stores.reads.runById(2 - winner)?.state).toBe('blocked');
  });

  it('R22: one of two claims a run, and the fence of the other is stale', async () => {
    const stores = await setup();
    const run = aRun(1);
    await stores.must(accepted(run));
    const claim = (instance: number): Change[] => [
      moved(run, { ...CLAIMED, instance }),
      { do: 'insert_attempt', attempt: anAttempt(1, { instance }) },
    ];
    const winner = await race(stores, [claim(0), claim(1)]);
    expect(stores.reads.runById(1)).toMatchObject({ state: 'running', attempt: 1, instance: winner });
    expect(stores.reads.attempts(1)).toHaveLength(1);
  });

  it('R8: one of an answer and a cancel ends a run, and there is a result only for the answer', async () => {
    const stores = await setup();
    const run = aRun(1);
    const [accept, claim, finish] = answered(run, 'the answer');
    await stores.must(accept ?? [], claim ?? []);
    const running = { ...run, ...CLAIMED };
    const cancel = [
      moved(running, { ...FAILED, state: 'cancelled', reason_code: 'Cancelled' }),
      { do: 'end_attempt', attempt: anAttempt(1, { ended_at: T0 + 20, outcome: 'cancelled' }) },
    ] satisfies Change[];
    const winner = await race(stores, [[...(finish ?? [])], cancel]);
    expect(stores.reads.runById(1)?.state).toBe(winner === 0 ? 'completed' : 'cancelled');
    expect(stores.reads.result(1) !== null).toBe(winner === 0);
    expect(stores.reads.unpublished()).toBe(winner === 0 ? 1 : 0);
  });

  it('R6: one of two results of a run is taken, with its whole text', async () => {
    const stores = await setup();
    const run = aRun(1);
    await stores.must(...answered(run, 'unused').slice(0, 2));
    const running = { ...run, ...CLAIMED };
    const finish = (text: string): Change[] => [
      moved(running, COMPLETED),
      body(text),
      { do: 'insert_result', result: aResult(1, text) },
    ];
    const winner = await race(stores, [finish('first'), finish('second')]);
    const { text_sha256 = '' } = stores.reads.result(1) ?? {};
    expect(stores.reads.body(text_sha256)).toBe(winner === 0 ? 'first' : 'second');
    expect(stores.reads.body(sha256(winner === 0 ? 'second' : 'first'))).toBeNull();
  });

  it('R6: of late answers of one attempt one is kept', async () => {
    const stores = await setup();
    const ended = anAttempt(1, { ended_at: T0, outcome: 'lost', charged_for: 'lost' });
    await stores.must(accepted(aRun(1)), [{ do: 'insert_attempt', attempt: anAttempt(1) }]);
    await stores.must([{ do: 'end_attempt', attempt: ended }]);
    const keep = (text: string): Change[] => {
      const kept_answer = { text_sha256: sha256(text), text_bytes: text.length, meta: META };
      return [body(text), { do: 'keep_answer', attempt: { ...ended, kept_answer } }];
    };
    const winner = await race(stores, [keep('one'), keep('two')]);
    expect(stores.reads.attempts(1)[0]?.kept_answer?.text_sha256).toBe(sha256(winner === 0 ? 'one' : 'two'));
  });

  it('R8: whoever still works with an ended run changes nothing of it', async () => {
    const stores = await setup();
    const run = aRun(1);
    await stores.must(...answered(run, 'the answer'));
    const late = await stores.another();
    const before = [stores.reads.runById(1), stores.reads.attempts(1), stores.reads.result(1)];
    const stale = { ...run, ...CLAIMED };
    for (const change of [
      moved(stale, FAILED),
      moved(stale, { state: 'queued', leads: true }),
      moved(stale, { ...stale, cancel_requested_at: T0 }),
      { do: 'end_attempt', attempt: anAttempt(1, { ended_at: T0, outcome: 'lost' }) },
      { do: 'insert_result', result: aResult(1, 'another') },
    ] satisfies Change[]) {
      const refused = await late.commit([mark(1), body('another'), change]);
      expect(refused.map((one) => one.change)).toEqual([change]);
    }
    expect([stores.reads.runById(1), stores.reads.attempts(1), stores.reads.result(1)]).toEqual(before);
    expect(stores.reads.batch('of writer 1')).toBeNull();
    expect(stores.reads.body(sha256('another'))).toBeNull();
  });

  it('R22: many commits of two writers leave each name to one of them, and sums that are true', async () => {
    const stores = await setup();
    const writers = [stores.store, await stores.another()];
    await stores.must(accepted());
    const names = Array.from({ length: 50 }, (_, at) => `job-${at}`);
    const commits = names.flatMap((name, at) =>
      writers.map((writer, who) =>
        writer.commit([
          { do: 'put_batch', batch: `b${who}`, created_at: T0 },
          insert(aRun(at * 2 + who + 1, { name, batch: `b${who}`, digest: `1:${at}` })),
        ]),
      ),
    );
    const refused = (await Promise.all(commits)).filter(({ length }) => length > 0);
    expect(refused).toHaveLength(names.length);
    expect(stores.reads.counts([], {})).toEqual([{ by: {}, runs: names.length }]);
    const sums = [0, 1].map((who) => stores.reads.batch(`b${who}`)?.counts.queued ?? 0);
    expect((sums[0] ?? 0) + (sums[1] ?? 0)).toBe(names.length);
  });

  it('R27: refuses with StoreBusyError while another program writes, leaves nothing behind, and goes on afterwards', async (ctx) => {
    const stores = await setup();
    if (stores.hold === null) return ctx.skip('no other program sees a database in memory');
    const release = stores.hold();
    await expect(stores.store.commit([mark(0), ...accepted(aRun(1))])).rejects.toThrow(StoreBusyError);
    expect(stores.reads.runById(1)).toBeNull();
    release();
    expect(found(stores.reads)).toEqual([]);
    await stores.must([mark(0), ...accepted(aRun(1))]);
    expect(stores.reads.runById(1)).toEqual(aRun(1));
  });
}
