/** What must be true of the answers and ends that people put into `results/` and `ended/`, and of what became of them. */
import type { RunRow } from '../../src/core/rows.ts';
import type { AnswerUsers, PutAnswer } from './answer-users.ts';
import type { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

export class AnswerWatch {
  readonly #world: World;
  readonly #server: ServerProcess;
  readonly #users: AnswerUsers;

  constructor(world: World, server: ServerProcess, users: AnswerUsers) {
    this.#world = world;
    this.#server = server;
    this.#users = users;
  }

  checkAtRest(runs: readonly RunRow[]): void {
    this.#nothingAnsweredIsAsked();
    this.#everyFileIsTold(runs);
    this.#runsAreNumberedInOrder(runs);
  }

  /** Where a file of `results/` answers a job that nobody has asked before, nobody does. */
  #nothingAnsweredIsAsked(): void {
    if (this.#server.new_run) return;
    for (const [key, { digest }] of this.#world.models.calls) {
      if (this.#world.drawn.has(digest)) continue;
      const name = key.slice(0, key.lastIndexOf('@'));
      if (this.#users.answered.has(name) && !this.#world.submitted.has(name))
        this.#broken(`${key} was asked, and its answer was in results/ before it`);
    }
  }

  /** Each is the answer or the end of one run, or shown as that of none. */
  #everyFileIsTold(runs: readonly RunRow[]): void {
    const begun = [...this.#world.ledger.begun.values()];
    const answers = countedBy(runs.filter(({ state }) => state === 'completed'));
    const ends = countedBy(begun.filter(({ state }) => state === 'failed' || state === 'cancelled'));
    for (const [file, put] of this.#users.put) {
      const taken = (put.kind === 'result' ? answers : ends).get(fileOf(put)) ?? 0;
      this.#checkTaken(file, put, taken);
      const isTold = taken > 0 || this.#server.answers?.ofNoRun(put.kind).has(file) === true;
      // An end of a name that has runs is one that went on.
      const isOld = put.kind === 'ended' && this.#world.ledger.named.has(put.name);
      if (!isTold && !isOld) this.#broken(`${file} is of no run, and nobody says so`);
    }
  }

  #checkTaken(file: string, { kind, says }: PutAnswer, taken: number): void {
    const what = kind === 'result' ? 'an answer' : 'an end';
    this.#world.hit(`${what} was ${taken > 0 ? 'adopted' : 'of no run'}`);
    if (taken > 1) this.#broken(`${file} was adopted ${taken} times`);
    if (taken > 0 && says === null) this.#broken(`${file} was adopted, and is damaged`);
  }

  /** From 1 on without holes, but where a file tells of a later run. */
  #runsAreNumberedInOrder(runs: readonly RunRow[]): void {
    const told = new Set(
      [...this.#users.put.values()].flatMap(({ name, says }) => ((says?.run ?? 1) > 1 ? [name] : [])),
    );
    const numbers = new Map<string, number>();
    for (const { name, run } of runs.toSorted((a, b) => a.run - b.run)) {
      const expected = (numbers.get(name) ?? 0) + 1;
      if (run !== expected && !told.has(name)) this.#broken(`${name}@${run} follows run ${expected - 1}`);
      numbers.set(name, run);
    }
  }

  #broken(message: string): void {
    this.#world.fault('answers', message);
  }
}

function fileOf({ name, epoch }: Pick<RunRow, 'name' | 'epoch'>): string {
  return `${epoch}_${name}.json`;
}

/** How many of them name each file. */
function countedBy(runs: readonly RunRow[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(fileOf(run), (counts.get(fileOf(run)) ?? 0) + 1);
  return counts;
}
