/**
 * Those who ask. Whoever gets no answer asks again later, as the client of promptd does, so that nothing is meant and not
 * said in the end. What they are told is held against what is on disk at that moment.
 */
import { digestOf, freshRequest, sha256 } from '../../src/core/identity.ts';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import { formatRunRef } from '../../src/core/names.ts';
import type { OnInvalid, PreparedJob, SubmitReceipt } from '../../src/core/submission.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import type { Action, JobWish } from './actions.ts';
import type { SchedulerCalls, ServerProcess } from './server-process.ts';
import { Redraws } from './redraws.ts';
import { ENDPOINTS, type World } from './world.ts';

interface Lot {
  readonly jobs: readonly PreparedJob[];
  readonly on_invalid: OnInvalid;
}

type UserAction = Extract<Action, { do: 'submit' | 'insist' | 'cancel' | 'retry' | 'rerun' | 'endpoint' }>;

export class Users {
  readonly #world: World;
  readonly #server: ServerProcess;
  /** Submissions that nobody has confirmed. */
  readonly #unconfirmed = new Set<Lot>();
  readonly #redraws: Redraws;

  constructor(world: World, server: ServerProcess) {
    this.#world = world;
    this.#server = server;
    this.#redraws = new Redraws(world, server);
  }

  act(action: UserAction): void {
    this.#world.hit(`user: ${action.do}`);
    const { client } = this.#server;
    switch (action.do) {
      case 'submit':
        return this.#submitAll(action);
      case 'insist':
        return void this.insist();
      case 'cancel':
        return this.#cancel(client, action.names);
      case 'retry':
        return this.#retry(client, action.names, action.max_attempts);
      case 'rerun':
        return this.#redraws.ask(action);
      case 'endpoint': {
        const { name, paused, max_concurrent } = action;
        return void client?.putEndpoint({ name, paused, max_concurrent }).catch(() => undefined);
      }
    }
  }

  /** Submits once more what was never confirmed; gives how much that is. */
  insist(): number {
    for (const lot of [...this.#unconfirmed]) this.#submit(lot);
    return this.#unconfirmed.size + this.#redraws.insist();
  }

  /** Lets every endpoint go. */
  resume(): void {
    for (const { name } of ENDPOINTS)
      this.#server.client?.putEndpoint({ name, max_concurrent: null, paused: false }).catch(() => undefined);
  }

  #submitAll({ jobs, on_invalid, times }: Extract<Action, { do: 'submit' }>): void {
    const lot = {
      jobs: jobs.map((wish) => preparedOf(wish, Math.floor(this.#world.clock.now()))),
      on_invalid,
    };
    for (const [i, { name, spec_sha256, digest }] of lot.jobs.entries()) {
      // What is sent of a draw of another number is the same, so it may be found again as a fresh one.
      if (jobs[i]?.fresh !== undefined || jobs[i]?.draw !== 0) this.#world.drawn.add(digest);
      this.#world.submitted.add(name);
      this.#world.asked.add(spec_sha256);
    }
    for (let i = 0; i < times; i += 1) this.#submit(lot);
  }

  #submit(lot: Lot): void {
    this.#unconfirmed.add(lot);
    this.#server.client?.submit(lot.jobs, lot.on_invalid).then(
      (receipt) => {
        this.#unconfirmed.delete(lot);
        this.#confirmed(lot, receipt);
      },
      (error: unknown) => {
        this.#world.say(`refused: ${String(error)}`);
      },
    );
  }

  #confirmed(lot: Lot, receipt: SubmitReceipt): void {
    for (const [i, told] of receipt.jobs.entries()) {
      const job = lot.jobs[i];
      this.#world.hit(`submit: ${receipt.accepted ? told.verdict : 'refused'}`);
      if (job === undefined || !receipt.accepted || told.verdict === 'conflict') continue;
      const ref = formatRunRef(told);
      if (!this.#world.accept(ref, job))
        this.#world.fault(
          'told before disk',
          `${ref} was said to be accepted, and is not on disk, or is another`,
        );
    }
  }

  #cancel(client: SchedulerCalls | null, names: readonly string[]): void {
    client?.cancel(names.map((name) => ({ name, run: null }))).then(
      (answers) => {
        for (const { name, run, verdict } of answers) {
          this.#world.hit(`cancel: ${verdict}`);
          const told = verdict === 'cancelled' || verdict === 'cancelling';
          if (told && !this.#world.ledger.cancelled.has(formatRunRef({ name, run })))
            this.#world.fault(
              'told before disk',
              `${name}@${run} was said to be cancelled, and is not on disk`,
            );
        }
      },
      () => undefined,
    );
  }

  #retry(client: SchedulerCalls | null, names: readonly string[], max_attempts: number | null): void {
    const options = max_attempts === null ? {} : { max_attempts };
    client
      ?.retry(
        names.map((name) => ({ name, run: null })),
        options,
      )
      .then(
        (answers) => {
          for (const { verdict } of answers) this.#world.hit(`retry: ${verdict}`);
        },
        () => undefined,
      );
  }
}

function preparedOf(wish: JobWish, now: number): PreparedJob {
  const { name, text, script, draw, fresh, endpoint, model, batch, if_exists, source } = wish;
  const options = {
    priority: wish.priority,
    run_at: wish.run_in_ms === null ? null : now + wish.run_in_ms,
    max_attempts: wish.max_attempts,
    attempt_timeout_ms: wish.attempt_timeout_ms,
  };
  const job = jobOf(name, { text, script, endpoint, model, batch, if_exists, source, options });
  const drawn = draw === 0 ? job : sampleOf(job, draw);
  if (fresh === undefined) return drawn;
  const request = freshRequest(drawn.request, fresh);
  return { ...drawn, request, digest: digestOf(request), if_exists: 'new_run' };
}

/** The same question, meant as work of its own. */
function sampleOf(job: PreparedJob, sample: number): PreparedJob {
  const { configuration, ...rest } = JSON.parse(job.spec) as { readonly configuration: JsonObject };
  const spec = canonicalJson({ ...rest, configuration: { ...configuration, sample } });
  const request = canonicalJson({ ...(JSON.parse(job.request) as JsonObject), sample });
  return { ...job, request, digest: digestOf(request), spec, spec_sha256: sha256(spec) };
}
