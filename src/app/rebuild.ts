/**
 * `promptd rebuild`: makes the database from results/, ended/ and jobs/ where there is none. Nothing is executed and nobody is
 * asked. Files are read twice, to know all runs in the order in which they were submitted and then to write them some at a
 * time. The database gets its name when it is whole: a rebuild that was killed has made none.
 */
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Workspace } from '../cli/deps.ts';
import { adoptedBodies, adoptedRows, type Adoption } from '../core/adoption.ts';
import { laneKey } from '../core/board.ts';
import { messageOf, Problem } from '../core/errors.ts';
import { formatRunRef, splitResultFileName } from '../core/names.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Files, FolderNames } from '../core/ports/files.ts';
import type { Change, Store } from '../core/ports/store.ts';
import type { Rebuilt, RebuildObserver } from '../core/rebuilding.ts';
import type { LaneRow } from '../core/rows.ts';
import type { Misfit, MisfitKind } from '../core/verification.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemRandom } from '../platform/random.ts';
import { tryLock } from '../stores/sqlite/file-lock.ts';
import { openStore } from '../stores/sqlite/store.ts';
import {
  type AdoptedFile,
  AdoptedFiles,
  readAnswerFile,
  type SeveralRuns,
  type LinkedJobs,
} from '../workspace/adopted-file.ts';
import { ahead, LARGE_BYTES } from '../workspace/ahead.ts';
import { layoutOf, type WorkspaceLayout } from '../workspace/layout.ts';
import { readRegularFile } from '../workspace/regular-file.ts';
import { type RestoredFile, submittedAt } from '../workspace/restored-run.ts';
import type { Environment } from './environment.ts';
import { JobsOnDisk } from './jobs-on-disk.ts';
import { SERVE_LOCK } from './server-info.ts';
import { stateFolderOf } from './workspace.ts';

/** Changes and characters of one transaction. */
const LOT_CHANGES_MAX = 2_000;
const LOT_CHARACTERS_MAX = 16 * 1024 * 1024;

/** Rejects with Problem WorkspaceHeld beside a server, WrongState where there is a database. */
export async function rebuild(
  workspace: Workspace,
  env: Environment,
  observer: RebuildObserver,
): Promise<Rebuilt> {
  const layout = layoutOf(workspace.root, await stateFolderOf(workspace.root, env));
  const jobs = await JobsOnDisk.open(layout, env);
  await mkdir(layout.state, { recursive: true });
  await chmod(layout.state, 0o700);
  const lock = tryLock(join(layout.state, SERVE_LOCK));
  if (lock === null)
    throw new Problem(
      'WorkspaceHeld',
      'A promptd serves this workspace, so it has a database. Nothing was changed.',
    );
  try {
    await refuseDatabase(layout);
    return await rebuildHeld(layout, jobs, observer);
  } finally {
    lock.release();
  }
}

/** Whoever calls it holds the workspace, and there is no database. */
export function rebuildHeld(
  layout: WorkspaceLayout,
  jobs: JobsOnDisk,
  observer: RebuildObserver,
): Promise<Rebuilt> {
  return new Rebuild(layout, jobs, observer).run();
}

async function refuseDatabase({ database }: WorkspaceLayout): Promise<void> {
  for (const path of [database, `${database}-wal`]) {
    if ((await systemFiles.facts(path)) === null) continue;
    throw new Problem('WrongState', `${path} is there. Nothing was changed.`, {
      hint: 'A database is made from the folders only where there is none: it knows more than they do. Where it is damaged, move its folder away first.',
    });
  }
}

interface Listed {
  readonly kind: 'result' | 'ended';
  readonly file: string;
  readonly epoch: number;
  readonly name: string;
}

/** A file of the workspace, as the first reading saw it. */
interface Seen extends Listed {
  readonly bytes: number;
  /** Null where the file names none. */
  readonly run: number | null;
  readonly submitted_at: number;
}

/** What was made of files, and what of them did not fit: told in their order, whatever was read first. */
interface Made<T> {
  readonly value: T | null;
  readonly misfits: readonly Misfit[];
}

interface Restored extends AdoptedFile {
  readonly kind: Listed['kind'];
}

type NewStore = Pick<Store, 'commit' | 'tidy'>;

/** Where the folders stand. */
export interface RebuildDisk {
  readonly files: Pick<Files, 'facts' | 'read'>;
  readonly names: FolderNames;
  readonly clock: Pick<Clock, 'now'>;
}

const SYSTEM: RebuildDisk = { files: systemFiles, names: systemFolderNames, clock: systemClock };

export class Rebuild {
  readonly #layout: WorkspaceLayout;
  readonly #files: AdoptedFiles;
  readonly #observer: RebuildObserver;
  readonly #counts = { completed: 0, ended: 0, adopted: 0, unknown_work: 0, misfits: 0 };
  readonly #disk: RebuildDisk;
  readonly #now: number;
  #files_read = 0;
  /** Runs whose answer others took: their ids, 0 where there is no such run, and their digests once they are restored. */
  readonly #sources = new Map<string, { id: number; digest: string | null }>();
  readonly #lanes = new Map<string, LaneRow>();
  readonly #answered = new Set<string>();
  readonly #several: SeveralRuns = new Map();
  #lot: Change[] = [];
  #characters = 0;

  constructor(
    layout: WorkspaceLayout,
    jobs: LinkedJobs,
    observer: RebuildObserver,
    disk: RebuildDisk = SYSTEM,
  ) {
    this.#layout = layout;
    this.#disk = disk;
    this.#now = disk.clock.now();
    this.#files = new AdoptedFiles({ files: disk.files, layout, jobs });
    this.#observer = observer;
  }

  async run(): Promise<Rebuilt> {
    const made = `${this.#layout.database}-rebuilt`;
    for (const ending of ['', '-wal', '-shm', '-open']) await rm(`${made}${ending}`, { force: true });
    const store = openStore({ path: made, clock: systemClock, random: systemRandom });
    try {
      await this.fill(store);
    } finally {
      await store.close();
    }
    await rename(made, this.#layout.database);
    await systemFiles.syncDirectory(dirname(made));
    return this.#counts;
  }

  /** Writes all runs into a database that has none. */
  async fill(store: NewStore): Promise<void> {
    const groups = await this.#groups();
    let id = 0;
    for await (const { group, made } of ahead(groups, (one) => this.#restoreEarly(one))) {
      id += 1;
      this.#count();
      await this.#put(store, await this.#told(made ?? (await this.#restore(group))), id);
    }
    await this.#flush(store);
  }

  /** The files of each run, runs in the order of their submission. A run's number is its id. */
  async #groups(): Promise<readonly (readonly Seen[])[]> {
    const seen = [...(await this.#look('result')), ...(await this.#look('ended'))];
    const names = new Set(seen.flatMap(({ name, run }) => (run === null ? [] : [name])));
    const runs = new Map<string, Seen[]>();
    for (const one of seen)
      if (one.run !== null) put(runs, formatRunRef({ name: one.name, run: one.run }), one);
    // Files that name no run are runs of names that have none: the several of a name in the order of their epochs.
    const adopted = seen.filter(({ name, run }) => run === null && !names.has(name));
    const last = new Map<string, number>();
    for (const one of adopted.toSorted((a, b) => a.epoch - b.epoch)) {
      const run = (last.get(one.name) ?? 0) + 1;
      last.set(one.name, run);
      put(runs, formatRunRef({ name: one.name, run }), { ...one, run });
      this.#counts.adopted += 1;
    }
    const groups = [...runs.values()].toSorted((a, b) => order(a[0]) - order(b[0]));
    for (const [index, [one]] of groups.entries()) {
      if (one !== undefined && one.run !== 1) this.#several.set(one.name, null);
      const ref = formatRunRef({ name: one?.name ?? '', run: one?.run ?? 0 });
      if (this.#sources.has(ref)) this.#sources.set(ref, { id: index + 1, digest: null });
    }
    return groups;
  }

  async #look(kind: Listed['kind']): Promise<Seen[]> {
    const seen: Seen[] = [];
    for await (const { listed, bytes, made } of ahead(this.#listed(kind), (one) => this.#readEarly(one))) {
      this.#count();
      const read = await this.#told(made ?? (await this.#read(listed)));
      if (read === null) continue;
      const { run, answered_by } = read.record as {
        readonly run?: number | null;
        readonly answered_by?: string;
      };
      if (answered_by !== undefined) this.#sources.set(answered_by, { id: 0, digest: null });
      const isRun = typeof run === 'number' && read.record.digest !== undefined;
      const submitted_at = isRun ? submittedAt(read, { submitted_at: this.#now }) : this.#now;
      seen.push({ ...listed, bytes, run: isRun ? run : null, submitted_at });
    }
    return seen;
  }

  async *#listed(kind: Listed['kind']): AsyncGenerator<Listed> {
    const folder = kind === 'result' ? this.#layout.results : this.#layout.ended;
    for await (const entry of this.#disk.names(folder)) {
      const at = splitResultFileName(entry);
      if (at !== null) yield { kind, file: join(folder, entry), ...at };
    }
  }

  /** `made` is null where it is to be read in its turn. */
  async #readEarly(listed: Listed) {
    // Whatever is the matter with it is told when it is read.
    const facts = await this.#disk.files.facts(listed.file).catch(() => null);
    const bytes = facts?.bytes ?? 0;
    return { listed, bytes, made: bytes > LARGE_BYTES ? null : await this.#read(listed) };
  }

  #read({ kind, file, name }: Listed): Promise<Made<RestoredFile>> {
    return this.#orMisfit(file, async (misfit) => {
      const bytes = await readRegularFile(this.#disk.files, file);
      if (bytes !== null) return readAnswerFile(kind, Buffer.from(bytes).toString('utf8'), name);
      misfit('unreadable', file, 'expected a file');
      return null;
    });
  }

  /** `made` is null where it is to be read in its turn: since it is large, or since runs before it say what it is. */
  async #restoreEarly(group: readonly Seen[]) {
    const isInTurn = group.some(({ name, bytes }) => bytes > LARGE_BYTES || this.#several.has(name));
    return { group, made: isInTurn ? null : await this.#restore(group) };
  }

  #restore(group: readonly Seen[]): Promise<Made<Restored>> {
    const results = group.filter(({ kind }) => kind === 'result').toSorted((a, b) => a.epoch - b.epoch);
    const ends = group.filter(({ kind }) => kind === 'ended').toSorted((a, b) => b.epoch - a.epoch);
    const [seen = ends[0], ...copies] = results;
    return this.#orMisfit(seen?.file ?? '', async (misfit) => {
      for (const { file } of copies) misfit('unknown', file, 'its run has another result file before it');
      if (seen === undefined) return null;
      const read = await this.#read(seen);
      for (const { kind, where, message } of read.misfits) misfit(kind, where, message);
      if (read.value === null) return null;
      const place = { epoch: seen.epoch, name: seen.name, run: seen.run ?? 1, submitted_at: this.#now };
      const adopted = await this.#files.adopt(read.value, place, this.#several);
      for (const { kind, path, message } of adopted.lacks) misfit(kind, path, message);
      return { ...adopted, kind: seen.kind };
    });
  }

  /** One file keeps no other one from being taken, whatever is the matter with it. */
  async #orMisfit<T>(
    file: string,
    fn: (misfit: (kind: MisfitKind, path: string, message: string) => void) => Promise<T | null>,
  ): Promise<Made<T>> {
    const misfits: Misfit[] = [];
    const misfit = (kind: MisfitKind, where: string, message: string): void => {
      misfits.push({ kind, where, message });
    };
    try {
      return { value: await fn(misfit), misfits };
    } catch (error) {
      const kind = error instanceof Problem ? 'changed' : 'unreadable';
      misfit(kind, file, messageOf(error));
      return { value: null, misfits };
    }
  }

  async #told<T>({ value, misfits }: Made<T>): Promise<T | null> {
    for (const { kind, where, message } of misfits) {
      this.#counts.misfits += 1;
      await this.#observer.misfit({ kind, where: relative(this.#layout.root, where), message });
    }
    return value;
  }

  #count(): void {
    this.#files_read += 1;
    if (this.#files_read % 1_000 === 0) this.#observer.progress(this.#files_read);
  }

  async #put(store: NewStore, restored: Restored | null, id: number): Promise<void> {
    if (restored === null) return;
    const { kind, job, adoption } = restored;
    if (job === null) this.#counts.unknown_work += 1;
    this.#counts[kind === 'result' ? 'completed' : 'ended'] += 1;
    await this.#add(store, this.#changesOf(adoption, id));
  }

  /** Bodies first, then the batch, the run, its result. */
  #changesOf(adoption: Adoption, id: number): readonly Change[] {
    const { row, spec } = adoption;
    const answered_by = this.#sourceOf(adoption, id);
    const own = this.#sources.get(formatRunRef(row));
    if (own !== undefined) own.digest = row.digest;
    // Whoever took it from another has it as well: each digest that has an answer is found by one run.
    const leads = adoption.result !== null && !this.#answered.has(row.digest);
    if (leads) this.#answered.add(row.digest);
    const lane = this.#laneOf(adoption);
    const { run, result } = adoptedRows(adoption, { id, lane, run: row.run, leads, answered_by });
    const changes = adoptedBodies(adoption);
    if (row.batch !== null) changes.push({ do: 'put_batch', batch: row.batch, created_at: row.submitted_at });
    changes.push({ do: 'insert_run', run, spec });
    if (result !== null) changes.push({ do: 'insert_result', result });
    return changes;
  }

  /** Null where its file is gone, or another run has its name by now: then this is the one that tells the answer. */
  #sourceOf({ row, answered_by }: Adoption, id: number): number | null {
    const source = answered_by === null ? undefined : this.#sources.get(formatRunRef(answered_by));
    if (source === undefined || source.id === 0 || source.id === id) return null;
    return source.digest === null || source.digest === row.digest ? source.id : null;
  }

  #laneOf({ row: { endpoint, model }, needs }: Adoption): number {
    const key = laneKey(endpoint, model, needs);
    const lane = this.#lanes.get(key) ?? { id: this.#lanes.size + 1, endpoint, model, needs, last_rank: 0 };
    if (!this.#lanes.has(key)) this.#lot.push({ do: 'put_lane', lane });
    this.#lanes.set(key, lane);
    return lane.id;
  }

  async #add(store: NewStore, changes: readonly Change[]): Promise<void> {
    this.#lot.push(...changes);
    for (const change of changes) if (change.do === 'put_body') this.#characters += change.body.length;
    if (this.#lot.length >= LOT_CHANGES_MAX || this.#characters >= LOT_CHARACTERS_MAX)
      await this.#flush(store);
  }

  async #flush(store: NewStore): Promise<void> {
    const refused = await store.commit(this.#lot);
    const [first] = refused;
    if (first !== undefined)
      throw new Error(`a restored run was refused: ${JSON.stringify(first.change).slice(0, 500)}`);
    this.#lot = [];
    this.#characters = 0;
    await store.tidy();
  }
}

function put(runs: Map<string, Seen[]>, ref: string, one: Seen): void {
  const files = runs.get(ref);
  if (files === undefined) runs.set(ref, [one]);
  else files.push(one);
}

function order(seen: Seen | undefined): number {
  return seen?.submitted_at ?? 0;
}
