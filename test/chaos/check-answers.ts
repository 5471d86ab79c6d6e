/** Answers: one for each completed run, to its own question, in the database, over HTTP and as one file that never changed. */
import type { Accuse } from './check.ts';
import { atTheEnd, refOf } from './check-runs.ts';
import type { Evidence, FoundFile, FoundResult, FoundRun } from './evidence.ts';
import type { Op } from './history.ts';
import { requestOf } from './model-answers.ts';

export function checkAnswers(history: readonly Op[], evidence: Evidence, accuse: Accuse): void {
  const { runs, results } = atTheEnd(evidence);
  const byId = new Map(runs.map((run) => [run.id, run]));
  const byJob = Map.groupBy(results, (result) => result.job);
  const answered = new Set(
    evidence.asked.filter((one) => one.answered).map(({ question, nth }) => `${question}\n${nth}`),
  );
  for (const run of runs) checkRow(run, byJob.get(run.id) ?? [], answered, accuse);
  for (const job of byJob.keys())
    if (!byId.has(job)) accuse('unexpected', `there is a result of job ${job}, which is not there`);
  for (const run of runs) {
    if (run.answered_by === null) continue;
    const [own] = byJob.get(run.id) ?? [];
    const [other] = byJob.get(run.answered_by) ?? [];
    if (own?.text !== other?.text)
      accuse('wrong_answer', `${refOf(run)} took an answer that is not that of run ${run.answered_by}`);
  }
  checkServedTexts(evidence, runs, byJob, accuse);
  checkFiles(evidence, runs, byJob, accuse);
  checkReadTexts(history, runs, byJob, accuse);
}

/** `answered`: the requests that the model answered in full, as `question\nnth`. */
function checkRow(
  run: FoundRun,
  rows: readonly FoundResult[],
  answered: ReadonlySet<string>,
  accuse: Accuse,
): void {
  const ref = refOf(run);
  if (rows.length > 1) accuse('double', `${ref} has ${rows.length} results`);
  if (run.state === 'completed' && rows.length === 0)
    accuse('no_answer', `${ref} is completed without a result`);
  if (run.state !== 'completed' && rows.length > 0)
    accuse('unexpected', `${ref} is ${run.state} and has a result`);
  for (const { text } of rows) {
    const request = requestOf(text);
    if (request === null || request.question !== run.question) {
      accuse('wrong_answer', `${ref} asked <${run.question}> and was answered "${text.slice(0, 100)}"`);
    } else if (!answered.has(`${request.question}\n${request.nth}`)) {
      accuse(
        'wrong_answer',
        `${ref} has the answer of request ${request.nth}, which the model never gave in full`,
      );
    }
  }
}

function checkServedTexts(
  evidence: Evidence,
  runs: readonly FoundRun[],
  results: ReadonlyMap<number, readonly FoundResult[]>,
  accuse: Accuse,
): void {
  const texts = new Map(evidence.served.map((run) => [refOf(run), run.text]));
  for (const run of runs) {
    const text = results.get(run.id)?.[0]?.text ?? null;
    const told = texts.get(refOf(run)) ?? null;
    if (text === told) continue;
    if (told === null) accuse('no_answer', `${refOf(run)} has an answer that HTTP does not give`);
    else accuse('disagree', `${refOf(run)} has another answer over HTTP than in the database`);
  }
}

/** What a user read at any time is what stands there at the end. */
function checkReadTexts(
  history: readonly Op[],
  runs: readonly FoundRun[],
  results: ReadonlyMap<number, readonly FoundResult[]>,
  accuse: Accuse,
): void {
  const byRef = new Map(runs.map((run) => [refOf(run), run]));
  for (const op of history) {
    const [told] = op.told;
    if (op.op !== 'read' || op.text === null || told === undefined) continue;
    const run = byRef.get(refOf(told));
    const text = run === undefined ? undefined : results.get(run.id)?.[0]?.text;
    if (text === undefined) accuse('lost', `${refOf(told)} was read with an answer, and has none`);
    else if (text !== op.text) accuse('changed', `${refOf(told)} was read with another answer than it has`);
  }
}

function checkFiles(
  evidence: Evidence,
  runs: readonly FoundRun[],
  results: ReadonlyMap<number, readonly FoundResult[]>,
  accuse: Accuse,
): void {
  const byRef = new Map(runs.map((run) => [refOf(run), run]));
  const of = (folder: FoundFile['folder']): readonly FoundFile[] =>
    evidence.files.filter((file) => file.folder === folder);
  for (const { folder, file } of [...of('tmp'), ...of('rejected')])
    accuse('left', `${folder}/${file} lies where nothing should`);
  const written = Map.groupBy(of('results'), (file) =>
    refOf({ name: file.name ?? file.file, run: file.run }),
  );
  for (const [ref, files] of written) {
    const run = byRef.get(ref);
    const text = run === undefined ? undefined : results.get(run.id)?.[0]?.text;
    if (files.length > 1) accuse('double', `${ref} has ${files.length} result files`);
    if (text === undefined) accuse('unexpected', `${files[0]?.file} is there, and ${ref} has no result`);
    else if (files.some((file) => file.text !== text))
      accuse('disagree', `the file of ${ref} has another answer`);
  }
  checkWritten(evidence, runs, written, accuse);
}

/** Each end has its file, and each name its job's. */
function checkWritten(
  evidence: Evidence,
  runs: readonly FoundRun[],
  written: ReadonlyMap<string, readonly FoundFile[]>,
  accuse: Accuse,
): void {
  const there = new Set(evidence.files.map((file) => `${file.folder}/${file.file}`));
  const names = new Set(runs.map((run) => run.name));
  for (const run of runs) {
    if (run.state === 'completed' && !written.has(refOf(run)))
      accuse('no_answer', `${refOf(run)} is completed and has no file in results/`);
    const badly = run.state === 'failed' || run.state === 'cancelled';
    if (badly && !there.has(`ended/${run.epoch}_${run.name}.json`))
      accuse('lost', `${refOf(run)} is ${run.state} and has no file in ended/`);
  }
  for (const name of names)
    if (!there.has(`jobs/${name}.json`)) accuse('lost', `${name} has no file in jobs/`);
  const several = new Set(runs.flatMap((run) => (run.run > 1 ? [run.name] : [])));
  for (const { folder, file, name } of evidence.files) {
    // A later run of a name asks something else, and its job finds the file of the first.
    if (folder === 'conflicts') {
      if (!several.has(file.replace(/(\.\d+)?\.json$/, '')))
        accuse('left', `${folder}/${file} lies there without need`);
      continue;
    }
    const known =
      folder === 'jobs' ? names.has(file.replace(/\.json$/, '')) : name === null || names.has(name);
    if (!known) accuse('unexpected', `${folder}/${file} is there, and nobody submitted it`);
    if (folder === 'ended' && name === null) accuse('changed', `${folder}/${file} is not whole`);
  }
}
