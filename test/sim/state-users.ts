/**
 * Those who copy the database, put an old copy in its place, or delete `.promptd/`: the folders stand as they are, and know more
 * than the database that comes after. What they must find then is what was there before.
 */
import { Rebuild } from '../../src/app/rebuild.ts';
import { formatRunRef } from '../../src/core/names.ts';
import type { RunRow } from '../../src/core/rows.ts';
import { hasEnded } from '../../src/core/states.ts';
import type { Action } from './actions.ts';
import type { AnswerUsers } from './answer-users.ts';
import type { Ledger } from './ledger.ts';
import { LAYOUT, type ServerProcess } from './server-process.ts';
import { linkedJobs } from './watcher.ts';
import type { World } from './world.ts';

export class StateUsers {
  readonly #world: World;
  readonly #server: ServerProcess;
  readonly #answers: AnswerUsers;

  constructor(world: World, server: ServerProcess, answers: AnswerUsers) {
    this.#world = world;
    this.#server = server;
    this.#answers = answers;
  }

  async act(action: Extract<Action, { do: 'back_up' | 'put_back' | 'lose_state' }>): Promise<void> {
    const world = this.#world;
    if (action.do === 'back_up') return world.backUp();
    world.say(action.do === 'put_back' ? 'a backup is put back' : 'somebody deletes .promptd/');
    this.#server.end('killed');
    this.#answers.disown();
    if (action.do === 'put_back') {
      await world.putBack();
      world.hit('a backup was put back');
    } else await this.#rebuild();
    this.#answers.beforeAnybodyAsks();
    return this.#server.start();
  }

  async #rebuild(): Promise<void> {
    const world = this.#world;
    const { disk, folder } = this.#server;
    for (const path of disk.files.paths) if (path.startsWith(`${LAYOUT.state}/`)) disk.files.remove(path);
    const { ledger: before, inherited } = world;
    const jobs = linkedJobs((file) => folder.peek(file));
    const observer = { misfit: async () => undefined, progress: () => undefined };
    const at = this.#server.foldersToRebuild(world.clock);
    await world.replace((store) => new Rebuild(LAYOUT, jobs, observer, at).fill(store));
    world.hit('the database was made from the folders');
    for (const run of before.runs.values()) this.#checkFound(run, before, inherited);
  }

  /** Whose end stands in a file, and in no other that says something else, is what it was. */
  #checkFound(run: RunRow, before: Ledger, inherited: ReadonlySet<number>): void {
    const ref = formatRunRef(run);
    const told = this.#answers.filesOf(run);
    const file = `${run.epoch}_${run.name}.json`;
    const kind = run.state === 'completed' ? 'result' : 'ended';
    const own = told.find((one) => one.kind === kind && `${one.epoch}_${one.name}.json` === file);
    if (!hasEnded(run.state) || own?.says?.run !== run.run) return;
    if (told.some(({ says }) => says?.digest !== run.digest)) return;
    // Of ends that others have put beside it, nobody can say which is the last.
    if (kind === 'ended' && told.some(({ is_own }) => !is_own)) return;
    // An old database that was put back knows nothing of the ends that came after it.
    if (inherited.has(run.id) && told.some(({ epoch }) => epoch > (run.epoch ?? 0))) return;
    const { ledger } = this.#world;
    const found = ledger.runs.get(ledger.ids.get(ref) ?? -1);
    const [was, is] = [before.results.get(run.id), ledger.results.get(found?.id ?? -1)];
    // An end that was taken back by an answer of the same run stands beside it.
    const isAnswered = told.some((one) => one.kind === 'result');
    const state = isAnswered ? 'completed' : run.state;
    this.#world.hit('an ended run was found again');
    if (found?.state !== state || found.digest !== run.digest)
      this.#world.fault('rebuild', `${ref} was ${run.state}, and is ${found?.state ?? 'not there'} after it`);
    else if (
      was !== undefined &&
      was.text_sha256 !== is?.text_sha256 &&
      told.filter((one) => one.kind === 'result').length === 1
    )
      this.#world.fault('rebuild', `${ref} has another answer after it`);
  }
}
