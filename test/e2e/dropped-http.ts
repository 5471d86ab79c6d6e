/** A file of the same name at each step of an HTTP submission, in the same words and in others: what was accepted stands. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { Problem } from '../../src/core/errors.ts';
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { type Asked, jobFile, type Work, workOf } from './dropped-jobs.ts';
import { type Dropper, PATIENCE_MS } from './dropped-lives.ts';
import type { Machine, Serving } from './machine.ts';

/** One name, and what is asked under it by a file and by a request. */
interface Met {
  readonly name: string;
  readonly file: Work;
  readonly request: Work;
}

type Told = 'accepted' | 'conflict' | 'nothing';

export class Meetings {
  readonly #machine: Machine;
  readonly #dropper: Dropper;
  readonly #random: SeededRandom;
  readonly #met: { readonly met: Met; readonly told: Told }[] = [];

  constructor(machine: Machine, dropper: Dropper, random: SeededRandom) {
    this.#machine = machine;
    this.#dropper = dropper;
    this.#random = random;
  }

  /** Needs a server that has nothing to do; gives back the one that lives at the end. */
  async play(first: Serving): Promise<Serving> {
    await first.stop();
    await this.#killedUnderWay();
    await this.#killedBeforePublishing();
    const serving = await this.#machine.serve();
    await this.#beforeTheRequest(serving.client);
    await this.#afterTheAnswer(serving.client);
    await this.#underWay(serving.client);
    await this.#afterPublishing(serving.client);
    return serving;
  }

  /** What was accepted under each name. */
  get asks(): Asked[] {
    return this.#met.map(({ met, told }) => {
      return { name: met.name, work: told === 'accepted' ? met.request : met.file };
    });
  }

  /** Those of which the request was accepted, and the file says something else. */
  get displaced(): Met[] {
    return this.#met.flatMap(({ met, told }) =>
      told === 'accepted' && met.file.prompt !== met.request.prompt ? [met] : [],
    );
  }

  async #killedUnderWay(): Promise<void> {
    const both = meet('under-way-killed');
    await this.#dieAt('submit.before_turn', async (client) => {
      const requests = both.map((met) => submit(client, met));
      for (const met of both) this.#drop(met);
      await Promise.all(requests);
    });
    // Nothing of the requests was committed, and the files are there.
    await this.#askAgain(both, true);
    this.#expectTold(both, ['accepted', 'conflict']);
  }

  async #killedBeforePublishing(): Promise<void> {
    const both = meet('committed-killed');
    await this.#dieAt('publisher.before_link', async (client) => {
      await client.submitMany(both.map(jobOf)).catch(() => undefined);
    });
    for (const { name } of both) expect(existsSync(this.#machine.path('jobs', `${name}.json`))).toBe(false);
    for (const met of both) this.#drop(met);
    await this.#askAgain(both, false);
    this.#expectTold(both, ['accepted', 'accepted']);
  }

  async #beforeTheRequest(client: Client): Promise<void> {
    const both = meet('just-before');
    for (const met of both) this.#drop(met);
    for (const met of both) this.#note(met, await submit(client, met));
  }

  async #afterTheAnswer(client: Client): Promise<void> {
    const both = meet('answered-before');
    for (const met of both) this.#drop(met);
    for (const { name } of both) await answered(client, name);
    for (const met of both) this.#note(met, await submit(client, met));
    this.#expectTold(both, ['accepted', 'conflict']);
  }

  async #underWay(client: Client): Promise<void> {
    const both = meet('under-way');
    const requests = both.map((met) => submit(client, met));
    for (const met of both) this.#drop(met);
    for (const [i, told] of (await Promise.all(requests)).entries()) {
      const met = both[i];
      if (met !== undefined) this.#note(met, told);
    }
  }

  async #afterPublishing(client: Client): Promise<void> {
    const both = meet('published');
    for (const met of both) this.#note(met, await submit(client, met));
    await until('all to be published', () => isAllPublished(client), PATIENCE_MS);
    for (const met of both) this.#drop(met);
    this.#expectTold(both, ['accepted', 'accepted']);
  }

  #drop({ name, file }: Met): void {
    this.#dropper.do({ do: 'move', ...jobFile(this.#random, name, file) });
  }

  #note(met: Met, told: Told): void {
    expect(told, met.name).not.toBe('nothing');
    this.#met.push({ met, told });
  }

  #expectTold(both: readonly Met[], expected: readonly Told[]): void {
    const told = both.map((one) => this.#met.find(({ met }) => met === one)?.told);
    expect(told, both[0]?.name).toEqual(expected);
  }

  async #dieAt(point: CrashPointName, ask: (client: Client) => Promise<void>): Promise<void> {
    const server = this.#machine.spawn(['serve'], { PROMPTD_CRASH_AT: `${point}:1` });
    const exited = once(server, 'exit');
    const client = this.#machine.client();
    const quiet = async (): Promise<boolean> => {
      expect([server.exitCode, server.signalCode], 'the server lives').toEqual([null, null]);
      return (await client.folder().catch(() => null))?.counts.waiting === 0;
    };
    await until('the server to have looked at all files', quiet, PATIENCE_MS);
    await ask(client);
    expect(await exited).toEqual([null, 'SIGKILL']);
    client.close();
  }

  /** Who was told nothing asks the next server. */
  async #askAgain(both: readonly Met[], files_first: boolean): Promise<void> {
    const serving = await this.#machine.serve();
    if (files_first) for (const { name } of both) await answered(serving.client, name);
    for (const met of both) this.#note(met, await submit(serving.client, met));
    // The next server shall have nothing to publish before it is asked.
    await until('all to be published', () => isAllPublished(serving.client), PATIENCE_MS);
    await serving.kill();
  }
}

/** The same words twice, and different ones. */
function meet(step: string): Met[] {
  const same = workOf(`${step} of both`, 1);
  return [
    { name: `${step}-same`, file: same, request: same },
    {
      name: `${step}-other`,
      file: workOf(`${step} of the file`, 2),
      request: workOf(`${step} of the request`, 2),
    },
  ];
}

function jobOf({ name, request }: Met) {
  return { name, prompt: request.prompt, configuration: { LLM_name: request.model } };
}

async function isAllPublished(client: Client): Promise<boolean> {
  const { states, unpublished } = await client.stats();
  return unpublished === 0 && Object.keys(states).every((state) => state === 'completed');
}

async function answered(client: Client, name: string): Promise<void> {
  const isAnswered = async (): Promise<boolean> =>
    (await client.job(name).catch(() => null))?.state === 'completed';
  await until(`${name} to be answered`, isAnswered, PATIENCE_MS);
}

async function submit(client: Client, met: Met): Promise<Told> {
  try {
    await client.submit(jobOf(met));
    return 'accepted';
  } catch (error) {
    if (error instanceof Problem && error.code === 'NameTaken') return 'conflict';
    if (error instanceof Problem && error.code === 'Unreachable') return 'nothing';
    throw error;
  }
}

/** Name and prompt of each accepted job that lost its place in `jobs/`. */
export function displacedIn(machine: Machine): ReadonlySet<string> {
  const folder = machine.path('conflicts', 'jobs');
  return new Set(
    readdirSync(folder).map((file) => {
      const { prompt } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { readonly prompt: string };
      return `${file.replace(/\.json$/, '')}: ${prompt}`;
    }),
  );
}
