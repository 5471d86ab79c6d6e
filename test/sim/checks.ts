/** What must hold when everything has been healed and has come to rest. */
import type { AttemptRow, RunRow } from '../../src/core/rows.ts';
import { answerTo, BAD } from './model.ts';
import { ENDPOINTS, type World } from './world.ts';

const ENDED = new Set(['completed', 'failed', 'cancelled']);

function allRuns(world: World): readonly RunRow[] {
  const runs: RunRow[] = [];
  let before: number | null = null;
  do {
    const page = world.stores.reads.runs({ latest: false }, 1_000, before);
    runs.push(...page.runs);
    before = page.next_before;
  } while (before !== null);
  return runs;
}

/** While it runs: leases on disk are within the limits, and one run at most leads each digest. */
export function checkLimits(world: World, slots: ReadonlyMap<string, number>): void {
  const rows = world.stores.db
    .prepare(`SELECT endpoint, instance, digest, state FROM jobs WHERE leads = 1`)
    .all();
  const running = new Map<string, number>();
  const digests = new Set<unknown>();
  for (const { endpoint, instance, digest, state } of rows) {
    if (digests.has(digest)) world.fault(`two runs lead ${String(digest)}`);
    digests.add(digest);
    if (state !== 'running') continue;
    for (const key of [String(endpoint), `instance ${String(instance)}`])
      running.set(key, (running.get(key) ?? 0) + 1);
  }
  for (const { name, max_concurrent } of ENDPOINTS) {
    if ((running.get(name) ?? 0) > max_concurrent)
      world.fault(`${name} runs ${running.get(name)} of at most ${max_concurrent}`);
  }
  for (const { id, name } of world.stores.reads.instances()) {
    const used = running.get(`instance ${id}`) ?? 0;
    if (used > (slots.get(name) ?? 0))
      world.fault(`${name} holds ${used} leases and has ${slots.get(name)} slots`);
  }
}

export function checkAtRest(world: World): void {
  const runs = allRuns(world);
  const byRef = new Map(runs.map((run) => [`${run.name}@${run.run}`, run]));
  for (const [ref, { digest }] of world.accepted) {
    if (byRef.get(ref)?.digest !== digest) world.fault(`${ref} was accepted and is not there, or is another`);
  }
  for (const run of runs) checkRun(world, run);
  for (const [key, call] of world.models.calls) {
    const [ref = '', attempt] = key.split('#');
    const run = byRef.get(ref);
    const rows = run === undefined ? [] : world.stores.reads.attempts(run.id);
    if (!rows.some((row) => row.attempt === Number(attempt)))
      world.fault(`${key} ran on ${call.instance} and stands in no row`);
  }
  for (const key of world.acknowledged) checkAcknowledged(world, key, byRef);
  if (world.stores.reads.unpublished() > 0)
    world.fault(`${world.stores.reads.unpublished()} files were never published`);
  world.violations.push(...world.models.violations);
}

function checkRun(world: World, run: RunRow): void {
  const ref = `${run.name}@${run.run}`;
  if (!ENDED.has(run.state))
    world.fault(`${ref} is ${run.state} (${run.reason_code ?? 'no reason'}) at rest`);
  if (run.leads) world.fault(`${ref} has ended and leads`);
  const spec = world.stores.reads.spec(run.id);
  const prompt = spec === null ? null : world.stores.reads.body(spec.prompt_sha256);
  const [message] = JSON.parse(prompt ?? '[]') as { content: string }[];
  const result = world.stores.reads.result(run.id);
  if ((result !== null) !== (run.state === 'completed'))
    world.fault(`${ref} is ${run.state} and has ${result === null ? 'no' : 'a'} result`);
  if (result !== null && message !== undefined) {
    const text = world.stores.reads.body(result.text_sha256);
    if (text !== answerTo(message.content))
      world.fault(`${ref} asked "${message.content}" and was answered "${text}"`);
    if (result.text_sha256 !== world.results.get(run.id)) world.fault(`the result of ${ref} has changed`);
    if (message.content.startsWith(BAD)) world.fault(`${ref} asked what nobody can answer, and is completed`);
  }
  checkAttempts(world, run, world.stores.reads.attempts(run.id));
}

/** Rows of attempts are numbered without gaps, all ended, and say what that very attempt brought. */
function checkAttempts(world: World, run: RunRow, attempts: readonly AttemptRow[]): void {
  const ref = `${run.name}@${run.run}`;
  if (attempts.length !== run.attempt)
    world.fault(`${ref} stands at attempt ${run.attempt} and has ${attempts.length} rows`);
  for (const row of attempts) {
    const key = `${ref}#${row.attempt}`;
    if (row.ended_at === null) world.fault(`${key} has not ended`);
    const brought = world.models.calls.get(key)?.outcome ?? null;
    const called = world.models.calls.get(key);
    const free = row.outcome === 'lost' && row.charged_for === null;
    if (free && called !== undefined && !world.given_up.has(key))
      world.fault(`${key} ran on ${called.instance}, and was taken for one that never arrived`);
    if (isReported(row) && brought !== row.outcome)
      world.fault(`${key} is ${row.outcome} in its row, and brought ${brought ?? 'nothing'}`);
  }
}

/** Whether the row must be what the instance brought; the others are the scheduler's own judgements. */
function isReported(row: AttemptRow): boolean {
  if (row.outcome === 'timed_out') return !(row.error ?? '').startsWith('no outcome within');
  return row.outcome === 'errored' || row.outcome === 'rate_limited' || row.outcome === 'succeeded';
}

/** An answer that an instance was told to forget is on disk somewhere, or was needed no more. */
function checkAcknowledged(world: World, key: string, runs: ReadonlyMap<string, RunRow>): void {
  if (world.models.calls.get(key)?.outcome !== 'succeeded') return;
  const [ref = '', attempt] = key.split('#');
  const run = runs.get(ref);
  if (run === undefined)
    return world.fault(`the answer of ${key} was acknowledged, and its run is not there`);
  if (run.state === 'completed') return undefined;
  const row = world.stores.reads.attempts(run.id).find((one) => one.attempt === Number(attempt));
  if (row?.kept_answer == null)
    world.fault(`the answer of ${key} was acknowledged and is lost: ${ref} is ${run.state}`);
  return undefined;
}
