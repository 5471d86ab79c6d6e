/** Those who put answers and ends into `results/` and `ended/`: written by hand, copied from elsewhere, copied here. */
import { splitResultFileName } from '../../src/core/names.ts';
import type { RunRow } from '../../src/core/rows.ts';
import type { Action, ForeignRun } from './actions.ts';
import type { FolderUsers } from './folder-users.ts';
import { foreignFile } from './foreign-run.ts';
import { LAYOUT, type ServerProcess } from './server-process.ts';
import type { Handmade, World } from './world.ts';

/** A file that somebody put there. */
export interface PutAnswer {
  readonly kind: ForeignRun['kind'];
  readonly name: string;
  readonly epoch: number;
  /** Whether it was promptd's here, under a database that is gone. */
  readonly is_own: boolean;
  /** What it says; null where it is not whole, or was changed. */
  readonly says: Handmade | null;
}

export class AnswerUsers {
  /** By the names of the files; those of results/ and of ended/ have other epochs. */
  readonly put = new Map<string, PutAnswer>();
  /** Names whose answers were there before anybody asked them. */
  readonly answered = new Set<string>();
  /** Told of every path that somebody changed. */
  onChange: (path: string) => void = () => undefined;
  readonly #world: World;
  readonly #server: ServerProcess;
  readonly #folderUsers: Pick<FolderUsers, 'ever'>;
  /** Names of which an end was put there: they may be asked once more. */
  readonly #ended = new Set<string>();

  constructor(world: World, server: ServerProcess, folderUsers: Pick<FolderUsers, 'ever'>) {
    this.#world = world;
    this.#server = server;
    this.#folderUsers = folderUsers;
  }

  act(action: Extract<Action, { do: 'answer' | 'copy' | 'copy_own' }>): void {
    if (action.do === 'answer') return this.#answer(action);
    if (action.do === 'copy_own') return this.#copyOwn(action);
    const { kind, name, epoch, damage, fresh } = action.of;
    const { bytes, says } = foreignFile(action.of);
    if (fresh !== null) this.#world.drawn.add(says.digest);
    this.#world.hit(`a file of another workspace was copied: ${kind} ${damage}`);
    return this.#put({ kind, name, epoch, is_own: false, says: damage === 'none' ? says : null }, bytes);
  }

  /** The database that knew what stands there is gone: all of it is anybody's from now on, and on disk. */
  disown(): void {
    const { results, ended, foreign } = this.#server;
    for (const [kind, folder] of [
      ['result', results],
      ['ended', ended],
    ] as const)
      for (const file of folder.names()) {
        const at = splitResultFileName(file);
        const bytes = folder.peek(file);
        const path = `${folder.path}/${file}`;
        if (at === null || bytes === null || foreign.has(path)) continue;
        const { result, digest, run } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Handmade;
        this.#put({ kind, ...at, is_own: true, says: { result, digest, run } }, Buffer.from(bytes));
      }
  }

  /** Of names that the database does not know, what stands there answers whoever asks from now on. */
  beforeAnybodyAsks(): void {
    const { ledger, submitted } = this.#world;
    for (const { kind, name, says } of this.put.values())
      if (kind === 'result' && says !== null && !ledger.named.has(name) && !submitted.has(name))
        this.answered.add(name);
  }

  /** Whole files that say that they are of this run. */
  filesOf({ name, run }: Pick<RunRow, 'name' | 'run'>): PutAnswer[] {
    return [...this.put.values()].filter((put) => put.name === name && put.says?.run === run);
  }

  /** The bare pair. */
  #answer({ name, epoch, right }: Extract<Action, { do: 'answer' }>): void {
    const result = `by hand: ${name} at ${epoch}`;
    const text = JSON.stringify({ job: `${name}.json`, result });
    this.#world.hit('an answer was put into results/');
    const says = right ? { result, digest: null, run: null } : null;
    this.#put(
      { kind: 'result', name, epoch, is_own: false, says },
      Buffer.from(right ? text : text.slice(0, -5)),
    );
  }

  #copyOwn({ which, epoch }: Extract<Action, { do: 'copy_own' }>): void {
    const { results, foreign } = this.#server;
    const own = results.names().filter((file) => !foreign.has(`${LAYOUT.results}/${file}`));
    const file = own[Math.floor(which * own.length)];
    const bytes = file === undefined ? null : results.peek(file);
    if (file === undefined || bytes === null) return;
    const { result, digest, run } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Handmade;
    const name = file.slice(file.indexOf('_') + 1, -'.json'.length);
    this.#world.hit('a result was copied beside itself');
    this.#put(
      { kind: 'result', name, epoch, is_own: false, says: { result, digest, run } },
      Buffer.from(bytes),
    );
  }

  /** Moved in, as whoever makes answers elsewhere does. */
  #put(put: PutAnswer, bytes: Uint8Array): void {
    const { kind, name, epoch, says } = put;
    const base = `${epoch}_${name}`;
    const folder = kind === 'result' ? this.#server.results : this.#server.ended;
    const path = `${kind === 'result' ? LAYOUT.results : LAYOUT.ended}/${base}.json`;
    // Whoever copies does not copy over what is there.
    if (!put.is_own && folder.peek(`${base}.json`) !== null) return;
    this.#world.say(`somebody puts ${path}`);
    const isAsked =
      this.#world.submitted.has(name) ||
      this.#world.ledger.named.has(name) ||
      this.#folderUsers.ever.has(`${name}.json`) ||
      this.#ended.has(name);
    if (kind === 'ended') this.#ended.add(name);
    if (kind === 'result' && says !== null) {
      this.#world.handmade.set(base, says);
      if (!isAsked) this.answered.add(name);
    }
    this.put.set(`${base}.json`, put);
    folder.put(`${base}.json`, bytes);
    this.#server.foreign.set(path, bytes);
    this.onChange(path);
  }
}
