/** Runs: everything acknowledged is there, nothing else is, each once, ended, and told alike by HTTP and the database. */
import type { RunState } from '../../src/core/states.ts';
import type { Accuse } from './check.ts';
import type { Evidence, FoundRun, Snapshot } from './evidence.ts';
import type { Op, SubmitOp } from './history.ts';

const ENDED: ReadonlySet<RunState> = new Set(['completed', 'failed', 'cancelled']);

export function refOf(run: { readonly name: string; readonly run: number | null }): string {
  return run.run === null ? run.name : `${run.name}@${run.run}`;
}

/** The snapshot of the end. */
export function atTheEnd(evidence: Evidence): Snapshot {
  const last = evidence.snapshots.at(-1);
  if (last === undefined) throw new Error('evidence has no snapshot of the end');
  return last;
}

export function checkRuns(history: readonly Op[], evidence: Evidence, accuse: Accuse): void {
  const { runs, to_publish } = atTheEnd(evidence);
  const submits = history.filter((op) => op.op === 'submit');
  checkAcknowledged(submits, runs, accuse);
  checkExpected(submits, runs, accuse);
  checkServed(evidence, runs, accuse);
  for (const run of runs) {
    if (!ENDED.has(run.state)) accuse('not_ended', `${refOf(run)} is ${run.state} at rest`);
    // Who answered a digest as its leader leads it for ever.
    if (run.leads && run.state !== 'completed')
      accuse('two_leaders', `${refOf(run)} is ${run.state} and still leads`);
  }
  if (to_publish > 0) accuse('left', `${to_publish} files were never published`);
}

/** Lost: a submission was answered with a yes, and the run is not there, or asks something else. */
function checkAcknowledged(submits: readonly SubmitOp[], runs: readonly FoundRun[], accuse: Accuse): void {
  const byRef = new Map(runs.map((run) => [refOf(run), run]));
  const byQuestion = new Set(runs.map((run) => `${run.name}\n${run.question}`));
  for (const { jobs, told } of submits.filter((op) => op.outcome === 'ok')) {
    for (const [index, { name, question }] of jobs.entries()) {
      const said = told[index];
      const run = said?.run ?? null;
      if (run === null) {
        if (!byQuestion.has(`${name}\n${question}`))
          accuse('lost', `${name} <${question}> was acknowledged and is not there`);
        continue;
      }
      const found = byRef.get(`${name}@${run}`);
      const digest = said?.digest ?? null;
      if (found === undefined) accuse('lost', `${name}@${run} was acknowledged and is not there`);
      else if (found.question !== question)
        accuse('lost', `${name}@${run} was acknowledged as <${question}> and is <${found.question}>`);
      else if (digest !== null && found.digest !== digest)
        accuse('lost', `${name}@${run} was acknowledged with another digest`);
    }
  }
}

/** Unexpected: a run that nobody may have made. Double: one submission made two. */
function checkExpected(submits: readonly SubmitOp[], runs: readonly FoundRun[], accuse: Accuse): void {
  const possible = new Set<string>();
  for (const { jobs } of submits.filter((op) => op.outcome !== 'refused'))
    for (const { name, question } of jobs) possible.add(`${name}\n${question}`);
  const digests = new Map<string, string>();
  const previous = new Map<string, FoundRun>();
  for (const run of runs.toSorted((a, b) => a.run - b.run)) {
    if (!possible.has(`${run.name}\n${run.question}`))
      accuse('unexpected', `${refOf(run)} <${run.question}> is there, and nobody submitted it`);
    const before = previous.get(run.name);
    if ((before?.run ?? 0) + 1 !== run.run) accuse('lost', `${run.name} has no run ${run.run - 1}`);
    if (before?.question === run.question)
      accuse('double', `${refOf(before)} and ${refOf(run)} are the same submission`);
    previous.set(run.name, run);
    const digest = digests.get(run.question) ?? run.digest;
    digests.set(run.question, digest);
    if (digest !== run.digest)
      accuse('double', `<${run.question}> has two digests, ${refOf(run)} another one`);
  }
}

function checkServed(evidence: Evidence, runs: readonly FoundRun[], accuse: Accuse): void {
  const served = new Map(evidence.served.map((run) => [refOf(run), run]));
  for (const run of runs) {
    const ref = refOf(run);
    const told = served.get(ref);
    if (told === undefined) accuse('lost', `${ref} is in the database, and HTTP does not show it`);
    else if (told.state !== run.state || told.digest !== run.digest)
      accuse('disagree', `${ref} is ${run.state} in the database and ${told.state} over HTTP`);
    served.delete(ref);
  }
  for (const ref of served.keys()) accuse('unexpected', `HTTP shows ${ref}, which is not in the database`);
}
