/**
 * 5,000 files dropped into `jobs/` in every way that people have, and servers and instances that are killed meanwhile.
 * Another seed: PROMPTD_TEST_SEED=7 vitest run --project e2e test/e2e/dropped-files.test.ts
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import {
  checkAnswers,
  checkDatabase,
  checkJobs,
  checkReports,
  countOf,
  readResults,
  versionOf,
  worksOf,
} from './dropped-checks.ts';
import { type Asked, batchFile, type Content, jobFile, workOf } from './dropped-jobs.ts';
import { displacedIn, Meetings } from './dropped-http.ts';
import { Dropper, liveAndDie, PATIENCE_MS } from './dropped-lives.ts';
import { type Plan, planOf, type Step } from './dropped-plan.ts';
import { type Machine, type Serving, setup } from './machine.ts';

const SEED = Number(process.env['PROMPTD_TEST_SEED'] ?? 5);

interface Scene {
  readonly machine: Machine;
  readonly dropper: Dropper;
  readonly random: SeededRandom;
  /** Everything right that was dropped. */
  readonly asks: Asked[];
  /** Every wrong version that was dropped. */
  readonly wrong: string[];
  readonly unfinished: Set<string>;
  readonly say: (line: string) => void;
}

async function scene(): Promise<Scene> {
  const began = performance.now();
  const machine = await setup({ config: { watch: { enabled: true } } });
  let answers = 0;
  machine.model.script(/./, ({ prompt }) => ({ pieces: [`answer ${(answers += 1)}`, ` of: ${prompt}`] }));
  return {
    machine,
    dropper: new Dropper(machine),
    random: new SeededRandom(SEED),
    asks: [],
    wrong: [],
    unfinished: new Set(),
    say: (line) => console.log(`${Math.round((performance.now() - began) / 1_000)} s: ${line}`),
  };
}

/** Lets all lots but the last be dropped while servers are killed; the last one's server stays. */
async function live(on: Scene, plan: Plan, kills_instances: boolean): Promise<Serving> {
  const { machine, dropper, random } = on;
  const works_before = worksOf(on.asks).length;
  on.asks.push(...plan.asks);
  on.wrong.push(...plan.wrong.map(({ file, content }) => versionOf(file, content)));
  const options = { machine, dropper, random, kills_instances, works_before, say: on.say };
  for (const lot of plan.lots.slice(0, -1)) await liveAndDie(lot, options);
  const serving = await machine.serve();
  for (const { steps } of plan.lots.slice(-1)) for (const step of steps) dropper.do(step);
  for (const { steps } of plan.lots) noteUnfinished(on, steps);
  return serving;
}

/** What a slow writer left for a moment may have been looked at by then. */
function noteUnfinished({ unfinished }: Scene, steps: readonly Step[]): void {
  const so_far = new Map<string, Buffer>();
  for (const step of steps) {
    if (step.do !== 'append') continue;
    const bytes = Buffer.concat([so_far.get(step.file) ?? Buffer.alloc(0), step.content]);
    so_far.set(step.file, bytes);
    unfinished.add(versionOf(step.file, bytes));
  }
}

/** Until everything right is answered and stands in `results/`, and `rejected` files are told of. */
async function settled({ machine, asks, say }: Scene, { client }: Serving, rejected: number): Promise<void> {
  const runs = countOf(asks);
  await until(
    `${runs} runs to be completed, and ${rejected} files rejected`,
    async () => {
      const { states, unpublished } = await client.stats();
      const { counts } = await client.folder();
      return (
        unpublished === 0 && states.completed === runs && counts.rejected === rejected && counts.waiting === 0
      );
    },
    PATIENCE_MS,
  );
  say(`${runs} runs are completed, ${rejected} files rejected`);
  await until('their files', async () => (await machine.files('results')).length === runs, PATIENCE_MS);
}

function requestsOfEach({ machine, asks }: Scene): number[] {
  return worksOf(asks).map(({ prompt }) => machine.model.count(prompt));
}

/** A third of what is wrong is mended, a third goes wrong in another way, and what no job can be called is removed. */
function mend(on: Scene, wrong: Plan['wrong']): void {
  const { dropper, random } = on;
  const works = worksOf(on.asks).length;
  for (const [i, { file, content }] of wrong.entries()) {
    const [, name = '', ending] = /^(wrong-\d+)\.(jsonl?)$/.exec(file) ?? [];
    if (name === '') dropper.do({ do: 'remove', file });
    else if (content === 'directory' || i % 3 === 2) continue;
    else if (i % 3 === 1) goWrong(on, file, i);
    else {
      const work = workOf('mended', works + i);
      const right = ending === 'json' ? jobFile(random, name, work) : batchFile(random, name, [work]);
      dropper.do({ do: isMoved(content, i) ? 'move' : 'write', file, content: right.content });
      on.asks.push(...right.asks);
    }
  }
}

function goWrong({ dropper, wrong }: Scene, file: string, i: number): void {
  const before = dropper.put.get(file);
  const content = Buffer.from(`{"prompt": "wrong again, ${i}", "configuration": {}}`);
  dropper.do({ do: isMoved(before, i) ? 'move' : 'write', file, content });
  wrong.push(versionOf(file, content));
}

/** What is no regular file is not written into, but moved over. */
function isMoved(before: Content | undefined, i: number): boolean {
  return !(before instanceof Buffer) || i % 2 === 0;
}

function stillWrong({ dropper, wrong }: Scene): string[] {
  return [...dropper.put].flatMap(([file, content]) =>
    wrong.includes(versionOf(file, content)) ? [file] : [],
  );
}

async function meetHttp(on: Scene, first: Serving): Promise<void> {
  const { machine, asks } = on;
  const meetings = new Meetings(machine, on.dropper, on.random);
  const before = machine.model.requests.length;
  const serving = await meetings.play(first);
  const { displaced } = meetings;
  asks.push(...meetings.asks);
  const changed = async (): Promise<number> => (await serving.client.folder()).counts.changed;
  await until('what is displaced to be seen', async () => (await changed()) === displaced.length);
  await settled(on, serving, stillWrong(on).length);
  const wanted = displaced.map(({ name, request }) => `${name}: ${request.prompt}`);
  await until('what is displaced to be published', () =>
    wanted.every((one) => displacedIn(machine).has(one)),
  );
  for (const { name } of displaced)
    expect((await serving.client.job(name)).job_file).toContain(`stands in conflicts/jobs/${name}.json`);
  const [{ name } = { name: '' }] = displaced;
  expect((await machine.promptd('why', name)).stdout).toContain(`stands in conflicts/jobs/${name}.json`);
  // No instance was killed, so each of them was asked once.
  expect(machine.model.requests.length - before).toBe(worksOf(meetings.asks).length);
  await serving.stop();
}

function checkEnd({ machine, dropper, asks, wrong, unfinished }: Scene): void {
  checkReports(machine, wrong, unfinished);
  checkAnswers(readResults(machine), asks);
  checkDatabase(machine, countOf(asks), worksOf(asks).length);
  checkJobs(machine, dropper);
  expect(readdirSync(machine.path('.promptd', 'tmp'))).toEqual([]);
}

/** Another start looks at everything again, and changes nothing. */
async function checkAgain(on: Scene): Promise<void> {
  const { machine } = on;
  const before = machine.model.requests.length;
  const serving = await machine.serve();
  await settled(on, serving, stillWrong(on).length);
  const listed = (await machine.promptd('ls', '--rejected', '--json')).stdout.trim().split('\n');
  const files = listed.map((line) => (JSON.parse(line) as { readonly file: string }).file);
  expect(files.toSorted()).toEqual(stillWrong(on).toSorted());
  expect(machine.model.requests.length).toBe(before);
  await serving.stop();
  checkEnd(on);
}

describe('5,000 files that are dropped', () => {
  it('R4 R7 R8 R14: are answered once for each work, while serve and instances are killed', async () => {
    const on = await scene();
    const { machine, random } = on;
    on.say(`seed ${SEED}`);
    const first = planOf(random, { label: 'first', lots: 9, files: 3_000, wrong_each: 6 });
    let serving = await live(on, first, false);
    await settled(on, serving, first.wrong.length);
    expect(new Set(requestsOfEach(on))).toEqual(new Set([1]));
    checkReports(machine, on.wrong, on.unfinished);
    await serving.kill();
    mend(on, first.wrong);
    const second = planOf(random, { label: 'second', lots: 5, files: 1_750, wrong_each: 0 });
    serving = await live(on, second, true);
    await settled(on, serving, stillWrong(on).length);
    await serving.kill();
    await meetHttp(on, await machine.serve());
    expect(on.dropper.put.size).toBeGreaterThan(5_000);
    expect((await machine.promptd('verify')).code).toBe(0);
    checkEnd(on);
    await checkAgain(on);
  }, 600_000);
});
