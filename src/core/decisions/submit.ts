/**
 * Jobs were handed in. Name and digest known: the same run, answered again. Name known, other digest: a conflict, unless a
 * new run was asked for. Otherwise a new run: completed at once where the same work was answered before, blocked where it is
 * under way under another name, scheduled where it is to begin later, queued else.
 */
import { isFreshDrawOf } from '../identity.ts';
import { FULL_BUDGETS } from '../retry.ts';
import type { Draft } from '../draft.ts';
import type { RunOptions, RunRow, SpecRow } from '../rows.ts';
import { hasEnded, type RunState } from '../states.ts';
import type { PreparedJob, SubmittedJob } from '../submission.ts';
import type { TurnEvent } from '../turn-events.ts';
import { noteWork } from './attempt-end.ts';
import { collect } from './collect.ts';
import { recordAnswer } from './ending.ts';
import { laneOf, takeRank } from './lanes.ts';

export function decideSubmit(
  draft: Draft,
  index: number,
  event: Extract<TurnEvent, { type: 'submit' }>,
): void {
  const { jobs } = event;
  const planned = event.on_invalid === 'refuse_all' ? plan(draft, jobs) : [];
  if (planned.some((one) => one.verdict === 'conflict')) {
    draft.receipt(index, { type: 'submit', value: { jobs: planned, accepted: false } });
    return;
  }
  const submitted = collect(jobs, (job) => conflictOf(draft, job) ?? submitOne(draft, job));
  draft.receipt(index, { type: 'submit', value: { jobs: submitted, accepted: true } });
}

/** One answer for each job, in order: which of them conflict with what there is, or with one before it in the same lot. */
function plan(draft: Draft, jobs: readonly PreparedJob[]): SubmittedJob[] {
  const lot = new Map<string, Set<string>>();
  return collect(jobs, (job) => {
    const before = lot.get(job.name);
    const repeated = before?.has(job.digest) === true;
    lot.set(job.name, (before ?? new Set()).add(job.digest));
    const conflict = repeated ? null : conflictOf(draft, job);
    if (conflict !== null) return conflict;
    const latest = draft.latest(job.name);
    const taken =
      !repeated && before !== undefined && job.if_exists === 'same' && knownRun(draft, job) === null;
    const told = { name: job.name, run: latest?.run ?? 1, state: latest?.state ?? 'queued' } as const;
    return { ...told, ...NOTHING_MORE, verdict: taken ? 'conflict' : 'created' };
  });
}

function conflictOf(draft: Draft, job: PreparedJob): SubmittedJob | null {
  const latest = draft.latest(job.name);
  if (latest === null || job.if_exists === 'new_run' || knownRun(draft, job) !== null) return null;
  return { name: job.name, run: latest.run, state: latest.state, verdict: 'conflict', ...NOTHING_MORE };
}

const NOTHING_MORE = { options_differ: false, next_run: false } as const;

/**
 * The run that this very job is already: the latest of its name, which may be a fresh draw of it, or an earlier one, unless
 * what differs from the latest is meant to be the next run.
 */
function knownRun(draft: Draft, job: PreparedJob): RunRow | null {
  const latest = draft.latest(job.name);
  if (latest === null || latest.digest === job.digest) return latest;
  const asked = draft.spec(latest.id);
  if (asked !== null && isFreshDrawOf(asked.request, job.request)) return latest;
  return job.if_exists === 'new_run' ? null : draft.asked(job.name, job.digest);
}

function submitOne(draft: Draft, job: PreparedJob): SubmittedJob {
  const known = knownRun(draft, job);
  if (known !== null) return knownAgain(draft, job, known);
  const completed = draft.completed(job.digest);
  const answer = completed === null ? null : draft.result(completed.id);
  const leader = completed === null ? draft.leader(job.digest) : null;
  const scheduled = job.options.run_at !== null && job.options.run_at > draft.moment.now;
  const state: RunState =
    answer !== null ? 'completed' : scheduled ? 'scheduled' : leader !== null ? 'blocked' : 'queued';
  const run = newRun(draft, job, (draft.latest(job.name)?.run ?? 0) + 1, state);
  putBodies(draft, job);
  const row =
    answer === null
      ? run
      : { ...run, epoch: draft.takeEpoch(job.name), finished_at: draft.moment.now, answered_by: answer.job };
  draft.insert(row, specOf(job));
  if (job.source === 'http') draft.publish({ kind: 'job', job: run.id, epoch: null });
  if (answer !== null) {
    recordAnswer(draft, row, row.epoch ?? 0, { ...answer, answered_by: answer.job });
  } else if (state === 'blocked' && leader !== null) {
    follow(draft, leader, run.priority);
  } else if (state === 'scheduled') {
    draft.effects.push({ type: 'due_at', at: job.options.run_at ?? 0 });
  } else {
    noteWork(draft, run.lane);
  }
  const verdict = answer !== null ? 'answered_before' : state === 'blocked' ? 'shared' : 'created';
  return { name: run.name, run: run.run, state, verdict, options_differ: false, next_run: run.run > 1 };
}

function knownAgain(draft: Draft, job: PreparedJob, known: RunRow): SubmittedJob {
  const spec = draft.spec(known.id);
  const options_differ = spec !== null && !sameOptions(spec.options, job.options);
  const verdict = known.state === 'completed' ? 'answered_before' : 'known';
  return {
    name: known.name,
    run: known.run,
    state: known.state,
    verdict,
    options_differ,
    next_run: false,
  };
}

function sameOptions(a: RunOptions, b: RunOptions): boolean {
  const { tags: tagsA, ...restA } = a;
  const { tags: tagsB, ...restB } = b;
  const keys = Object.keys(restA) as (keyof typeof restA)[];
  return keys.every((key) => restA[key] === restB[key]) && tagsA.join('\n') === tagsB.join('\n');
}

/** The run that leads takes the highest priority of those who wait for it. */
export function follow(draft: Draft, leader: RunRow, priority: number): void {
  draft.followed.set(leader.digest, true);
  if (priority > leader.priority && !hasEnded(leader.state)) draft.amend(leader, { priority });
}

function newRun(draft: Draft, job: PreparedJob, run: number, state: RunState): RunRow {
  const lane = laneOf(draft, job.endpoint, job.model, job.needs);
  if (job.batch !== null && !draft.batches.has(job.batch)) {
    draft.batches.add(job.batch);
    draft.changes.push({ do: 'put_batch', batch: job.batch, created_at: draft.moment.now });
  }
  return {
    id: draft.next('job'),
    name: job.name,
    run,
    type: job.type,
    source: job.source,
    lane: lane.id,
    endpoint: job.endpoint,
    model: job.model,
    digest: job.digest,
    batch: job.batch,
    key: job.key,
    max_attempts: job.options.max_attempts,
    attempt_timeout_ms: job.options.attempt_timeout_ms,
    submitted_at: draft.moment.now,
    state,
    priority: job.options.priority,
    // What is answered already takes nobody's turn.
    rank: state === 'completed' ? 0 : takeRank(draft, lane, job.batch),
    leads: state === 'queued',
    due_at: state === 'scheduled' ? job.options.run_at : null,
    attempt: 0,
    instance: null,
    ...FULL_BUDGETS,
    reason_code: null,
    reason_message: null,
    started_at: null,
    finished_at: null,
    epoch: null,
    answered_by: null,
  };
}

function putBodies(draft: Draft, job: PreparedJob): void {
  draft.changes.push({ do: 'put_body', sha256: job.spec_sha256, body: job.spec });
  draft.changes.push({ do: 'put_body', sha256: job.prompt_sha256, body: job.prompt });
  for (const [sha256, body] of Object.entries(job.attachments)) {
    draft.changes.push({ do: 'put_body', sha256, body });
  }
}

function specOf(job: PreparedJob): SpecRow {
  const { spec_sha256, prompt_sha256, request, options, metadata, link } = job;
  return { spec_sha256, prompt_sha256, request, options, metadata, link };
}
