/**
 * Those who ask: they submit, the same again and at the same time, cancel, retry, draw anew, and pause endpoints. Whoever
 * gets no answer asks again later, as the client of promptd does, so that nothing is meant and not said in the end.
 */
import type { PreparedJob } from '../../src/core/submission.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { BAD } from './model.ts';
import type { SchedulerProcess } from './scheduler-process.ts';
import { ENDPOINTS, type World } from './world.ts';

export class Users {
  readonly #world: World;
  readonly #scheduler: SchedulerProcess;
  readonly #random: SeededRandom;
  /** Submissions that nobody has confirmed. */
  readonly #unconfirmed = new Set<readonly PreparedJob[]>();
  readonly #jobs: PreparedJob[] = [];
  readonly #paused = new Set<string>();

  constructor(world: World, scheduler: SchedulerProcess) {
    this.#world = world;
    this.#scheduler = scheduler;
    this.#random = world.stream();
  }

  act(): void {
    const what = this.#random.next();
    if (what < 0.4) this.#submitNew();
    else if (what < 0.6) this.#submitAgain();
    else if (what < 0.75) this.#onRuns('cancel');
    else if (what < 0.9) this.#onRuns('retry');
    else if (what < 0.95) this.#pause();
    else this.insist();
  }

  /** Submits once more what was never confirmed; gives how much that is. */
  insist(): number {
    for (const lot of [...this.#unconfirmed]) this.#submit(lot);
    return this.#unconfirmed.size;
  }

  /** Lets every endpoint go. */
  resume(): void {
    this.#paused.clear();
    for (const { name } of ENDPOINTS) {
      this.#scheduler.client
        ?.putEndpoint({ name, max_concurrent: null, paused: false })
        .catch(() => undefined);
    }
  }

  #submitNew(): void {
    const batch = this.#random.next() < 0.3 ? `batch-${this.#random.below(3)}` : null;
    const lot = Array.from({ length: 1 + this.#random.below(5) }, () => this.#newJob(batch));
    this.#jobs.push(...lot);
    this.#submit(lot);
  }

  /** The same job several times at once, a part of it under another name, or another content under its name. */
  #submitAgain(): void {
    const job = this.#pick();
    if (job === undefined) return;
    const how = this.#random.next();
    if (how < 0.6) {
      for (let i = this.#random.below(4); i >= 0; i -= 1) this.#submit([job]);
    } else if (how < 0.8) {
      this.#submit([{ ...this.#newJob(null), name: job.name, if_exists: 'same' }]);
    } else {
      const again = { ...this.#newJob(null), name: job.name, if_exists: 'new_run' } as const;
      this.#submit([again]);
    }
  }

  #newJob(batch: string | null): PreparedJob {
    const random = this.#random;
    const text =
      random.next() < 0.06 ? `${BAD} ${random.below(4)}` : `question ${random.below(40 + this.#jobs.length)}`;
    const endpoint = ENDPOINTS[random.below(ENDPOINTS.length)]?.name ?? 'fast';
    return jobOf(`job-${this.#jobs.length}-${random.below(1_000)}`, {
      text,
      endpoint,
      model: `m${random.below(2)}`,
      batch,
      options: {
        priority: random.below(4) === 0 ? random.below(5) - 2 : 0,
        run_at: random.next() < 0.1 ? this.#world.clock.now() + random.below(120_000) : null,
        max_attempts: 1 + random.below(4),
        attempt_timeout_ms: 15_000 + random.below(45_000),
      },
    });
  }

  #pick(): PreparedJob | undefined {
    return this.#jobs[this.#random.below(Math.max(1, this.#jobs.length))];
  }

  #submit(lot: readonly PreparedJob[]): void {
    this.#unconfirmed.add(lot);
    const done = this.#scheduler.client?.submit(lot, 'refuse_all');
    done?.then(
      (receipt) => {
        this.#unconfirmed.delete(lot);
        if (!receipt.accepted) return;
        for (const [i, told] of receipt.jobs.entries()) {
          const job = lot[i];
          if (job !== undefined)
            this.#world.accepted.set(`${told.name}@${told.run}`, { digest: job.digest, text: textOf(job) });
        }
      },
      (error: unknown) => this.#world.say(`refused: ${String(error)}`),
    );
  }

  #onRuns(what: 'cancel' | 'retry'): void {
    const runs = Array.from({ length: 1 + this.#random.below(3) }, () => this.#pick()).flatMap((job) =>
      job === undefined ? [] : [{ name: job.name, run: null }],
    );
    const { client } = this.#scheduler;
    if (client === null || runs.length === 0) return;
    this.#world.hit(what);
    const done = what === 'cancel' ? client.cancel(runs) : client.retry(runs, {});
    done.catch(() => undefined);
  }

  #pause(): void {
    const name = ENDPOINTS[this.#random.below(ENDPOINTS.length)]?.name ?? 'fast';
    const paused = !this.#paused.delete(name);
    if (paused) this.#paused.add(name);
    const max_concurrent = this.#random.next() < 0.3 ? 1 + this.#random.below(2) : null;
    this.#scheduler.client?.putEndpoint({ name, max_concurrent, paused }).catch(() => undefined);
  }
}

function textOf(job: PreparedJob): string {
  const [message] = JSON.parse(job.prompt) as { content: string }[];
  return message?.content ?? '';
}
