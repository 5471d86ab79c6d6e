/** What must hold when everything has been healed and has come to rest. Each rule is a function, and says what it found. */
import { sha256 } from '../../src/core/identity.ts';
import type { AttemptRow, RunRow } from '../../src/core/rows.ts';
import { hasEnded } from '../../src/core/states.ts';
import { attemptKey } from './lease-watch.ts';
import { BAD } from './model.ts';
import type { World } from './world.ts';

/** All runs as the database has them. */
export function storedRuns(world: World): readonly RunRow[] {
  const runs: RunRow[] = [];
  let before: number | null = null;
  do {
    const page = world.stores.reads.runs({ latest: false }, 1_000, before);
    runs.push(...page.runs);
    before = page.next_before;
  } while (before !== null);
  return runs;
}

function refOf({ name, run }: Pick<RunRow, 'name' | 'run'>): string {
  return `${name}@${run}`;
}

export function nothingAcknowledgedIsLost(world: World, runs: readonly RunRow[]): void {
  const stored = new Map(runs.map((run) => [refOf(run), run]));
  for (const [ref, digest] of world.accepted)
    if (stored.get(ref)?.digest !== digest)
      world.fault('nothing lost', `${ref} was accepted and is not there, or is another`);
  for (const key of world.acknowledged) checkAcknowledged(world, key, stored);
}

/** An answer that an instance was told to forget is on disk somewhere, or was needed no more. */
function checkAcknowledged(world: World, key: string, runs: ReadonlyMap<string, RunRow>): void {
  const call = world.models.calls.get(key);
  if (call?.outcome !== 'succeeded' || world.past.has(key)) return;
  const [ref = '', attempt] = key.split('#');
  const run = runs.get(ref);
  if (run === undefined) {
    world.fault('nothing lost', `the answer of ${key} was acknowledged, and its run is not there`);
    return;
  }
  if (run.state === 'completed') return;
  const row = world.stores.reads.attempts(run.id).find((one) => one.attempt === Number(attempt));
  if (row?.kept_answer == null)
    world.fault('nothing lost', `the answer of ${key} was acknowledged and is lost: ${ref} is ${run.state}`);
}

/** What stood on an instance's disk is brought, whoever died meanwhile. */
export function everySpooledOutcomeIsBrought(world: World): void {
  for (const key of world.spooled)
    if (!world.acknowledged.has(key) && !world.ruined.has(key))
      world.fault('spool', `the outcome of ${key} was on disk, and was never brought`);
}

/** The database is what its commits made it, run by run. */
export function theDatabaseIsWhatWasCommitted(world: World, runs: readonly RunRow[]): void {
  const { ledger } = world;
  if (runs.length !== ledger.runs.size)
    world.fault('told before disk', `${ledger.runs.size} runs were committed, ${runs.length} are stored`);
  for (const run of runs) {
    const told = ledger.runs.get(run.id);
    if (told?.state !== run.state || told.attempt !== run.attempt || told.epoch !== run.epoch)
      world.fault(
        'told before disk',
        `${refOf(run)} is stored as ${run.state} at attempt ${run.attempt}, committed was ${told?.state ?? 'nothing'} at ${told?.attempt ?? 0}`,
      );
  }
}

export function everythingHasEnded(world: World, runs: readonly RunRow[]): void {
  for (const run of runs) {
    if (!hasEnded(run.state))
      world.fault('ends', `${refOf(run)} is ${run.state} (${run.reason_code ?? 'no reason'}) at rest`);
    if (run.leads) world.fault('one leader', `${refOf(run)} has ended and leads`);
  }
}

/** Every result is what a model answered to that very question, accepted once, and is the one that was committed. */
export function noResultIsUnexpected(world: World, runs: readonly RunRow[]): void {
  for (const run of runs) checkResult(world, run);
}

function checkResult(world: World, run: RunRow): void {
  const { reads } = world.stores;
  const ref = refOf(run);
  const result = reads.result(run.id);
  if ((result !== null) !== (run.state === 'completed'))
    world.fault('one result', `${ref} is ${run.state} and has ${result === null ? 'no' : 'a'} result`);
  if (result === null) return;
  const text = reads.body(result.text_sha256) ?? '';
  if (
    sha256(text) !== result.text_sha256 ||
    result.text_sha256 !== world.ledger.results.get(run.id)?.text_sha256
  )
    world.fault('one result', `the result of ${ref} has changed`);
  // Where its own file stood before the database, that is what it must have.
  const isOwn = world.handmade.has(`${run.epoch}_${run.name}`);
  const by = isOwn ? run : answeringRun(world, run);
  const handmade = world.handmade.get(`${by.epoch}_${by.name}`);
  if (handmade !== undefined) {
    if (handmade.result !== text)
      world.fault('no unexpected result', `${ref} has "${text}", somebody wrote "${handmade.result}"`);
    if (handmade.digest !== null && handmade.digest !== run.digest)
      world.fault('no unexpected result', `${ref} has the answer of a file that is of other work`);
    if (handmade.run !== null && handmade.run !== by.run)
      world.fault('no unexpected result', `${refOf(by)} has the answer of a file of run ${handmade.run}`);
    return;
  }
  const key = attemptKey({ name: by.name, run: by.run, attempt: result.attempt });
  const calls = world.models.ever.get(key) ?? [];
  const call = calls.find(({ answer, digest }) => answer === text && digest === run.digest);
  if (call === undefined)
    world.fault(
      'no unexpected result',
      `${ref} has "${text}" as its result; its attempt ${key} brought ${calls.map(({ answer }) => `"${answer ?? 'none'}"`).join(', ')}`,
    );
  if (call?.text.startsWith(BAD) === true)
    world.fault('no unexpected result', `${ref} asked what nobody can answer, and is completed`);
}

/** Whoever asks for a fresh draw again under the same word is told of the run that it is, as long as that is the latest. */
export function noDrawIsMadeTwice(world: World, runs: readonly RunRow[]): void {
  const before = new Map<string, RunRow>();
  for (const run of runs.toSorted((a, b) => a.run - b.run)) {
    const isDraw = world.drawn.has(run.digest);
    if (isDraw) world.hit(`a fresh draw ${run.answered_by === null ? 'was asked' : 'was shared'}`);
    const last = before.get(run.name);
    if (isDraw && last?.digest === run.digest && last.run === run.run - 1)
      world.fault('draws', `${refOf(run)} is the very draw that the run before it is`);
    before.set(run.name, run);
  }
}

/** The run that was asked for this answer; results that were shared may have been handed on more than once. */
function answeringRun(world: World, run: RunRow): RunRow {
  let at = run;
  for (let hops = 0; at.answered_by !== null && hops < 100; hops += 1)
    at = world.stores.reads.runById(at.answered_by) ?? { ...at, answered_by: null };
  return at;
}

/** Rows of attempts are numbered without gaps, all ended, and say what that very attempt brought. */
export function everyAttemptIsTold(world: World, runs: readonly RunRow[]): void {
  const numbers = new Map<string, RunRow>();
  for (const run of runs) {
    numbers.set(refOf(run), run);
    const attempts = world.stores.reads.attempts(run.id);
    // Attempts that were made elsewhere are counted, and have no rows.
    const made = run.attempt - (world.ledger.begun.get(run.id)?.attempt ?? 0);
    if (attempts.length !== made)
      world.fault('fence', `${refOf(run)} has made ${made} attempts and has ${attempts.length} rows`);
    for (const row of attempts) checkAttempt(world, `${refOf(run)}#${row.attempt}`, row);
  }
  for (const [key, { instance }] of world.models.calls) {
    const [ref = '', attempt] = key.split('#');
    if ((numbers.get(ref)?.attempt ?? 0) < Number(attempt) && !world.past.has(key))
      world.fault('told before disk', `${key} ran on ${instance} and stands in no row`);
  }
}

function checkAttempt(world: World, key: string, row: AttemptRow): void {
  if (row.ended_at === null) world.fault('ends', `${key} has not ended`);
  if (world.past.has(key)) return;
  const call = world.models.calls.get(key);
  const brought = call?.outcome ?? null;
  const free = row.outcome === 'lost' && row.charged_for === null;
  const run = key.slice(0, key.lastIndexOf('#'));
  const excused = world.given_up.has(key) || world.ledger.cancelled.has(run) || world.ruined.has(key);
  if (free && call !== undefined && !excused)
    world.fault('fence', `${key} ran on ${call.instance}, and was taken for one that never arrived`);
  if (call !== undefined && call.prompt !== null && row.outcome === 'succeeded')
    world.hit('a script made the prompt of an answer');
  const made = call?.prompt == null ? null : sha256(call.prompt);
  if (row.prompt_sha256 !== made && (row.prompt_sha256 !== null || row.outcome === 'succeeded'))
    world.fault('prompts', `${key} has a prompt in its row that its script did not make, or has lost it`);
  if (isReported(row) && brought !== row.outcome)
    world.fault('fence', `${key} is ${row.outcome} in its row, and brought ${brought ?? 'nothing'}`);
}

/** Whether the row must be what the instance brought; the others are the scheduler's own judgements. */
function isReported(row: AttemptRow): boolean {
  if (row.outcome === 'timed_out') return !(row.error ?? '').startsWith('no outcome within');
  return row.outcome === 'errored' || row.outcome === 'rate_limited' || row.outcome === 'succeeded';
}
