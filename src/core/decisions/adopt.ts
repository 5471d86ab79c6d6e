/**
 * Files in `results/` and `ended/` told of runs that the queue does not know. Each is taken as it is: as a run of its own where
 * nobody has the name, as the answer of a run that waits for one, or not at all. Nothing is published: the files stand already.
 */
import { adoptedBodies, adoptedRows, type Adoption, type AdoptionVerdict } from '../adoption.ts';
import { runKey } from '../board.ts';
import type { Draft } from '../draft.ts';
import type { RunRef } from '../names.ts';
import type { ResultRow, RunRow } from '../rows.ts';
import { hasEnded } from '../states.ts';
import type { TurnEvent } from '../turn-events.ts';
import { supersede } from './attempt-end.ts';
import { collect } from './collect.ts';
import { answerLeader, completeRun, recordAnswer, type StoredAnswer } from './ending.ts';
import { laneOf } from './lanes.ts';

export function decideAdopt(draft: Draft, index: number, event: Extract<TurnEvent, { type: 'adopt' }>): void {
  const value = collect(event.adoptions, (adoption) => adoptOne(draft, adoption));
  draft.receipt(index, { type: 'adopt', value });
}

function adoptOne(draft: Draft, adoption: Adoption): AdoptionVerdict {
  const { row, result, is_certain } = adoption;
  const latest = draft.latest(row.name);
  if (latest === null) return insert(draft, adoption);
  // The bare pair says no run: it is the answer of the latest one.
  const run = is_certain ? draft.run(row.name, row.run) : latest;
  if (run === null)
    return latest.run < row.run && hasEnded(latest.state) ? insert(draft, adoption) : 'of_no_run';
  if (hasEnded(run.state) && run.epoch === row.epoch) return 'known';
  // It went on elsewhere: that it ended badly here is taken back by its answer, but not by the bare pair.
  if (run.state === 'completed' || (hasEnded(run.state) && !is_certain)) return 'of_no_run';
  if (result === null || (is_certain && run.digest !== row.digest)) return 'of_no_run';
  complete(draft, run, adoption, answerOf(result));
  return 'completed';
}

/** The answer of a run that has none: whoever is asked for it at this moment is not waited for any more. */
function complete(draft: Draft, run: RunRow, adoption: Adoption, answer: StoredAnswer): void {
  const lease = draft.leases.get(runKey(run.name, run.run));
  if (lease !== undefined) supersede(draft, lease, 'A file in results/ brought the answer.');
  draft.changes.push(...adoptedBodies(adoption));
  completeRun(draft, run, answer);
}

function insert(draft: Draft, adoption: Adoption): 'adopted' {
  const { row, needs, spec, answered_by } = adoption;
  const lane = laneOf(draft, row.endpoint, row.model, needs);
  draft.changes.push(...adoptedBodies(adoption));
  if (row.batch !== null && !draft.batches.has(row.batch)) {
    draft.batches.add(row.batch);
    draft.changes.push({ do: 'put_batch', batch: row.batch, created_at: row.submitted_at });
  }
  const isFirst = draft.completed(row.digest) === null && draft.leader(row.digest) === null;
  const { run, result } = adoptedRows(adoption, {
    id: draft.next('job'),
    lane: lane.id,
    run: row.run,
    leads: adoption.result !== null && isFirst,
    answered_by: answered_by === null ? null : sourceOf(draft, answered_by, row.digest),
  });
  draft.insert(run, spec);
  draft.useEpoch(row.name, row.epoch);
  if (result === null) return 'adopted';
  recordAnswer(draft, run, row.epoch, answerOf(result));
  if (!run.leads) answerLeader(draft, run, answerOf(result));
  return 'adopted';
}

/** Null where that run is not here, or is of other work here: then this is the one that tells the answer. */
function sourceOf(draft: Draft, { name, run }: RunRef, digest: string): number | null {
  const source = draft.run(name, run);
  return source?.state === 'completed' && source.digest === digest ? source.id : null;
}

function answerOf({ epoch, attempt, text_sha256, text_bytes, meta }: Omit<ResultRow, 'job'>): StoredAnswer {
  return { attempt, text_sha256, text_bytes, meta, answered_by: null, standing: epoch };
}
