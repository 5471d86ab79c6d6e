/** A small chaos run, made by hand, in which everything holds: tests of the checker break one thing of it each. */
import type { Evidence, FoundFile, FoundRun, ModelAsked, Snapshot } from './evidence.ts';
import type { Asked, ChangeOp, Op, Outcome, ReadOp, SubmitOp, Told } from './history.ts';
import type { RunState } from '../../src/core/states.ts';
import { answerTo } from './model-answers.ts';

type Changed<T> = { -readonly [K in keyof T]: T[K] };

/** Everything in it may be changed. */
export interface MadeRun {
  history: Op[];
  evidence: Changed<Evidence>;
}

/**
 * `a` was asked twice (a first attempt was lost) and completed; `b` is the same work; `c` was cancelled; `d` failed; `e`
 * was cancelled, retried and completed. `f` was never answered about, and never came to be.
 */
export function goodRun(): MadeRun {
  const runs = [
    { ...run(1, 'a', 'first', 'completed', 2), leads: true },
    { ...run(2, 'b', 'first', 'completed', 0), answered_by: 1 },
    run(3, 'c', 'second', 'cancelled', 0),
    run(4, 'd', 'third', 'failed', 1),
    { ...run(5, 'e', 'fourth', 'completed', 1), leads: true },
  ];
  const results = [result(1, 2, answerTo('first', 2)), result(2, 2, answerTo('first', 2))];
  const early: Snapshot = {
    ...snapshot('after kill 1 of serve'),
    runs: runs.slice(0, 2),
    results: [...results],
  };
  results.push(result(5, 1, answerTo('fourth', 1)));
  const end: Snapshot = {
    ...snapshot('at the end'),
    runs,
    results,
    attempts: [
      { job: 1, attempt: 1, outcome: 'lost', charged_for: 'lost' },
      { job: 1, attempt: 2, outcome: 'succeeded', charged_for: null },
      { job: 4, attempt: 1, outcome: 'errored', charged_for: 'errors' },
      { job: 5, attempt: 1, outcome: 'succeeded', charged_for: null },
    ],
  };
  const files = filesOf(runs, results);
  return {
    history: [
      submitted(0, asked('a', 'first'), 'queued'),
      submitted(10, asked('b', 'first'), 'blocked'),
      submitted(20, asked('c', 'second'), 'queued'),
      submitted(30, asked('d', 'third'), 'queued'),
      submitted(40, asked('e', 'fourth'), 'queued'),
      submission(50, asked('f', 'fifth'), 'unknown', []),
      changed('cancel', 60, 'c', 'cancelled'),
      changed('cancel', 70, 'e', 'cancelled'),
      readAs(80, 'e', 'cancelled', null),
      changed('retry', 90, 'e', 'queued'),
      readAs(100, 'e', 'completed', answerTo('fourth', 1)),
      readAs(110, 'a', 'completed', answerTo('first', 2)),
    ],
    evidence: {
      snapshots: [early, end],
      served: runs.map(({ id, name, run: number, state, digest }) => ({
        ...{ name, run: number, state, digest },
        text: results.find((one) => one.job === id)?.text ?? null,
      })),
      files,
      sightings: files.filter(({ folder }) => folder === 'results' || folder === 'ended'),
      asked: [request('first', 1, false), request('first', 2), request('third', 1), request('fourth', 1)],
      strange_ends: [],
    },
  };
}

export function asked(name: string, question: string): Asked {
  return { name, question, if_exists: 'same' };
}

export function request(question: string, nth: number, answered = true): ModelAsked {
  return { question, nth, answered };
}

export function run(id: number, name: string, question: string, state: RunState, attempt: number): FoundRun {
  return {
    ...{ id, name, run: 1, digest: `digest of ${question}`, state, leads: false },
    ...{ attempt, epoch: 1_000 + id, answered_by: null, question },
  };
}

export function submitted(at: number, job: Asked, state: RunState): SubmitOp {
  return submission(at, job, 'ok', [told(job.name, state, `digest of ${job.question}`)]);
}

export function submission(at: number, job: Asked, outcome: Outcome, answers: readonly Told[]): SubmitOp {
  return { ...called(at, outcome), op: 'submit', jobs: [job], told: answers };
}

export function changed(op: 'cancel' | 'retry', at: number, name: string, state: RunState): ChangeOp {
  return { ...called(at, 'ok'), op, name, run: 1, told: [told(name, state, null)] };
}

export function readAs(at: number, name: string, state: RunState, text: string | null): ReadOp {
  return { ...called(at, 'ok'), op: 'read', name, text, told: [told(name, state, null)] };
}

function told(name: string, state: RunState, digest: string | null): Told {
  return { name, run: 1, state, digest };
}

function called(at: number, outcome: Outcome) {
  return { user: 'u1', via: 'http' as const, sent_at: at, answered_at: at + 5, outcome, code: null };
}

function snapshot(when: string): Snapshot {
  return { when, integrity: 'ok', runs: [], attempts: [], results: [], to_publish: 0 };
}

function result(job: number, attempt: number, text: string): Snapshot['results'][number] {
  return { job, epoch: 1_000 + job, attempt, text };
}

function filesOf(runs: readonly FoundRun[], results: Snapshot['results']): FoundFile[] {
  const folderOf = (state: RunState) => (state === 'completed' ? ('results' as const) : ('ended' as const));
  const ends = runs.map(({ id, name, run: number, state, epoch }) => ({
    ...{ folder: folderOf(state), file: `${epoch}_${name}.json`, sha256: `hash of ${name}` },
    ...{ name, run: number, text: results.find((one) => one.job === id)?.text ?? null },
  }));
  const jobs = runs.map(({ name }) => ({
    ...{ folder: 'jobs' as const, file: `${name}.json`, sha256: `hash of job ${name}` },
    ...{ name: null, run: null, text: null },
  }));
  return [...ends, ...jobs];
}
