/** What must be true of the files in the workspace: always while it runs, and everything at rest. */
import { join } from 'node:path';
import { jobFileName, resultFileName } from '../../src/core/names.ts';
import type { RunRow } from '../../src/core/rows.ts';
import { parseEndedFile } from '../../src/workspace/ended-file.ts';
import { parseResultFile } from '../../src/workspace/result-file.ts';
import { LAYOUT, type ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

const WATCHED = [LAYOUT.results, LAYOUT.ended, LAYOUT.jobs, LAYOUT.conflicts_jobs, LAYOUT.rejected];

export class FileWatch {
  readonly #world: World;
  readonly #server: ServerProcess;
  /** Bytes of each file when it was first seen. */
  readonly #seen = new Map<string, Uint8Array>();

  constructor(world: World, server: ServerProcess) {
    this.#world = world;
    this.#server = server;
  }

  /** The power was gone: names that were not on disk yet may be gone, too, and are made again. */
  afterPowerLoss(): void {
    for (const path of this.#seen.keys())
      if (this.#server.disk.files.peek(path) === null) this.#seen.delete(path);
  }

  /** Somebody put other bytes there, or took the file away. */
  changedByUser(path: string): void {
    this.#seen.delete(path);
  }

  /** Whoever opens a file under its final name finds it whole, and the same bytes for ever. */
  look(): void {
    const { files } = this.#server.disk;
    for (const path of this.#seen.keys())
      if (files.peek(path) === null) {
        this.#seen.delete(path);
        this.#world.fault('files', `${path} stood there, and is gone`);
      }
    for (const path of files.paths) {
      if (!WATCHED.some((folder) => path.startsWith(`${folder}/`))) continue;
      const bytes = files.peek(path) ?? new Uint8Array();
      const before = this.#seen.get(path);
      if (before === bytes) continue;
      this.#seen.set(path, bytes);
      if (before === undefined) this.#checkWhole(path, bytes);
      else if (!Buffer.from(before).equals(bytes))
        this.#world.fault('files', `the bytes of ${path} have changed`);
    }
  }

  #checkWhole(path: string, bytes: Uint8Array): void {
    if (this.#server.foreign.has(path)) return;
    const text = Buffer.from(bytes).toString('utf8');
    try {
      if (path.startsWith(LAYOUT.results)) parseResultFile(text);
      else if (path.startsWith(LAYOUT.ended)) parseEndedFile(text);
      else JSON.parse(text);
    } catch (error) {
      this.#world.fault('files', `${path} is not whole: ${String(error)}`);
    }
  }

  /** Files in results/ are exactly the accepted results, each with the committed text. */
  resultsAreExactlyTheAccepted(runs: readonly RunRow[]): void {
    const { files } = this.#server.disk;
    const wanted = new Map<string, RunRow>();
    for (const run of runs)
      if (run.state === 'completed')
        wanted.set(join(LAYOUT.results, resultFileName(run.epoch ?? 0, run.name)), run);
    for (const path of files.paths) {
      const known = wanted.has(path) || this.#server.foreign.has(path);
      if (path.startsWith(`${LAYOUT.results}/`) && !known)
        this.#world.fault('files', `${path} stands there, and is no accepted result`);
    }
    for (const [path, run] of wanted) this.#checkResult(path, run);
  }

  #checkResult(path: string, run: RunRow): void {
    const bytes = this.#server.disk.files.peek(path);
    if (bytes === null)
      return this.#world.fault('files', `${run.name}@${run.run} is completed, and ${path} is not there`);
    const file = parseResultFile(Buffer.from(bytes).toString('utf8'));
    if (this.#server.foreign.has(path)) {
      // Of a run that was adopted, whose text is compared with the database elsewhere.
      if (this.#world.handmade.get(`${run.epoch}_${run.name}`)?.result !== file.result)
        this.#world.fault('files', `${path} is somebody else's, and is taken for ${run.name}@${run.run}`);
      return undefined;
    }
    const sha = this.#world.ledger.results.get(run.id)?.text_sha256;
    if (file.name !== run.name || file.run !== run.run || file.digest !== run.digest || file.sha256 !== sha)
      this.#world.fault('files', `${path} is not the result of ${run.name}@${run.run}`);
    return undefined;
  }

  /** Runs that ended badly, and jobs that came by HTTP, have their files; what a crash left half done is gone. */
  otherFilesStand(runs: readonly RunRow[], removed: ReadonlySet<string>): void {
    const { files } = this.#server.disk;
    for (const run of runs) {
      const ended = join(LAYOUT.ended, resultFileName(run.epoch ?? 0, run.name));
      const badly = run.state === 'failed' || run.state === 'cancelled';
      if (badly && files.peek(ended) === null)
        this.#world.fault('files', `${run.name}@${run.run} is ${run.state}, and ${ended} is not there`);
      const job = join(LAYOUT.jobs, jobFileName(run.name));
      if (run.source === 'http' && files.peek(job) === null && !removed.has(job))
        this.#world.fault('files', `${run.name} came by HTTP, and has no file in jobs/`);
    }
    const left = files.paths.filter((path) => path.startsWith(`${LAYOUT.tmp}/`));
    if (left.length > 0) this.#world.fault('files', `temporary files stay at rest: ${left.join(', ')}`);
  }

  /** Nothing that somebody else put there was touched. */
  strangersKeepTheirs(): void {
    for (const [path, bytes] of this.#server.foreign)
      if (!Buffer.from(bytes).equals(this.#server.disk.files.peek(path) ?? new Uint8Array()))
        this.#world.fault('files', `${path} was somebody else's, and has changed`);
  }
}
