/**
 * After a race the whole server must tell one story: rows, attempts, answers, files and the events that were told agree with
 * each other and with what the models saw. Whatever the race was about, this holds.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunRow } from '../../src/core/rows.ts';
import { hasEnded } from '../../src/core/states.ts';
import type { ChangeLog } from '../model/change-log.ts';
import { type LiveServer } from '../model/live-server.ts';
import { until } from '../support/until.ts';
import { answerOf } from '../model/play.ts';

function allRuns({ reads }: LiveServer): readonly RunRow[] {
  const runs: RunRow[] = [];
  let before: number | null = null;
  do {
    const page = reads.runs({}, 1_000, before);
    runs.push(...page.runs);
    before = page.next_before;
  } while (before !== null);
  return runs.toReversed();
}

/** Waits until everything has ended and every file stands, and checks that all accounts agree. `log`: null where it was cut. */
export async function oneStory(live: LiveServer, log: ChangeLog | null): Promise<readonly RunRow[]> {
  await until('every run to end', () => allRuns(live).every(({ state }) => hasEnded(state)));
  await live.published();
  const runs = allRuns(live);
  for (const run of runs) checkRun(live, run);
  checkCalls(live, runs);
  checkFiles(live, runs);
  if (log !== null) await checkTold(live, runs, log);
  expect(live.faults).toEqual([]);
  return runs;
}

async function checkTold(live: LiveServer, runs: readonly RunRow[], log: ChangeLog): Promise<void> {
  await until('every change to be told', () =>
    runs.every(({ name, run, state }) => log.of(`${name}@${run}`).at(-1) === state),
  );
  expect(log.refs.toSorted()).toEqual(runs.map(({ name, run }) => `${name}@${run}`).toSorted());
  log.check((ref) => revivals(live, ref));
}

/** How often a run left its end by a retry: for another try, or with an answer that was kept. */
function revivals({ events }: LiveServer, ref: string): number {
  return events.filter(
    (event) =>
      event.type === 'run_changed' &&
      (event.from === 'failed' || event.from === 'cancelled') &&
      `${event.name}@${event.run}` === ref,
  ).length;
}

/** A result where it is completed and nowhere else, and its text is what that very attempt was answered. */
function checkRun({ reads, models }: LiveServer, run: RunRow): void {
  const ref = `${run.name}@${run.run}`;
  const result = reads.result(run.id);
  expect(result !== null, `${ref} is ${run.state}`).toBe(run.state === 'completed');
  const attempts = reads.attempts(run.id);
  expect(attempts.map(({ attempt }) => attempt)).toEqual(
    Array.from({ length: run.attempt }, (_, at) => at + 1),
  );
  expect(
    attempts.every(({ ended_at }) => ended_at !== null),
    `every attempt of ${ref} has ended`,
  ).toBe(true);
  if (result === null) return;
  const asked = run.answered_by === null ? run : reads.runById(run.answered_by);
  const key = `${asked?.name}@${asked?.run}#${result.attempt}`;
  const call = models.calls.find((one) => one.key === key);
  expect(reads.body(result.text_sha256), ref).toBe(answerOf(key, call?.question ?? ''));
  expect(call?.digest).toBe(run.digest);
}

/** Every call of a model stands in the row of an attempt, none came twice, and no two of one question ran at a time. */
function checkCalls({ reads, models }: LiveServer, runs: readonly RunRow[]): void {
  const keys = models.calls.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  const attempts = runs.flatMap((run) =>
    reads.attempts(run.id).map(({ attempt }) => `${run.name}@${run.run}#${attempt}`),
  );
  expect(attempts).toEqual(expect.arrayContaining(keys));
  expect(models.doubles, 'the same work is asked once at a time').toEqual([]);
  expect(models.waiting).toEqual([]);
}

/** One file for each answer, with its very bytes; none for what was not answered. */
function checkFiles({ layout, reads }: LiveServer, runs: readonly RunRow[]): void {
  const expected = runs.flatMap((run) => {
    const result = reads.result(run.id);
    return result === null ? [] : [`${result.epoch}_${run.name}.json`];
  });
  const found = readdirSync(layout.results);
  expect(found.toSorted()).toEqual(expected.toSorted());
  for (const file of found) {
    const written = JSON.parse(readFileSync(join(layout.results, file), 'utf8')) as {
      result: string;
      sha256: string;
    };
    expect(createHash('sha256').update(written.result).digest('hex')).toBe(written.sha256);
  }
}
