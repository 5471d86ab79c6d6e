/** Spend: whatever the models were asked stands in the rows of attempts, and these are whole. */
import type { Accuse } from './check.ts';
import { atTheEnd, refOf } from './check-runs.ts';
import type { Evidence } from './evidence.ts';
import type { Op } from './history.ts';

export function checkSpend(history: readonly Op[], evidence: Evidence, accuse: Accuse): void {
  const { runs, attempts, results } = atTheEnd(evidence);
  const byJob = Map.groupBy(attempts, (attempt) => attempt.job);
  const recorded = new Map<string, number>();
  for (const run of runs) {
    const rows = (byJob.get(run.id) ?? []).toSorted((a, b) => a.attempt - b.attempt);
    recorded.set(run.question, (recorded.get(run.question) ?? 0) + rows.length);
    if (rows.length !== run.attempt || rows.some((row, index) => row.attempt !== index + 1))
      accuse(
        'attempts',
        `${refOf(run)} stands at attempt ${run.attempt} and has rows ${rows.map((row) => row.attempt).join(', ')}`,
      );
    for (const row of rows)
      if (row.outcome === null) accuse('attempts', `attempt ${row.attempt} of ${refOf(run)} has not ended`);
    if (rows.filter((row) => row.outcome === 'succeeded').length > 1)
      accuse('double', `${refOf(run)} has two attempts that succeeded`);
    const result = results.find((one) => one.job === run.id);
    if (
      result !== undefined &&
      run.answered_by === null &&
      !rows.some((row) => row.attempt === result.attempt)
    )
      accuse('attempts', `${refOf(run)} was answered by attempt ${result.attempt}, which has no row`);
  }
  checkRequests(history, evidence, recorded, accuse);
}

/** Requests are matched by their question: no two digests share one. */
function checkRequests(
  history: readonly Op[],
  evidence: Evidence,
  recorded: ReadonlyMap<string, number>,
  accuse: Accuse,
): void {
  const submitted = new Set(
    history.flatMap((op) => (op.op === 'submit' ? op.jobs.map(({ question }) => question) : [])),
  );
  for (const [question, requests] of Map.groupBy(evidence.asked, (one) => one.question)) {
    const rows = recorded.get(question) ?? 0;
    if (!submitted.has(question))
      accuse('unexpected', `the model was asked <${question}>, which nobody submitted`);
    else if (requests.length > rows)
      accuse('unaccounted', `<${question}> was asked ${requests.length} times, and ${rows} attempts say so`);
  }
}
