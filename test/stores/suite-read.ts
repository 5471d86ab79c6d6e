import { expect, it } from 'vitest';
import { resultFileName } from '../../src/core/names.ts';
import type { CountBy, RunFilter } from '../../src/core/ports/read-store.ts';
import type { Change } from '../../src/core/ports/store.ts';
import type { LaneNeeds, AttemptRow, PublicationRow, RunRow } from '../../src/core/rows.ts';
import {
  accepted,
  answered,
  anAttempt,
  aResult,
  aRun,
  aSpec,
  BODIES,
  CLAIMED,
  COMPLETED,
  FAILED,
  META,
  moved,
  PROMPT_BODY,
  SPEC_BODY,
  T0,
  tagged,
} from './rows.ts';
import type { StoreSetup } from './suite.ts';

const HOUR_MS = 3_600_000;

/** Runs of two names, batches, lanes and many states, and what a filter should find of them. */
const CROWD: readonly RunRow[] = [
  aRun(1, { name: 'faq', batch: 'a', ...FAILED }),
  aRun(2, { name: 'faq', run: 2, batch: 'a' }),
  aRun(3, { name: 'law.1', batch: 'b', key: 'law/1', ...COMPLETED }),
  aRun(4, { name: 'law.2', batch: 'b', key: 'law/2', state: 'blocked', leads: false, reason_code: 'SameAs' }),
  aRun(5, {
    name: 'law.3',
    batch: 'b',
    lane: 2,
    model: 'big',
    state: 'retrying',
    due_at: 5,
    reason_code: 'Backoff',
  }),
  aRun(6, {
    name: 'other',
    lane: 3,
    endpoint: 'gpu',
    model: 'big',
    ...CLAIMED,
    submitted_at: T0 + 3 * HOUR_MS,
  }),
  aRun(7, { name: 'lawn', ...FAILED, submitted_at: T0 - 3 * HOUR_MS }),
  aRun(8, { name: 'law.1', run: 2, batch: 'c', lane: 4, submitted_at: T0 + 3 * HOUR_MS }),
];

const FILTERS: readonly (readonly [RunFilter, readonly number[]])[] = [
  [{}, [8, 7, 6, 5, 4, 3, 2, 1]],
  [{ latest: true }, [8, 7, 6, 5, 4, 2]],
  [{ state: ['failed'] }, [7, 1]],
  [{ state: ['failed', 'queued', 'blocked'] }, [8, 7, 4, 2, 1]],
  [{ state: ['failed'], latest: true }, [7]],
  [{ state: [] }, []],
  [{ batch: 'b' }, [5, 4, 3]],
  [{ batch: 'b', latest: true }, [5, 4]],
  [{ batch: 'b', state: ['completed', 'blocked'] }, [4, 3]],
  [{ batch: 'none' }, []],
  [{ reason: 'Backoff' }, [5]],
  [{ reason: 'BadRequest', latest: true }, [7]],
  [{ batch: 'b', reason: 'SameAs' }, [4]],
  [{ endpoint: 'gpu' }, [6]],
  [{ model: 'big' }, [6, 5]],
  [{ model: 'big', state: ['running'] }, [6]],
  [{ endpoint: 'absent' }, []],
  [{ lanes: { in: [2, 3] } }, [6, 5]],
  [{ lanes: { in: [2, 3] }, endpoint: 'gpu' }, [6]],
  [{ lanes: { in: [1] } }, [7, 4, 3, 2, 1]],
  [{ lanes: { in: [1] }, state: ['queued'], latest: true }, [2]],
  [{ lanes: { in: [1] }, batch: 'b' }, [4, 3]],
  [{ lanes: { in: [4] }, prefix: 'law' }, [8]],
  [{ lanes: { in: [] } }, []],
  [{ lanes: { not_in: [1, 2] } }, [8, 6]],
  [{ lanes: { not_in: [] }, batch: 'a' }, [2, 1]],
  [{ key: 'law/2' }, [4]],
  [{ key: 'law/2', state: ['queued'] }, []],
  [{ tag: 'even' }, [8, 6, 4, 2]],
  [{ tag: 'even', state: ['queued'], batch: 'a' }, [2]],
  [{ tag: 'absent' }, []],
  [{ since: T0 }, [8, 6, 5, 4, 3, 2, 1]],
  [{ since: T0 + HOUR_MS }, [8, 6]],
  [{ since: T0 + 5 }, [8, 6, 5]],
  [{ since: T0 + 99 * HOUR_MS }, []],
  [{ prefix: 'law' }, [8, 7, 5, 4, 3]],
  [{ prefix: 'law.' }, [8, 5, 4, 3]],
  [{ prefix: 'law.', latest: true, state: ['queued', 'blocked'] }, [8, 4]],
  [{ prefix: '' }, [8, 7, 6, 5, 4, 3, 2, 1]],
];

function crowd(): readonly Change[] {
  const insert = (run: RunRow): Change => ({
    do: 'insert_run',
    run,
    spec: run.id % 2 === 0 ? tagged('even') : aSpec(),
  });
  const lane = (id: number, endpoint: string, model: string, needs: LaneNeeds = ''): Change => ({
    do: 'put_lane',
    lane: { id, endpoint, model, needs, last_rank: 0 },
  });
  const lanes = [
    lane(1, 'simulator', 'no-op'),
    lane(2, 'simulator', 'big'),
    lane(3, 'gpu', 'big'),
    lane(4, 'simulator', 'no-op', 'workspace'),
  ];
  return [...BODIES, ...lanes, ...CROWD.map(insert)];
}

/** What counts() should give, counted by hand. */
function countedByHand(by: readonly CountBy[], ids: readonly number[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const run of CROWD.filter(({ id }) => ids.includes(id))) {
    const value = { ...run, reason: run.reason_code };
    const key = JSON.stringify(Object.fromEntries(by.map((one) => [one, value[one]])));
    sums.set(key, (sums.get(key) ?? 0) + 1);
  }
  return sums;
}

export function readSuite(setup: () => Promise<StoreSetup>): void {
  it('sees what was committed, and nothing of what was refused', async () => {
    const { store, reads, must } = await setup();
    await must(accepted(aRun(1)));
    expect(reads.run('job-1', null)).toEqual(aRun(1));
    const refused = [...accepted(aRun(2)), moved({ ...aRun(1), attempt: 5 }, CLAIMED)];
    expect(await store.commit(refused)).toHaveLength(1);
    expect(reads.run('job-2', null)).toBeNull();
    await must([moved(aRun(1), CLAIMED)]);
    expect(reads.runById(1)?.state).toBe('running');
  });

  it('R9: finds the latest run of a name, a given one, and all of them', async () => {
    const { reads, must } = await setup();
    const runs = [1, 2, 3].map((run) => aRun(run, { name: 'faq', run }));
    await must(accepted(...runs));
    expect(reads.run('faq', null)?.run).toBe(3);
    expect(reads.run('faq', 2)).toEqual(runs[1]);
    expect(reads.run('faq', 4)).toBeNull();
    expect(reads.runsOf('faq', 2).map(({ run }) => run)).toEqual([3, 2]);
    expect(reads.runsOf('absent', 2)).toEqual([]);
  });

  it('R10: says of many names at once which have runs, and of many files which are of one', async () => {
    const { reads, must } = await setup();
    const ended = [1, 2].map((run) => aRun(run, { name: 'faq', run, ...FAILED, epoch: T0 + run }));
    await must(accepted(...ended, aRun(3, { name: 'law "1"' })));
    expect(reads.named(['absent', 'law "1"', 'faq'])).toEqual(new Set(['law "1"', 'faq']));
    const files = [
      { name: 'faq', epoch: T0 + 2 },
      { name: 'absent', epoch: T0 + 1 },
      { name: 'law "1"', epoch: T0 + 1 },
      { name: 'faq', epoch: T0 + 3 },
      { name: 'faq', epoch: T0 + 1 },
    ];
    expect(reads.ofRuns(files)).toEqual([true, false, false, false, true]);
    expect([reads.named([]), reads.ofRuns([])]).toEqual([new Set(), []]);
  });

  it('R10: names the result files that were published, some runs at a time, and none that may still get another name', async () => {
    const { reads, must } = await setup();
    const runs = [aRun(1), aRun(2, { name: 'a.b_1' }), aRun(3), aRun(4)] as const;
    await must(...answered(runs[0], 'one'), ...answered(runs[1], 'two'));
    await must(accepted(runs[2]), [moved(runs[2], FAILED)], ...answered(runs[3], 'four'));
    const publication = (job: number): PublicationRow => ({ kind: 'result', job, epoch: T0 + 20 });
    await must([2, 4].map((job) => ({ do: 'drop_publication', publication: publication(job) })));
    expect(reads.published(0, 100)).toEqual(
      [runs[1], runs[3]].map(({ name }) => resultFileName(T0 + 20, name)),
    );
    expect([0, 2, 4].map((after) => reads.published(after, 2)?.length)).toEqual([1, 1, undefined]);
  });

  it.each(FILTERS)('lists %j newest first, in pages of any size', async (filter, ids) => {
    const { reads, must } = await setup();
    await must(crowd());
    expect(reads.runs(filter, 100, null)).toEqual({
      runs: ids.map((id) => CROWD.find((run) => run.id === id)),
      next_before: null,
    });
    for (const limit of [1, 2]) {
      const found: number[] = [];
      let before: number | null = null;
      do {
        const page = reads.runs(filter, limit, before);
        expect(page.runs.length).toBeLessThanOrEqual(limit);
        found.push(...page.runs.map(({ id }) => id));
        before = page.next_before;
      } while (before !== null);
      expect(found).toEqual(ids);
    }
  });

  it.each(FILTERS)('counts %j by anything', async (filter, ids) => {
    const { reads, must } = await setup();
    await must(crowd());
    const ways: readonly (readonly CountBy[])[] = [
      ...[[], ['state'], ['reason'], ['batch'], ['model', 'endpoint']],
      ...[
        ['state', 'reason'],
        ['reason', 'state', 'batch'],
        ['batch', 'reason'],
      ],
    ] as const;
    for (const by of ways) {
      const counts = reads.counts(by, filter);
      expect(new Map(counts.map((row) => [JSON.stringify(row.by), row.runs]))).toEqual(
        countedByHand(by, ids),
      );
      expect(counts.map(({ runs }) => runs)).toEqual(
        counts.map(({ runs }) => runs).toSorted((a, b) => b - a),
      );
    }
  });

  it('keeps counts true while runs move, fail, are retried and are superseded', async () => {
    const { reads, must } = await setup();
    const first = aRun(1, { name: 'faq', batch: 'a' });
    const failed = { ...first, ...FAILED };
    await must(
      accepted(first),
      [moved(first, FAILED)],
      accepted(aRun(2, { name: 'faq', run: 2, batch: 'b' })),
    );
    const states = (filter: RunFilter): Record<string, number> =>
      Object.fromEntries(reads.counts(['state'], filter).map(({ by, runs }) => [by.state, runs]));
    expect(states({})).toEqual({ failed: 1, queued: 1 });
    expect(states({ latest: true })).toEqual({ queued: 1 });
    expect(reads.batch('a')).toBeNull();
    await must([{ do: 'put_batch', batch: 'a', created_at: 1 }]);
    expect(reads.batch('a')?.counts).toEqual({ failed: 1 });
    await must([moved(failed, { state: 'queued', leads: true, finished_at: null, reason_code: null })]);
    expect(states({})).toEqual({ queued: 2 });
    expect(reads.batch('a')?.counts).toEqual({ queued: 1 });
    await must(accepted(aRun(3, { name: 'faq', run: 3, batch: 'a' })));
    expect(reads.batch('a')?.counts).toEqual({ queued: 1 });
    expect(states({ latest: true })).toEqual({ queued: 1 });
    expect(states({ batch: 'a' })).toEqual({ queued: 2 });
    await must([moved({ ...first, id: 1 }, CLAIMED)]);
    expect(states({})).toEqual({ queued: 2, running: 1 });
    expect(reads.batch('a')?.counts).toEqual({ queued: 1 });
  });

  it('sums up a batch: states, tokens of all its attempts, first start and last end', async () => {
    const { reads, must } = await setup();
    const runs = [1, 2].map((id) => aRun(id, { batch: 'b' }));
    await must([
      { do: 'put_batch', batch: 'b', created_at: 5 },
      { do: 'put_batch', batch: 'z', created_at: 9 },
    ]);
    const unpaid = { costs: [], cost_unknown: 0 };
    const empty = {
      input_tokens: 0,
      output_tokens: 0,
      first_started_at: null,
      last_finished_at: null,
      ...unpaid,
    };
    expect(reads.batch('z')).toEqual({ batch: 'z', created_at: 9, counts: {}, ...empty });
    for (const run of runs) await must(...answered(run, `answer ${run.id}`));
    await must(accepted(aRun(3, { batch: 'b' })), [
      moved(aRun(3, { batch: 'b' }), { ...CLAIMED, started_at: T0 + 4 }),
    ]);
    const late = anAttempt(3, {
      ended_at: T0,
      outcome: 'lost',
      usage: { ...META.usage!, input: 1, output: null },
    });
    await must([{ do: 'insert_attempt', attempt: anAttempt(3) }], [{ do: 'end_attempt', attempt: late }]);
    const kept_answer = { text_sha256: aResult(1, 'x').text_sha256, text_bytes: 1, meta: META };
    await must([{ do: 'keep_answer', attempt: { ...late, usage: META.usage, kept_answer } }]);
    expect(reads.batch('b')).toEqual({
      ...{
        batch: 'b',
        created_at: 5,
        counts: { completed: 2, running: 1 },
        input_tokens: 36,
        output_tokens: 90,
      },
      ...{ first_started_at: T0 + 4, last_finished_at: T0 + 20, ...unpaid },
    });
    expect(reads.batches(9).map(({ batch }) => batch)).toEqual(['z', 'b']);
    expect(reads.batches(1).map(({ batch }) => batch)).toEqual(['z']);
    expect(reads.batch('absent')).toBeNull();
  });

  it('sums up what the answers of a batch cost, by currency, and counts those whose cost is not known', async () => {
    const { reads, must } = await setup();
    await must([{ do: 'put_batch', batch: 'b', created_at: 5 }]);
    const cost = (amount: number, currency: string) => ({ amount, currency, as_of: '2026-11-01' });
    const end = (job: number, more: Partial<AttemptRow>): Change => {
      const ended = { ended_at: T0, outcome: 'lost', ...more } as const;
      return { do: 'end_attempt', attempt: anAttempt(job, ended) };
    };
    for (const id of [1, 2, 3, 4, 5]) {
      const run = aRun(id, { batch: 'b' });
      await must(accepted(run), [moved(run, CLAIMED), { do: 'insert_attempt', attempt: anAttempt(id) }]);
    }
    const sent = { outcome: 'succeeded', parameters_sent: {} } as const;
    await must([
      end(1, { ...sent, cost: cost(0.25, 'EUR') }),
      end(2, { ...sent, cost: cost(0.5, 'EUR') }),
      end(3, { ...sent, cost: cost(2, 'USD') }),
      end(4, sent),
      end(5, {}),
    ]);
    const known = [
      { currency: 'EUR', amount: 0.75 },
      { currency: 'USD', amount: 2 },
    ];
    expect(reads.batch('b')).toMatchObject({ costs: known, cost_unknown: 1 });

    const late = anAttempt(5, { ended_at: T0, outcome: 'lost', parameters_sent: {}, cost: cost(1, 'EUR') });
    await must([{ do: 'keep_answer', attempt: late }]);
    const more = [{ currency: 'EUR', amount: 1.75 }, known[1]];
    expect(reads.batch('b')).toMatchObject({ costs: more, cost_unknown: 1 });
    // Told again, it is the same cost; and one that is known now is unknown no longer.
    await must([{ do: 'keep_answer', attempt: late }]);
    const fourth = anAttempt(4, { ended_at: T0, ...sent, cost: cost(0.25, 'EUR') });
    await must([{ do: 'keep_answer', attempt: fourth }]);
    expect(reads.batches(9)).toMatchObject([
      { costs: [{ currency: 'EUR', amount: 2 }, known[1]], cost_unknown: 0 },
    ]);
  });

  it('R9: lists what is to be published in order, the job file before what waits for it', async () => {
    const { reads, must } = await setup();
    const rows: readonly PublicationRow[] = [
      { kind: 'job', job: 1, epoch: null },
      { kind: 'result', job: 2, epoch: 20 },
      { kind: 'ended', job: 1, epoch: 30 },
      { kind: 'ended', job: 1, epoch: 31 },
      { kind: 'job', job: 2, epoch: null },
      { kind: 'result', job: 1, epoch: 32 },
    ];
    const put = (publication: PublicationRow): Change => ({ do: 'put_publication', publication });
    const drop = (publication: PublicationRow): Change => ({ do: 'drop_publication', publication });
    await must(accepted(aRun(1), aRun(2)), rows.map(put), rows.map(put));
    expect(reads.unpublished()).toBe(6);
    expect(reads.publications(9)).toEqual([rows[0], rows[2], rows[3], rows[4], rows[5]]);
    expect(reads.publications(2)).toEqual([rows[0], rows[2]]);
    expect(reads.publications(9, 'jobs')).toEqual([rows[0], rows[4]]);
    expect(reads.publications(9, 'answers')).toEqual([]);
    await must([rows[4]!, rows[2]!].map(drop), [rows[2]!].map(drop));
    expect(reads.publications(9)).toEqual([rows[0], rows[1], rows[3], rows[5]]);
    expect(reads.publications(9, 'jobs')).toEqual([rows[0]]);
    expect(reads.publications(9, 'answers')).toEqual([rows[1]]);
    expect(reads.publications(1, 'answers')).toEqual([rows[1]]);
    expect(reads.unpublished()).toBe(4);
  });

  it('R9: gives all that a file is made from', async () => {
    const { reads, must } = await setup();
    const run = aRun(1);
    await must(...answered(run, 'The answer.'));
    const publication: PublicationRow = { kind: 'result', job: 1, epoch: T0 + 20 };
    expect(reads.publicationBody(publication)).toEqual({
      publication,
      run: { ...run, ...CLAIMED, ...COMPLETED },
      spec: aSpec(),
      spec_body: SPEC_BODY,
      prompt_body: PROMPT_BODY,
      result: { ...aResult(1, 'The answer.', { epoch: T0 + 20 }), text: 'The answer.' },
      answered_by: null,
      attempts: [anAttempt(1, { ended_at: T0 + 20, outcome: 'succeeded', usage: META.usage })],
    });
    await must(accepted(aRun(2, { ...COMPLETED, answered_by: 1 })));
    const shared = reads.publicationBody({ kind: 'job', job: 2, epoch: null });
    expect([shared?.answered_by, shared?.result, shared?.attempts]).toEqual([
      { name: 'job-1', run: 1 },
      null,
      [],
    ]);
    expect(reads.publicationBody({ kind: 'job', job: 99, epoch: null })).toBeNull();
  });

  it('closes more than once', async () => {
    const { reads } = await setup();
    reads.close();
    reads.close();
  });
}
