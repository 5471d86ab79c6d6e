/** The checker is shown one broken run of each kind: a checker that cannot fail would prove nothing. */
import { describe, expect, it } from 'vitest';
import { check, VIOLATIONS, type ViolationKind } from './check.ts';
import type { FoundFile, FoundRun, Snapshot } from './evidence.ts';
import {
  asked,
  changed,
  goodRun,
  type MadeRun,
  readAs,
  request,
  run,
  submission,
  submitted,
} from './made-run.ts';
import { answerTo } from './model-answers.ts';

/** Changes the snapshot of the end. */
function end(made: MadeRun, change: (end: Snapshot) => Partial<Snapshot>): void {
  const last = made.evidence.snapshots.at(-1)!;
  made.evidence.snapshots = [...made.evidence.snapshots.slice(0, -1), { ...last, ...change(last) }];
}

function endRun(made: MadeRun, name: string, change: Partial<FoundRun>): void {
  end(made, ({ runs }) => ({ runs: runs.map((one) => (one.name === name ? { ...one, ...change } : one)) }));
}

function without<T>(all: readonly T[], gone: (one: T) => boolean): readonly T[] {
  expect(all.some(gone)).toBe(true);
  return all.filter((one) => !gone(one));
}

function fileOf(made: MadeRun, folder: FoundFile['folder'], name: string): FoundFile {
  return made.evidence.files.find((one) => one.folder === folder && one.file.endsWith(`${name}.json`))!;
}

function changeFile(made: MadeRun, file: FoundFile, change: Partial<FoundFile>): void {
  made.evidence.files = made.evidence.files.map((one) => (one === file ? { ...one, ...change } : one));
}

/** What is wrong, the kind that must be found first, and how it comes about. */
const BROKEN: readonly (readonly [what: string, kind: ViolationKind, breaking: (made: MadeRun) => void])[] = [
  [
    'an acknowledged run that is nowhere',
    'lost',
    (made) => made.history.push(submitted(200, asked('gone', 'sixth'), 'queued')),
  ],
  [
    'a submission that was acknowledged by its name alone and is nowhere',
    'lost',
    (made) => {
      const answer = { name: 'gone', run: null, state: null, digest: null };
      made.history.push(submission(200, asked('gone', 'sixth'), 'ok', [answer]));
    },
  ],
  [
    'an acknowledged run that asks something else',
    'lost',
    (made) => {
      made.history.push(submission(200, asked('c', 'sixth'), 'unknown', []));
      endRun(made, 'c', { question: 'sixth' });
    },
  ],
  ['an acknowledged run with another digest', 'lost', (made) => endRun(made, 'c', { digest: 'another' })],
  [
    'a run that HTTP does not show',
    'lost',
    (made) => (made.evidence.served = without(made.evidence.served, (one) => one.name === 'c')),
  ],
  [
    'a missing run between two of a name',
    'lost',
    (made) => {
      made.history.push(submission(200, asked('c', 'sixth'), 'unknown', []));
      end(made, ({ runs }) => ({ runs: [...runs, { ...run(9, 'c', 'sixth', 'cancelled', 0), run: 3 }] }));
    },
  ],
  [
    'an end that left no file in ended/',
    'lost',
    (made) => {
      const file = fileOf(made, 'ended', 'c');
      made.evidence.files = without(made.evidence.files, (one) => one === file);
      made.evidence.sightings = without(made.evidence.sightings, (one) => one.file === file.file);
    },
  ],
  [
    'a job that has no file in jobs/',
    'lost',
    (made) => {
      const file = fileOf(made, 'jobs', 'c');
      made.evidence.files = without(made.evidence.files, (one) => one === file);
    },
  ],
  [
    'an answer that was read, of a run that has none',
    'lost',
    (made) => made.history.push(readAs(200, 'd', 'failed', answerTo('third', 1))),
  ],
  [
    'a run that nobody submitted',
    'unexpected',
    (made) => (made.history = made.history.filter((op) => op.op !== 'submit' || op.jobs[0]?.name !== 'c')),
  ],
  [
    'a run of a submission that was refused',
    'unexpected',
    (made) => {
      made.history = made.history.filter((op) => op.op !== 'submit' || op.jobs[0]?.name !== 'c');
      made.history.push(submission(20, asked('c', 'second'), 'refused', []));
    },
  ],
  [
    'a result of a run that is not there',
    'unexpected',
    (made) =>
      end(made, ({ results }) => ({ results: [...results, { job: 77, epoch: 1, attempt: 1, text: 'x' }] })),
  ],
  [
    'a result of a run that failed',
    'unexpected',
    (made) => {
      const more = { job: 4, epoch: 1_004, attempt: 1, text: answerTo('third', 1) };
      end(made, ({ results }) => ({ results: [...results, more] }));
    },
  ],
  [
    'a result file of nobody',
    'unexpected',
    (made) => {
      const file = { ...fileOf(made, 'results', 'a'), file: '1_z.json', name: 'z', run: 1 };
      made.evidence.files = [...made.evidence.files, file];
    },
  ],
  [
    'a job file of nobody',
    'unexpected',
    (made) => {
      const file = { ...fileOf(made, 'jobs', 'a'), file: 'z.json' };
      made.evidence.files = [...made.evidence.files, file];
    },
  ],
  [
    'a run that only HTTP shows',
    'unexpected',
    (made) => {
      const [first] = made.evidence.served;
      made.evidence.served = [...made.evidence.served, { ...first!, name: 'z' }];
    },
  ],
  [
    'a question that nobody asked the model',
    'unexpected',
    (made) => (made.evidence.asked = [...made.evidence.asked, request('seventh', 1)]),
  ],
  [
    'two results of a run',
    'double',
    (made) => end(made, ({ results }) => ({ results: [...results, { ...results[0]!, epoch: 2_000 }] })),
  ],
  [
    'two result files of a run',
    'double',
    (made) => {
      const file = { ...fileOf(made, 'results', 'a'), file: '2000_a.json' };
      made.evidence.files = [...made.evidence.files, file];
    },
  ],
  [
    'two runs of one submission',
    'double',
    (made) =>
      end(made, ({ runs }) => ({ runs: [...runs, { ...run(9, 'c', 'second', 'cancelled', 0), run: 2 }] })),
  ],
  [
    'two digests of one question',
    'double',
    (made) => {
      endRun(made, 'b', { digest: 'another' });
      made.history = made.history.filter((op) => op.op !== 'submit' || op.jobs[0]?.name !== 'b');
      made.history.push(submission(10, asked('b', 'first'), 'unknown', []));
    },
  ],
  [
    'two attempts of a run that succeeded',
    'double',
    (made) =>
      end(made, ({ attempts }) => ({
        attempts: attempts.map((one) => (one.job === 1 ? { ...one, outcome: 'succeeded' } : one)),
      })),
  ],
  [
    'a file with other bytes than before',
    'changed',
    (made) => changeFile(made, fileOf(made, 'results', 'a'), { sha256: 'other' }),
  ],
  [
    'a file that was there and is gone',
    'changed',
    (made) => {
      const { sightings } = made.evidence;
      made.evidence.sightings = [...sightings, { folder: 'ended', file: '7_e.json', sha256: 'x' }];
    },
  ],
  [
    'an ended file that is not whole',
    'changed',
    (made) => changeFile(made, fileOf(made, 'ended', 'c'), { name: null, run: null }),
  ],
  [
    'a result that is another one than after a crash',
    'changed',
    (made) => {
      const [early, last] = made.evidence.snapshots;
      const results = early!.results.map((one) => ({ ...one, text: answerTo('first', 1) }));
      made.evidence.snapshots = [{ ...early!, results }, last!];
    },
  ],
  [
    'a result that was there after a crash and is gone',
    'changed',
    (made) => {
      const [early, last] = made.evidence.snapshots;
      const more = { job: 3, epoch: 1, attempt: 1, text: 'x' };
      made.evidence.snapshots = [{ ...early!, results: [...early!.results, more] }, last!];
    },
  ],
  [
    'an answer that a user read otherwise',
    'changed',
    (made) => made.history.push(readAs(200, 'a', 'completed', answerTo('first', 1))),
  ],
  ...(
    [
      ['the answer to another question', answerTo('fourth', 1)],
      ['half of its answer', answerTo('first', 2).slice(0, -3)],
      ['an answer that the model never finished', answerTo('first', 1)],
      ['an answer that the model never gave', answerTo('first', 3)],
    ] as const
  ).map(
    ([what, text]) =>
      [
        `a run with ${what}`,
        'wrong_answer',
        (made: MadeRun) => {
          const [, last] = made.evidence.snapshots;
          const results = last!.results.map((one) =>
            one.job === 1 || one.job === 2 ? { ...one, text } : one,
          );
          made.evidence.snapshots = [{ ...last!, results }];
        },
      ] as const,
  ),
  [
    'a run that took another answer than that of the same work',
    'wrong_answer',
    (made) => endRun(made, 'b', { answered_by: 5 }),
  ],
  [
    'a completed run without a result',
    'no_answer',
    (made) => end(made, ({ results }) => ({ results: without(results, (one) => one.job === 5) })),
  ],
  [
    'a completed run without a file',
    'no_answer',
    (made) => {
      const file = fileOf(made, 'results', 'e');
      made.evidence.files = without(made.evidence.files, (one) => one === file);
      made.evidence.sightings = without(made.evidence.sightings, (one) => one.file === file.file);
    },
  ],
  [
    'an answer that HTTP does not give',
    'no_answer',
    (made) =>
      (made.evidence.served = made.evidence.served.map((one) =>
        one.name === 'a' ? { ...one, text: null } : one,
      )),
  ],
  [
    'another state over HTTP',
    'disagree',
    (made) =>
      (made.evidence.served = made.evidence.served.map((one) =>
        one.name === 'd' ? { ...one, state: 'cancelled' } : one,
      )),
  ],
  [
    'another answer over HTTP',
    'disagree',
    (made) =>
      (made.evidence.served = made.evidence.served.map((one) =>
        one.name === 'a' ? { ...one, text: answerTo('first', 1) } : one,
      )),
  ],
  [
    'another answer in the file',
    'disagree',
    (made) => changeFile(made, fileOf(made, 'results', 'a'), { text: answerTo('first', 1) }),
  ],
  [
    'a completed run that is something else later',
    'not_final',
    (made) => made.history.push(readAs(200, 'a', 'running', null)),
  ],
  [
    'a completed run that a retry brought back',
    'not_final',
    (made) => made.history.push(changed('retry', 200, 'a', 'queued')),
  ],
  [
    'a cancelled run that runs again though nobody retried it',
    'not_final',
    (made) => (made.history = made.history.filter((op) => op.op !== 'retry')),
  ],
  [
    'a cancelled run that ran again before its retry was sent',
    'not_final',
    (made) => made.history.push({ ...readAs(86, 'e', 'running', null), answered_at: 88 }),
  ],
  [
    'a run that ended otherwise at rest than it was seen to end',
    'not_final',
    (made) => made.history.push(readAs(200, 'd', 'cancelled', null)),
  ],
  ['a run that is queued at rest', 'not_ended', (made) => endRun(made, 'd', { state: 'queued' })],
  ['a run that failed and leads', 'two_leaders', (made) => endRun(made, 'd', { leads: true })],
  [
    'two runs that led one digest',
    'two_leaders',
    (made) => {
      const [early, last] = made.evidence.snapshots;
      const runs = early!.runs.map((one) => ({ ...one, state: 'queued' as const, leads: true }));
      made.evidence.snapshots = [{ ...early!, runs }, last!];
    },
  ],
  [
    'a run that ran while nobody led its digest',
    'two_leaders',
    (made) => {
      const [early, last] = made.evidence.snapshots;
      const runs = early!.runs.map((one) => ({ ...one, state: 'running' as const }));
      made.evidence.snapshots = [{ ...early!, runs }, last!];
    },
  ],
  [
    'a request that no attempt tells of',
    'unaccounted',
    (made) => (made.evidence.asked = [...made.evidence.asked, request('third', 2)]),
  ],
  [
    'a gap in the rows of attempts',
    'attempts',
    (made) =>
      end(made, ({ attempts }) => ({
        attempts: attempts.map((one) => (one.job === 4 ? { ...one, attempt: 2 } : one)),
      })),
  ],
  ['an attempt without a row', 'attempts', (made) => endRun(made, 'd', { attempt: 2 })],
  [
    'an attempt that has not ended',
    'attempts',
    (made) =>
      end(made, ({ attempts }) => ({
        attempts: attempts.map((one) => (one.job === 4 ? { ...one, outcome: null } : one)),
      })),
  ],
  [
    'an answer of an attempt that has no row',
    'attempts',
    (made) =>
      end(made, ({ results }) => ({
        results: results.map((one) => (one.job === 5 ? { ...one, attempt: 4 } : one)),
      })),
  ],
  [
    'a damaged database at the end',
    'corrupt',
    (made) => end(made, () => ({ integrity: 'row 3 missing from index jobs_by_name' })),
  ],
  [
    'a damaged database after a crash',
    'corrupt',
    (made) => {
      const [early, last] = made.evidence.snapshots;
      made.evidence.snapshots = [{ ...early!, integrity: 'Page 7 is never used' }, last!];
    },
  ],
  ['files that nobody wrote', 'left', (made) => end(made, () => ({ to_publish: 2 }))],
  [
    'a temporary file',
    'left',
    (made) => {
      const file = { ...fileOf(made, 'jobs', 'a'), folder: 'tmp' as const };
      made.evidence.files = [...made.evidence.files, file];
    },
  ],
  [
    'a conflict of a name with one run',
    'left',
    (made) => {
      const file = { ...fileOf(made, 'jobs', 'a'), folder: 'conflicts' as const };
      made.evidence.files = [...made.evidence.files, file];
    },
  ],
  [
    'a process that ended by itself',
    'strange_end',
    (made) => (made.evidence.strange_ends = ['east ended by itself (1)']),
  ],
];

describe('the checker of a chaos run', () => {
  it('finds nothing where everything holds', () => {
    const { history, evidence } = goodRun();
    expect(check(history, evidence)).toEqual([]);
  });

  it.each(BROKEN)('finds %s: %s', (_what, kind, breaking) => {
    const made = goodRun();
    breaking(made);
    const kinds = new Set(check(made.history, made.evidence).map((violation) => violation.kind));
    expect([...kinds]).toContain(kind);
  });

  it('is shown every kind of violation here', () => {
    expect(new Set(BROKEN.map(([, kind]) => kind))).toEqual(new Set(VIOLATIONS));
  });

  it('takes a submission without an answer for one that may have happened', () => {
    const made = goodRun();
    made.history.push(submission(5, asked('c', 'second'), 'unknown', []));
    made.history = made.history.filter(
      (op) => op.op !== 'submit' || op.outcome === 'unknown' || op.jobs[0]?.name !== 'c',
    );
    expect(check(made.history, made.evidence)).toEqual([]);
  });

  it('allows what a retry without an answer may have done, however late', () => {
    const made = goodRun();
    made.history = made.history.map((op) =>
      op.op === 'retry' ? { ...op, outcome: 'unknown', told: [], answered_at: op.sent_at } : op,
    );
    expect(check(made.history, made.evidence)).toEqual([]);
  });

  it('compares no two looks that overlap', () => {
    const made = goodRun();
    made.history.push({ ...readAs(60, 'c', 'queued', null), answered_at: 61 });
    expect(check(made.history, made.evidence)).toEqual([]);
  });

  it('allows the job of a later run its file under conflicts', () => {
    const made = goodRun();
    made.history.push(submitted(200, { ...asked('c', 'sixth'), if_exists: 'new_run' }, 'cancelled'));
    made.history = made.history.map((op) =>
      op.sent_at === 200 ? { ...op, told: [{ ...op.told[0]!, run: 2 }] } : op,
    );
    const second = { ...run(9, 'c', 'sixth', 'cancelled', 0), run: 2 };
    end(made, ({ runs }) => ({ runs: [...runs, second] }));
    const { name, run: number, state, digest } = second;
    made.evidence.served = [...made.evidence.served, { name, run: number, state, digest, text: null }];
    made.evidence.files = [
      ...made.evidence.files,
      { ...fileOf(made, 'ended', 'c'), file: '1009_c.json', run: 2 },
      { ...fileOf(made, 'jobs', 'c'), folder: 'conflicts' },
    ];
    expect(check(made.history, made.evidence)).toEqual([]);
  });
});
