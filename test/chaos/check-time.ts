/** What must not change as time goes on: ends, answers, files, the one leader of a digest, and a whole database. */
import type { RunState } from '../../src/core/states.ts';
import type { Accuse } from './check.ts';
import { refOf } from './check-runs.ts';
import type { Evidence, Snapshot } from './evidence.ts';
import type { Op } from './history.ts';

export function checkTime(history: readonly Op[], evidence: Evidence, accuse: Accuse): void {
  checkEnds(history, evidence, accuse);
  const first = new Map<number, { readonly text: string; readonly when: string }>();
  for (const snapshot of evidence.snapshots) {
    if (snapshot.integrity !== 'ok') accuse('corrupt', `${snapshot.when}: ${snapshot.integrity}`);
    checkLeaders(snapshot, accuse);
    const now = new Map(snapshot.results.map(({ job, text }) => [job, text]));
    for (const [job, { text, when }] of first)
      if (now.get(job) !== text)
        accuse('changed', `the result of job ${job} ${when} is another ${snapshot.when}`);
    for (const [job, text] of now) if (!first.has(job)) first.set(job, { text, when: snapshot.when });
  }
  const hashes = new Map(evidence.files.map(({ folder, file, sha256 }) => [`${folder}/${file}`, sha256]));
  for (const { folder, file, sha256 } of evidence.sightings) {
    const there = hashes.get(`${folder}/${file}`);
    if (there === undefined) accuse('changed', `${folder}/${file} was there, and is gone`);
    else if (there !== sha256) accuse('changed', `${folder}/${file} has other bytes than before`);
  }
}

function checkLeaders({ when, runs }: Snapshot, accuse: Accuse): void {
  for (const [digest, leaders] of Map.groupBy(
    runs.filter((run) => run.leads),
    (run) => run.digest,
  ))
    if (leaders.length > 1)
      accuse('two_leaders', `${when}: ${leaders.map(refOf).join(' and ')} lead ${digest}`);
  for (const run of runs)
    if (run.state === 'running' && !run.leads)
      accuse('two_leaders', `${when}: ${refOf(run)} runs and does not lead`);
}

interface Seen {
  readonly state: RunState;
  readonly from: number;
  readonly to: number;
}

const ENDED: ReadonlySet<RunState> = new Set(['completed', 'failed', 'cancelled']);

/**
 * A run that was seen to have ended has that end ever after, unless somebody asked for a retry that may have come between.
 * The truth of an answer lies somewhere between its call and its return, so only calls that do not overlap are compared.
 */
function checkEnds(history: readonly Op[], evidence: Evidence, accuse: Accuse): void {
  const retries = new Map<string, { readonly from: number; readonly to: number }[]>();
  const seen = new Map<string, Seen[]>();
  for (const op of history) {
    if (op.op === 'retry') {
      const to = op.outcome === 'unknown' ? Infinity : op.answered_at;
      const ref = refOf(op);
      retries.set(ref, [...(retries.get(ref) ?? []), { from: op.sent_at, to }]);
    }
    for (const told of op.told) {
      if (told.run === null || told.state === null) continue;
      const ref = refOf(told);
      const one = { state: told.state, from: op.sent_at, to: op.answered_at };
      seen.set(ref, [...(seen.get(ref) ?? []), one]);
    }
  }
  for (const { name, run, state } of evidence.served) {
    const ref = refOf({ name, run });
    seen.set(ref, [...(seen.get(ref) ?? []), { state, from: Infinity, to: Infinity }]);
  }
  for (const [ref, states] of seen) {
    const fault = brokenEnd(states, retries.get(ref) ?? []);
    if (fault !== null) accuse('not_final', `${ref} was ${fault}`);
  }
}

function brokenEnd(
  states: readonly Seen[],
  retries: readonly { readonly from: number; readonly to: number }[],
): string | null {
  for (const before of states) {
    if (!ENDED.has(before.state)) continue;
    for (const after of states) {
      if (after.from < before.to || after.state === before.state) continue;
      const retried = retries.some(({ from, to }) => to >= before.from && from <= after.to);
      if (before.state === 'completed' || !retried) return `${before.state}, and later ${after.state}`;
    }
  }
  return null;
}
