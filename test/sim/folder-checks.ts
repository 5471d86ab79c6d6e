/** What must be true of the files that people put into `jobs/`, and of what became of them. */
import { sha256Bytes } from '../../src/core/identity.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../src/core/json.ts';
import type { RunRow } from '../../src/core/rows.ts';
import type { AnswerUsers } from './answer-users.ts';
import { type FolderUsers, jobsIn, type WrittenJob } from './folder-users.ts';
import { LAYOUT, type ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

export class FolderWatch {
  readonly #world: World;
  readonly #server: ServerProcess;
  readonly #users: FolderUsers;
  readonly #answers: Pick<AnswerUsers, 'put'>;

  constructor(world: World, server: ServerProcess, users: FolderUsers, answers: Pick<AnswerUsers, 'put'>) {
    this.#world = world;
    this.#server = server;
    this.#users = users;
    this.#answers = answers;
  }

  /** Files of which nobody has said what becomes of them, each with what is missing. */
  unsettled(): string[] {
    const { folder } = this.#server;
    const known = this.#known([...this.#world.ledger.runs.values()]);
    return folder
      .names()
      .filter((file) => /^[^.].*\.jsonl?$/.test(file))
      .flatMap((file) => this.#missing(file, known));
  }

  /** Whether a file in `results/` or `ended/` told of it, and nobody asked for it here. */
  #isForeign({ id, name }: RunRow): boolean {
    const { epoch } = this.#world.ledger.begun.get(id) ?? { epoch: null };
    return this.#answers.put.has(`${epoch}_${name}.json`);
  }

  checkAtRest(runs: readonly RunRow[]): void {
    for (const what of this.unsettled()) this.#broken(what);
    this.#nothingElseIsTaken(runs);
    this.#nothingIsTakenTwice(runs);
    this.#wrongFilesAreReportedOnce();
  }

  #missing(file: string, known: ReadonlySet<string>): string[] {
    const watcher = this.#server.watcher;
    const right = this.#rightJobs(file);
    if (right === null) {
      // Where somebody set the clock, lines of it may have been taken while it was written: then the others are changes.
      const isShown = this.#world.jumps > 0 && watcher?.changed.has(file) === true;
      const isTold = isShown || watcher?.rejected.has(file) === true;
      return isTold ? [] : [`${file} is wrong, and nobody says so`];
    }
    const changed = watcher?.changed.get(file)?.jobs.map(({ name }) => name) ?? [];
    return right
      .filter((job) => !known.has(keyOf(job)) && !known.has(workOf(job)))
      .filter((job) => !(job.name !== null && changed.includes(job.name)))
      .map(({ name }) => `${name ?? 'a job'} of ${file} is neither taken nor shown as changed`);
  }

  /** Null where it is wrong. What promptd published itself is right. */
  #rightJobs(file: string): WrittenJob[] | null {
    const drop = this.#users.standing.get(file);
    if (drop !== undefined) return drop.right ? jobsIn(drop) : null;
    if (this.#server.foreign.has(`${LAYOUT.jobs}/${file}`)) return null;
    const bytes = this.#server.folder.peek(file) ?? new Uint8Array();
    return jobsIn({ file, text: Buffer.from(bytes).toString('utf8') });
  }

  #known(runs: readonly RunRow[]): ReadonlySet<string> {
    const known = new Set<string>();
    for (const run of runs) {
      const spec_sha256 = this.#specOf(run);
      known.add(keyOf({ name: run.name, batch: null, spec_sha256 }));
      known.add(keyOf({ name: null, batch: run.batch, spec_sha256 }));
      // Of a run that came as a file it is not always known in which words it was asked.
      known.add(workOf(run));
      known.add(workOf({ ...run, name: null }));
    }
    return known;
  }

  #specOf({ id }: RunRow): string {
    return this.#world.ledger.specs.get(id) ?? '';
  }

  /** Files are taken whole or not at all, and wrong ones not at all. */
  #nothingElseIsTaken(runs: readonly RunRow[]): void {
    const { asked } = this.#world;
    for (const run of runs)
      if (!asked.has(this.#specOf(run)) && !this.#isForeign(run))
        this.#broken(`${run.name}@${run.run} asks what stood in no right and whole file`);
  }

  /** A name that came by file alone has one run, or one for each content that it had where changes are asked at once. */
  #nothingIsTakenTwice(runs: readonly RunRow[]): void {
    const seen = new Set<string>();
    for (const run of runs) {
      if (this.#world.submitted.has(run.name) || this.#isForeign(run)) continue;
      if (this.#world.drawn.has(run.digest)) continue;
      const what = this.#server.new_run ? `${run.name} ${this.#specOf(run)}` : run.name;
      if (seen.has(what)) this.#broken(`${run.name}@${run.run} is a run that nobody asked for`);
      seen.add(what);
    }
  }

  #wrongFilesAreReportedOnce(): void {
    const { folder, watcher, foreign } = this.#server;
    const reports = this.#reports();
    const said = new Set<string>();
    for (const [name, { rejected_at: _at, ...report }] of reports) {
      const what = canonicalJson(report);
      if (said.has(what)) this.#broken(`rejected/${name} says what another report has said`);
      said.add(what);
    }
    for (const [file, { report }] of watcher?.rejected ?? []) {
      this.#world.hit('a wrong file was reported');
      const { version } = reports.get(report) ?? {};
      if (!isOf(version, folder.peek(file), folder.modifiedAt(file)))
        this.#broken(`rejected/${report} is not of ${file} as it stands: ${JSON.stringify(version)}`);
      const path = `${LAYOUT.jobs}/${file}`;
      if (!foreign.has(path)) this.#broken(`${file} is promptd's own, and is rejected`);
    }
    for (const _file of watcher?.changed ?? []) this.#world.hit('a changed file was shown');
  }

  #reports(): Map<string, JsonObject> {
    const { files } = this.#server.disk;
    const paths = files.paths.filter((path) => path.startsWith(`${LAYOUT.rejected}/`));
    return new Map(
      paths.map((path) => {
        const text = Buffer.from(files.peek(path) ?? new Uint8Array()).toString('utf8');
        return [path.slice(LAYOUT.rejected.length + 1), JSON.parse(text) as JsonObject];
      }),
    );
  }

  #broken(message: string): void {
    this.#world.fault('folder', message);
  }
}

/** By its content; what is wrong by its name is not opened, and told by its time. */
function isOf(version: Json | undefined, bytes: Uint8Array | null, modified_at: string): boolean {
  if (bytes === null || !isJsonObject(version)) return false;
  const { sha256, modified_at: at } = version;
  return sha256 === null ? at === modified_at : sha256 === sha256Bytes(bytes);
}

function workOf({ name, batch, digest }: Pick<WrittenJob, 'name' | 'batch' | 'digest'>): string {
  return name === null ? `in ${batch ?? ''} ${digest}` : `${name} ${digest}`;
}

function keyOf({ name, batch, spec_sha256 }: Omit<WrittenJob, 'digest'>): string {
  return name === null ? `in ${batch ?? ''} ${spec_sha256}` : `${name} ${spec_sha256}`;
}
