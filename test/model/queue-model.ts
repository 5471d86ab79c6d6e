/**
 * What the API promises, as a small queue in memory: written from the design alone, sharing no code with the server. Every run
 * that can run does (there are more slots than runs), and stays there until a command ends its attempt.
 */

export type State = 'scheduled' | 'blocked' | 'running' | 'completed' | 'failed' | 'cancelled';

export interface ModelRun {
  readonly name: string;
  readonly run: number;
  /** What is asked; the same text is the same work. */
  readonly content: string;
  readonly batch: string | null;
  readonly max_attempts: number;
  state: State;
  attempt: number;
  errors: number;
  /** `name@run#attempt` whose answer it has. */
  answer: string | null;
}

export interface Wish {
  readonly name: string;
  readonly content: string;
  readonly if_exists: 'same' | 'new_run';
  readonly batch: string | null;
  readonly later: boolean;
  readonly max_attempts: number;
}

export type Verdict = 'created' | 'shared' | 'answered_before' | 'known' | 'conflict';

export interface Submitted {
  readonly verdict: Verdict;
  /** Null where nothing was done. */
  readonly run: ModelRun | null;
}

const ENDED: ReadonlySet<State> = new Set(['completed', 'failed', 'cancelled']);

export class QueueModel {
  readonly runs: ModelRun[] = [];

  ofName(name: string): readonly ModelRun[] {
    return this.runs.filter((run) => run.name === name);
  }

  latest(name: string): ModelRun | null {
    return this.ofName(name).at(-1) ?? null;
  }

  leader(content: string): ModelRun | null {
    return this.runs.find((run) => run.content === content && run.state === 'running') ?? null;
  }

  #completed(content: string): ModelRun | null {
    return this.runs.find((run) => run.content === content && run.state === 'completed') ?? null;
  }

  /** Name and content known: that run. Name taken: a conflict, unless a new run was asked for. Else the next run of the name. */
  submit(wish: Wish): Submitted {
    const latest = this.latest(wish.name);
    const earlier = this.ofName(wish.name).findLast((run) => run.content === wish.content) ?? null;
    const known = latest?.content === wish.content ? latest : wish.if_exists === 'same' ? earlier : null;
    if (known !== null)
      return { verdict: known.state === 'completed' ? 'answered_before' : 'known', run: known };
    if (latest !== null && wish.if_exists === 'same') return { verdict: 'conflict', run: null };
    const run: ModelRun = {
      name: wish.name,
      run: (latest?.run ?? 0) + 1,
      content: wish.content,
      batch: wish.batch,
      max_attempts: wish.max_attempts,
      state: 'scheduled',
      ...{ attempt: 0, errors: 0, answer: null },
    };
    this.runs.push(run);
    const answered = this.#completed(wish.content);
    if (answered !== null) {
      run.state = 'completed';
      run.answer = answered.answer;
      return { verdict: 'answered_before', run };
    }
    if (wish.later) return { verdict: 'created', run };
    return { verdict: this.#ask(run) === 'blocked' ? 'shared' : 'created', run };
  }

  /** All of a lot, or nothing of it; `skip` leaves out what conflicts. Null: a conflict refused it. */
  submitLot(wishes: readonly Wish[], skip: boolean): readonly Submitted[] | null {
    const before = this.runs.map((run) => ({ ...run }));
    const submitted = wishes.map((wish) => this.submit(wish));
    if (skip || submitted.every(({ verdict }) => verdict !== 'conflict')) return submitted;
    this.runs.splice(0, this.runs.length, ...before);
    return null;
  }

  /** What the answer says, and the end of all who waited for it. */
  answer(run: ModelRun): void {
    const answer = `${run.name}@${run.run}#${run.attempt}`;
    for (const other of this.runs) {
      const shares = other === run || (other.content === run.content && other.state === 'blocked');
      if (!shares) continue;
      other.state = 'completed';
      other.answer = answer;
    }
  }

  /** A fault of the job is one of everybody who asks the same. */
  refuse(run: ModelRun): void {
    for (const other of this.runs)
      if (other === run || (other.content === run.content && other.state === 'blocked'))
        other.state = 'failed';
  }

  /** Tried again at once until its attempts are used up. */
  break(run: ModelRun): void {
    run.errors += 1;
    if (run.errors < run.max_attempts) run.attempt += 1;
    else run.state = 'failed';
  }

  cancel(run: ModelRun): 'cancelled' | 'cancelling' | 'ended' {
    if (ENDED.has(run.state)) return 'ended';
    const ran = run.state === 'running';
    run.state = 'cancelled';
    return ran ? 'cancelling' : 'cancelled';
  }

  /** Those of whom one asks next, since nobody does any more. */
  heirs(content: string): readonly ModelRun[] {
    if (this.leader(content) !== null) return [];
    return this.runs.filter((run) => run.content === content && run.state === 'blocked');
  }

  lead(run: ModelRun): void {
    run.state = 'running';
    run.attempt += 1;
  }

  /** False: it is in no state for that. */
  retry(run: ModelRun): boolean {
    if (run.state !== 'failed' && run.state !== 'cancelled') return false;
    const answered = this.#completed(run.content);
    run.errors = 0;
    if (answered === null) this.#ask(run);
    else {
      run.state = 'completed';
      run.answer = answered.answer;
    }
    return true;
  }

  #ask(run: ModelRun): State {
    if (this.leader(run.content) !== null) run.state = 'blocked';
    else this.lead(run);
    return run.state;
  }
}
