/** A submission on its way through the door: every job prepared, all handed to the scheduler at once, the receipt told. */
import { type Fault, Problem } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import type {
  OnInvalid,
  PreparedJob,
  SubmitReceipt,
  SubmittedJob,
  SubmitVerdict,
} from '../core/submission.ts';
import type { LotView, NextRuns } from '../core/views.ts';
import type { HttpOptions, Prepared, Via } from './http-options.ts';
import { equalJobsWarning } from './equal-jobs.ts';
import type { Candidate, Lot } from './lot.ts';
import { nameTakenFault, nameTakenProblem, nextRuns } from './name-taken.ts';

/** Jobs that are prepared at a time: enough that reading their files overlaps, few enough to let others in between. */
const PREPARED_AT_ONCE = 64;
/** The loop is given back after this much work. */
const BUSY_MS = 10;

type SubmissionOptions = Pick<
  HttpOptions,
  'scheduler' | 'reads' | 'prepare' | 'differing' | 'clock' | 'timers' | 'limits'
>;

interface Ready {
  readonly jobs: PreparedJob[];
  /** Place in the lot of each prepared job. */
  readonly places: number[];
  readonly refused: { index: number; faults: readonly Fault[] }[];
  readonly warnings: string[];
}

/** How a lot is taken. */
export interface SubmitHow {
  readonly onInvalid: OnInvalid;
  readonly via: Via;
  /** Over TCP: with an admin key. */
  readonly admin?: boolean;
  /** A word that makes all of it fresh draws, each the next run of its name. */
  readonly fresh?: string | undefined;
}

export interface Submitted {
  readonly ready: Ready;
  readonly receipt: SubmitReceipt;
  readonly next_runs?: NextRuns;
}

/** Rejects with the faults of the jobs (unless they are to be skipped), with NameTaken, or with the scheduler's problem. */
export async function submitLot(options: SubmissionOptions, lot: Lot, how: SubmitHow): Promise<Submitted> {
  const { onInvalid } = how;
  const ready = await prepareAll(options, lot, how);
  if (ready.refused.length > 0 && (onInvalid === 'refuse_all' || lot.single)) {
    throw Problem.ofFaults(
      ready.refused.flatMap(({ faults }) => faults).slice(0, options.limits.faults_shown_max),
    );
  }
  if (ready.jobs.length === 0) return { ready, receipt: { accepted: true, jobs: [] } };
  const receipt = await options.scheduler.submit(ready.jobs, lot.single ? 'refuse_all' : onInvalid);
  const conflicts = conflictsOf(options, lot, ready, receipt);
  if (!receipt.accepted)
    throw nameTakenProblem(
      conflicts.map(({ fault }) => fault),
      options.limits.faults_shown_max,
    );
  ready.refused.push(...conflicts.map(({ index, fault }) => ({ index, faults: [fault] })));
  const next_runs = how.fresh === undefined ? nextRunsOf(options, ready, receipt) : undefined;
  return { ready, receipt, ...(next_runs === undefined ? {} : { next_runs }) };
}

function nextRunsOf(options: SubmissionOptions, ready: Ready, receipt: SubmitReceipt): NextRuns | undefined {
  const jobs = receipt.jobs.flatMap((submitted, at) => {
    const job = ready.jobs[at];
    return job === undefined ? [] : [{ job, submitted }];
  });
  return nextRuns(options, jobs);
}

async function prepareAll(options: SubmissionOptions, lot: Lot, how: SubmitHow): Promise<Ready> {
  const { clock, timers, limits } = options;
  const ready: Ready = { jobs: [], places: [], refused: [], warnings: [] };
  let since = clock.monotonic();
  let index = 0;
  for (const some of chunks(lot.candidates(), PREPARED_AT_ONCE)) {
    const prepared = await Promise.all(some.map((candidate) => prepareOne(options, candidate, how)));
    for (const [i, one] of prepared.entries()) take(ready, one, index + i, some[i]);
    index += some.length;
    if (how.onInvalid === 'refuse_all' && ready.refused.length >= limits.faults_shown_max) return ready;
    if (clock.monotonic() - since < BUSY_MS) continue;
    await new Promise<void>((resolve) => timers.soon(resolve));
    since = clock.monotonic();
  }
  const equal = equalJobsWarning(ready.jobs);
  if (equal !== null) ready.warnings.push(equal);
  return ready;
}

async function prepareOne(
  options: SubmissionOptions,
  candidate: Candidate,
  { via, admin = false, fresh }: SubmitHow,
): Promise<Prepared> {
  if (candidate.faults.length > 0) return { ok: false, faults: candidate.faults };
  const { value, link } = via === 'socket' ? withoutLink(candidate.value) : { value: candidate.value };
  const from = { via, admin, ...(link === undefined ? {} : { link }) };
  if (fresh === undefined) return options.prepare(value, from);
  const prepared = await options.prepare(value, { ...from, fresh });
  return prepared.ok ? { ...prepared, job: { ...prepared.job, if_exists: 'new_run' } } : prepared;
}

/** A file of `jobs/`, or a batch file: plain names, for paths are derived by us. */
const LINK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,250}\.jsonl?$/;

/**
 * Over the workspace's own socket a job may say in which file of `jobs/` it stands (`"link": "faq-17.json"`): then no second
 * file is made of it. Elsewhere the word is refused like any other that no job has.
 */
function withoutLink(value: unknown): { readonly value: unknown; readonly link?: string } {
  if (!isJsonObject(value) || typeof value['link'] !== 'string' || !LINK.test(value['link']))
    return { value };
  const { link: _link, ...rest } = value;
  return { value: rest, link: value['link'] };
}

function take(ready: Ready, prepared: Prepared, index: number, candidate: Candidate | undefined): void {
  if (prepared.ok) {
    ready.jobs.push(prepared.job);
    ready.places.push(index);
    ready.warnings.push(...prepared.warnings);
  } else {
    const own = prepared.faults === candidate?.faults;
    const faults = own ? prepared.faults : (candidate?.place(prepared.faults) ?? prepared.faults);
    ready.refused.push({ index, faults });
  }
}

function* chunks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function conflictsOf(
  options: SubmissionOptions,
  lot: Lot,
  ready: Ready,
  receipt: SubmitReceipt,
): { index: number; fault: Fault }[] {
  const conflicts: { index: number; fault: Fault }[] = [];
  for (const [i, { verdict }] of receipt.jobs.entries()) {
    const job = ready.jobs[i];
    if (verdict !== 'conflict' || job === undefined) continue;
    const index = ready.places[i] ?? i;
    const explain = conflicts.length < options.limits.faults_shown_max;
    conflicts.push({
      index,
      fault: nameTakenFault(options, job, lot.single ? '' : `jobs[${index}]`, explain),
    });
  }
  return conflicts;
}

/** The answer to a lot, and whether anything in it is new. */
export function lotView({ ready, receipt, next_runs }: Submitted): LotView {
  const taken = receipt.jobs.filter(({ verdict }) => verdict !== 'conflict');
  const count = (verdict: SubmitVerdict): number =>
    taken.reduce((sum, job) => sum + (job.verdict === verdict ? 1 : 0), 0);
  const refused = ready.refused.toSorted((a, b) => a.index - b.index);
  return {
    created: count('created'),
    answered_before: count('answered_before'),
    shared: count('shared'),
    known: count('known'),
    jobs: taken.map(({ name, run, state }) => ({ name, run, state })),
    ...(next_runs === undefined ? {} : { next_runs }),
    ...(refused.length === 0
      ? {}
      : { refused: refused.map(({ index, faults }) => ({ index, errors: faults })) }),
    ...(ready.warnings.length === 0 ? {} : { warnings: [...new Set(ready.warnings)] }),
  };
}

export function isNew(job: SubmittedJob): boolean {
  return job.verdict === 'created' || job.verdict === 'shared';
}
