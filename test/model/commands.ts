/**
 * What clients do with a live server, as commands of fast-check: each asks the server and the model, compares the answer, and
 * then everything that can be seen. `agree` also waits: what was answered is committed, but attempts begin and end after it.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { JobLine } from '../../src/core/views.ts';
import { type LiveServer } from './live-server.ts';
import { until } from '../support/until.ts';
import { answerOf, type Ending } from './play.ts';
import type { ModelRun, QueueModel, Submitted, Wish } from './queue-model.ts';

export interface Real {
  readonly live: LiveServer;
  /** The whole result of each run, as it was first seen. */
  readonly results: Map<string, string>;
}

type Command = fc.AsyncCommand<QueueModel, Real>;

const refOf = ({ name, run }: { name: string; run: number }): string => `${name}@${run}`;

function bodyOf({ name, content, if_exists, batch, later, max_attempts }: Wish): object {
  const options = { max_attempts, ...(later ? { run_at: '2100-01-01T00:00:00Z' } : {}) };
  return {
    ...{ name, prompt: content, configuration: { LLM_name: 'e:m' }, if_exists, options },
    ...(batch === null ? {} : { batch }),
  };
}

/** One at a time, so that the model need not guess an order; what is known is sent again several times at once. */
abstract class Step<Given extends readonly unknown[]> implements Command {
  readonly given: Given;

  constructor(...given: Given) {
    this.given = given;
  }

  abstract act(model: QueueModel, real: Real): Promise<void>;

  check(_model: Readonly<QueueModel>): boolean {
    return true;
  }

  async run(model: QueueModel, real: Real): Promise<void> {
    await this.act(model, real);
    await agree(model, real);
  }

  toString(): string {
    return `${this.constructor.name} ${JSON.stringify(this.given)}`;
  }
}

class Submit extends Step<[wish: Wish]> {
  async act(model: QueueModel, { live }: Real): Promise<void> {
    const [wish] = this.given;
    const { verdict, run } = model.submit(wish);
    const answer = await live.http.post('/jobs', bodyOf(wish));
    if (run === null) {
      expect(answer).toMatchObject({ status: 409, json: { code: 'NameTaken', errors: [{ path: 'name' }] } });
      return;
    }
    const created = verdict === 'created' || verdict === 'shared';
    const answered_before = verdict === 'answered_before';
    expect(answer).toMatchObject({
      status: created ? 201 : 200,
      json: { name: run.name, created, answered_before },
    });
    const told = model.ofName(run.name)[(answer.json['run'] as number) - 1];
    expect(told?.content, 'the run that is told asks this').toBe(run.content);
    if (verdict !== 'known' && verdict !== 'answered_before') expect(told).toBe(run);
  }
}

class SubmitLot extends Step<[wishes: readonly Wish[], skip: boolean]> {
  async act(model: QueueModel, { live }: Real): Promise<void> {
    const [wishes, skip] = this.given;
    const submitted = model.submitLot(wishes, skip);
    const query = skip ? '?on_invalid=skip' : '';
    const answer = await live.http.post(`/jobs${query}`, wishes.map(bodyOf));
    if (submitted === null) {
      expect(answer).toMatchObject({ status: 409, json: { code: 'NameTaken' } });
      return;
    }
    const count = (verdict: Submitted['verdict']): number =>
      submitted.filter((one) => one.verdict === verdict).length;
    const isNew = count('created') + count('shared') > 0;
    expect(answer.status).toBe(isNew ? 201 : 200);
    const counts = {
      created: count('created'),
      shared: count('shared'),
      answered_before: count('answered_before'),
      known: count('known'),
    };
    expect(answer.json).toMatchObject(counts);
    const refused = (answer.json['refused'] ?? []) as { index: number; errors: { code: string }[] }[];
    expect(refused.map(({ index }) => index)).toEqual(
      submitted.flatMap(({ verdict }, at) => (verdict === 'conflict' ? [at] : [])),
    );
    for (const { errors } of refused) expect(errors).toMatchObject([{ code: 'NameTaken' }]);
  }
}

/** The same job several times at one moment: nothing happens. */
class SendAgain extends Step<[at: number, times: number]> {
  override check({ runs }: Readonly<QueueModel>): boolean {
    return runs.length > 0;
  }

  async act(model: QueueModel, { live }: Real): Promise<void> {
    const [at, times] = this.given;
    const { name } = pick(model.runs, at);
    const latest = model.latest(name)!;
    const { content, batch, max_attempts } = latest;
    const body = bodyOf({ name, content, batch, max_attempts, if_exists: 'new_run', later: false });
    const answers = await Promise.all(Array.from({ length: times }, () => live.http.post('/jobs', body)));
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 200, json: { name, run: latest.run, created: false } });
  }
}

/** An attempt ends, while somebody waits for the run. */
class End extends Step<[at: number, how: Ending]> {
  override check({ runs }: Readonly<QueueModel>): boolean {
    return runs.some(({ state }) => state === 'running');
  }

  async act(model: QueueModel, real: Real): Promise<void> {
    const [at, how] = this.given;
    const { live } = real;
    const run = pick(
      model.runs.filter(({ state }) => state === 'running'),
      at,
    );
    const ends = how !== 'break' || run.errors + 1 >= run.max_attempts;
    const waiting = ends ? live.http.ask(`/jobs/${refOf(run)}?wait=20`) : null;
    live.models.end(`${refOf(run)}#${run.attempt}`, how);
    model[how](run);
    const answer = await waiting;
    if (answer !== null)
      expect(answer.json).toMatchObject({ name: run.name, run: run.run, state: run.state });
    if (run.state === 'failed') await handOver(model, real, run.content);
  }
}

class Cancel extends Step<[at: number, latest: boolean]> {
  override check({ runs }: Readonly<QueueModel>): boolean {
    return runs.length > 0;
  }

  async act(model: QueueModel, real: Real): Promise<void> {
    const [at, latest] = this.given;
    const picked = pick(model.runs, at);
    const run = latest ? model.latest(picked.name)! : picked;
    const verdict = model.cancel(run);
    const answer = await real.live.http.delete(`/jobs/${latest ? run.name : refOf(run)}`);
    if (verdict === 'ended') expect(answer).toMatchObject({ status: 409, json: { code: 'WrongState' } });
    else expect(answer.status).toBe(verdict === 'cancelling' ? 202 : 200);
    if (verdict === 'cancelling') await handOver(model, real, run.content);
  }
}

class Retry extends Step<[at: number]> {
  override check({ runs }: Readonly<QueueModel>): boolean {
    return runs.length > 0;
  }

  async act(model: QueueModel, { live }: Real): Promise<void> {
    const [at] = this.given;
    const ended = model.runs.filter(({ state }) => state === 'failed' || state === 'cancelled');
    const run = pick(ended.length > 0 ? ended : model.runs, at);
    const answer = await live.http.post(`/jobs/${refOf(run)}/retry`, {});
    if (model.retry(run))
      expect(answer).toMatchObject({ status: 200, json: { name: run.name, run: run.run } });
    else expect(answer).toMatchObject({ status: 409, json: { code: 'WrongState' } });
  }
}

/** What is none of the server's jobs, or no job at all, is refused and leaves nothing behind. */
class AskNonsense extends Step<[]> {
  async act(_model: QueueModel, { live: { http } }: Real): Promise<void> {
    const none = { status: 404, json: { code: 'NotFound' } };
    expect(await http.ask('/jobs/nobody')).toMatchObject(none);
    expect(await http.ask('/jobs/nobody/result')).toMatchObject(none);
    expect(await http.delete('/jobs/nobody')).toMatchObject(none);
    expect(await http.post('/jobs/nobody/retry', {})).toMatchObject(none);
    expect(await http.ask('/batches/nobody')).toMatchObject(none);
    const wrong = { name: 'bad', prompt: 'x', configuration: { LLM_name: 'e:m', seed: '7' } };
    const bad = await http.post('/jobs', wrong);
    expect(bad).toMatchObject({ status: 422, json: { errors: [{ path: 'configuration.seed' }] } });
    const job = { name: 'good', prompt: 'x', configuration: { LLM_name: 'e:m' } };
    expect(await http.post('/jobs', [job, { ...job, name: '../bad' }])).toMatchObject({ status: 422 });
    expect(await http.ask('/jobs?state=asleep')).toMatchObject({
      status: 400,
      json: { code: 'InvalidRequest' },
    });
  }
}

class Restart extends Step<[]> {
  async act(_model: QueueModel, { live }: Real): Promise<void> {
    await live.restart();
  }
}

/** Somebody who waited for this work asks now, whichever of them it is. */
async function handOver(model: QueueModel, { live }: Real, content: string): Promise<void> {
  const heirs = model.heirs(content);
  if (heirs.length === 0) return;
  const begun = (heir: ModelRun): boolean =>
    live.models.waiting.includes(`${refOf(heir)}#${heir.attempt + 1}`);
  await until('one of those who waited to ask', () => heirs.some(begun));
  model.lead(heirs.find(begun)!);
}

/** All that can be seen says what the model says. */
async function agree(model: QueueModel, { live, results }: Real): Promise<void> {
  const expected = model.runs.map((run) => `${refOf(run)} ${run.state} #${run.attempt}`);
  const list = async (): Promise<JobLine[]> =>
    (await live.http.ask('/jobs?latest=false&limit=1000')).json['jobs'] as JobLine[];
  const shown = (jobs: readonly JobLine[]): string[] =>
    jobs.map(({ name, run, state, attempts }) => `${name}@${run} ${state} #${attempts}`).toReversed();
  let jobs = await list();
  await until(
    'the server to come to rest',
    async () => {
      if (String(shown(jobs)) === String(expected)) return true;
      jobs = await list();
      return false;
    },
    3_000,
  ).catch(() => undefined);
  expect(shown(jobs)).toEqual(expected);
  const running = model.runs.filter(({ state }) => state === 'running');
  await until('every run that runs to be asked', () => live.models.waiting.length >= running.length);
  expect(live.models.waiting.toSorted()).toEqual(
    running.map((run) => `${refOf(run)}#${run.attempt}`).toSorted(),
  );
  expect(live.models.doubles).toEqual([]);
  await Promise.all([countsAgree(model, live), ...model.runs.map((run) => resultAgrees(run, live, results))]);
  expect(live.faults).toEqual([]);
}

async function countsAgree(model: QueueModel, { http }: LiveServer): Promise<void> {
  const tally = (runs: readonly ModelRun[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { state } of runs) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  };
  const counted = async (query: string): Promise<Record<string, number>> => {
    const rows = (await http.ask(`/jobs/counts?${query}`)).json['counts'];
    return Object.fromEntries(
      (rows as { by: { state: string }; runs: number }[]).map(({ by, runs }) => [by.state, runs]),
    );
  };
  const latest = model.runs.filter((run) => model.latest(run.name) === run);
  expect(await counted('latest=false')).toEqual(tally(model.runs));
  expect(await counted('latest=true')).toEqual(tally(latest));
  for (const batch of new Set(model.runs.flatMap((run) => run.batch ?? []))) {
    const answer = await http.ask(`/batches/${batch}`);
    const counts = Object.entries(answer.json['counts'] as Record<string, number>);
    // A batch counts each of its names once: by the last run that it asked for itself.
    const asked = model.runs.filter((run) => run.batch === batch);
    const last = new Map(asked.map((run) => [run.name, run]));
    expect(Object.fromEntries(counts.filter(([, count]) => count > 0)), batch).toEqual(
      tally([...last.values()]),
    );
  }
}

/** G6, G8: what is completed has a whole result, the same for ever; nothing else has one. */
async function resultAgrees(
  run: ModelRun,
  { http }: LiveServer,
  results: Map<string, string>,
): Promise<void> {
  const { text, json, headers } = await http.ask(`/jobs/${refOf(run)}/result`);
  if (run.state !== 'completed') {
    expect(json['result'], refOf(run)).toBeNull();
    return;
  }
  expect(json['result']).toBe(answerOf(run.answer ?? '', run.content));
  const hash = createHash('sha256')
    .update(json['result'] as string)
    .digest('hex');
  expect([json['sha256'], headers['promptd-result-sha256']]).toEqual([hash, hash]);
  expect(text, `the result of ${refOf(run)} never changes`).toBe(results.get(refOf(run)) ?? text);
  results.set(refOf(run), text);
}

function pick<T>(items: readonly T[], at: number): T {
  return items[at % items.length]!;
}

const wish = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  content: fc.constantFrom('one', 'two', 'three'),
  if_exists: fc.constantFrom('same', 'new_run'),
  batch: fc.constantFrom(null, null, 'x', 'y'),
  later: fc.constantFrom(false, false, false, true),
  max_attempts: fc.integer({ min: 1, max: 3 }),
});
const at = fc.nat(99);
const submit = wish.map((one) => new Submit(one));
const lot = fc
  .tuple(fc.array(wish, { minLength: 1, maxLength: 5 }), fc.boolean())
  .map((args) => new SubmitLot(...args));
const end = fc
  .tuple(at, fc.constantFrom('answer', 'refuse', 'break', 'break'))
  .map((args) => new End(...args));
const cancel = fc.tuple(at, fc.boolean()).map((args) => new Cancel(...args));
const retry = at.map((one) => new Retry(one));

/** What is named more often is drawn more often. */
export const COMMANDS: fc.Arbitrary<Command>[] = [
  ...[submit, submit, submit, lot, lot, end, end, cancel, cancel, retry, retry],
  fc.tuple(at, fc.integer({ min: 1, max: 5 })).map((args) => new SendAgain(...args)),
  fc.constant(new AskNonsense()),
  fc.constant(new Restart()),
];
