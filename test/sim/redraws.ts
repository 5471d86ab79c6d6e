/** Those who ask for fresh draws, as the HTTP server hands them on; whoever hears nothing asks again with the same word. */
import { formatRunRef } from '../../src/core/names.ts';
import { freshDrawOf } from '../../src/core/rerun.ts';
import type { RunRow } from '../../src/core/rows.ts';
import { hasEnded } from '../../src/core/states.ts';
import type { PreparedJob, SubmittedJob } from '../../src/core/submission.ts';
import { isUnknownWork } from '../../src/core/unknown-work.ts';
import type { Action } from './actions.ts';
import type { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

interface Redraw {
  readonly name: string;
  readonly word: string;
}

export class Redraws {
  readonly #world: World;
  readonly #server: ServerProcess;
  /** Those that nobody has answered. */
  readonly #unconfirmed = new Set<Redraw>();

  constructor(world: World, server: ServerProcess) {
    this.#world = world;
    this.#server = server;
  }

  ask({ names, word, times }: Extract<Action, { do: 'rerun' }>): void {
    for (const name of names) {
      const redraw = { name, word };
      for (let i = 0; i < times; i += 1) this.#ask(redraw);
    }
  }

  /** Gives how many nobody has answered. */
  insist(): number {
    for (const redraw of [...this.#unconfirmed]) this.#ask(redraw);
    return this.#unconfirmed.size;
  }

  #ask(redraw: Redraw): void {
    this.#unconfirmed.add(redraw);
    const { client } = this.#server;
    if (client === null) return;
    const run = this.#world.stores.reads.run(redraw.name, null);
    const job = run === null ? null : this.#drawOf(run, redraw.word);
    if (job === null) {
      this.#world.hit(`rerun: ${run === null ? 'not found' : 'under way'}`);
      this.#unconfirmed.delete(redraw);
      return;
    }
    this.#world.drawn.add(job.digest);
    client.submit([job], 'skip').then(
      ({ jobs }) => {
        this.#unconfirmed.delete(redraw);
        for (const told of jobs) this.#confirmed(told, job);
      },
      (error: unknown) => this.#world.say(`refused: ${String(error)}`),
    );
  }

  /** Null where its latest run has not ended and is another, or where nobody knows what it asked. */
  #drawOf(run: RunRow, word: string): PreparedJob | null {
    const { reads } = this.#world.stores;
    const spec = reads.spec(run.id);
    const spec_body = reads.body(spec?.spec_sha256 ?? '');
    const prompt_body = reads.body(spec?.prompt_sha256 ?? '');
    if (spec === null || spec_body === null || prompt_body === null) {
      this.#world.fault('draws', `what ${formatRunRef(run)} asked is not in the database`);
      return null;
    }
    if (isUnknownWork(spec.request)) return null;
    const job = freshDrawOf({ run, spec, spec_body, prompt_body }, word, {});
    return hasEnded(run.state) || job.digest === run.digest ? job : null;
  }

  #confirmed(told: SubmittedJob, job: PreparedJob): void {
    this.#world.hit(`rerun: ${told.verdict}`);
    const ref = formatRunRef(told);
    if (!this.#world.accept(ref, job))
      this.#world.fault('draws', `${ref} was said to be a fresh draw, and is not that on disk`);
  }
}
