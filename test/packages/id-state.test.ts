// An instance id as a state machine, against a package that plays whatever the drawing says.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ASLEEP, stepId, type IdEvent, type IdState, type IdTask } from '../../src/packages/id-state.ts';

const QUARANTINE_MS = 1_000;

/** What a package does with one id: it works on a job, has an answer that nobody fetched, or has nothing. */
type Work = 'idle' | 'generating' | 'answered';

/** The id under test, the package behind it, and what must never be seen. */
class World {
  state: IdState = ASLEEP;
  task: IdTask = 'nothing';
  work: Work = 'idle';
  now = 0;
  /** The job that the package works on, or has answered; and the one of the attempt that has the id. */
  job = 0;
  attempt: number | null = null;
  submitted = 0;
  replaced = 0;

  tell(event: IdEvent): void {
    const { state, task } = stepId(this.state, event, QUARANTINE_MS);
    this.state = state;
    if (task !== 'nothing') this.task = task;
    if (event.kind === 'gone' || event.kind === 'replace') this.task = 'nothing';
  }

  /** A new attempt takes the id, if it may, and submits its job. */
  take(): void {
    if (this.state.kind !== 'free') return;
    // The promise: whoever takes an id finds nothing in it, neither work under way nor an answer of somebody else.
    expect(this.work).toBe('idle');
    this.tell({ kind: 'take' });
    this.submitted += 1;
    this.attempt = this.submitted;
    this.job = this.submitted;
    this.work = 'generating';
  }

  /** The attempt looks in, as often as it likes. */
  retrieve(): void {
    if (this.state.kind !== 'taken' || this.work !== 'answered') return;
    expect(this.job).toBe(this.attempt);
    this.work = 'idle';
    this.attempt = null;
    this.tell({ kind: 'answered' });
  }

  giveUp(): void {
    if (this.state.kind !== 'taken') return;
    this.attempt = null;
    this.tell({ kind: 'given_up', at: this.now });
  }

  /** Does what the machine asked for last. `trouble`: the call raises. */
  obey(trouble: boolean): void {
    const { task } = this;
    this.task = 'nothing';
    if (task === 'start') this.tell({ kind: 'ready', at: this.now });
    if (task === 'look' || task === 'look_later') this.#look(trouble);
    if (task === 'fetch') this.#fetch(trouble);
    if (task === 'replace') {
      this.replaced += 1;
      this.tell({ kind: 'replace' });
    }
  }

  die(): void {
    this.work = 'idle';
    this.attempt = null;
    this.tell({ kind: 'gone' });
  }

  #look(trouble: boolean): void {
    const codes = { idle: 0, generating: -1, answered: 1 };
    this.tell({ kind: 'looked', status: trouble ? null : codes[this.work], at: this.now });
  }

  #fetch(trouble: boolean): void {
    const got = !trouble && this.work === 'answered';
    if (got) this.work = 'idle';
    this.tell({ kind: 'fetched', got, at: this.now });
  }
}

type Act = (world: World) => void;

const acts = fc.oneof(
  fc.constant<Act>((world) => world.tell({ kind: 'wake' })),
  fc.constant<Act>((world) => world.take()),
  fc.constant<Act>((world) => world.retrieve()),
  fc.constant<Act>((world) => world.giveUp()),
  fc.constant<Act>((world) => world.die()),
  fc.constant<Act>((world) => {
    if (world.work === 'generating') world.work = 'answered';
  }),
  fc.boolean().map(
    (trouble): Act =>
      (world) =>
        world.obey(trouble),
  ),
  fc.integer({ min: 1, max: 2_000 }).map(
    (ms): Act =>
      (world) =>
        void (world.now += ms),
  ),
);

/** Nobody takes it any more and the package is well: the pool does its work until there is none. */
function calmDown(world: World): void {
  world.giveUp();
  for (let turn = 0; turn < 10 && world.state.kind !== 'free'; turn += 1) {
    world.now += QUARANTINE_MS;
    if (world.state.kind === 'ending') world.die();
    if (world.state.kind === 'asleep') world.tell({ kind: 'wake' });
    world.obey(false);
  }
}

describe('R28: an instance id', () => {
  it('R30, R31: is given to nobody while it works for somebody, and no stale answer reaches anybody', () => {
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 60, size: 'max' }), (drawn) => {
        const world = new World();
        for (const act of drawn) act(world);
      }),
      { numRuns: 3_000 },
    );
  });

  it('R31: becomes free again, or its process is replaced and it becomes free then, whatever happened', () => {
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 60, size: 'max' }), (drawn) => {
        const world = new World();
        for (const act of drawn) act(world);
        calmDown(world);
        expect(world.state.kind).toBe('free');
        expect(world.work).toBe('idle');
      }),
      { numRuns: 3_000 },
    );
  });

  it('R29: is looked at when it starts, since what its package did before is not known', () => {
    const world = new World();
    world.tell({ kind: 'wake' });
    expect(world.task).toBe('start');
    world.obey(false);
    expect(world.state).toEqual({ kind: 'quarantined', since: 0, looked: false });
    expect(world.task).toBe('look');
  });

  it('R29: is not replaced before its time, and is when the package says -1 for longer', () => {
    const quarantined: IdState = { kind: 'quarantined', since: 500, looked: true };
    const look = (at: number, status: number | null): IdTask =>
      stepId(quarantined, { kind: 'looked', status, at }, QUARANTINE_MS).task;
    expect(look(1_499, -1)).toBe('look_later');
    expect(look(1_500, -1)).toBe('replace');
    // Neither a package that raises nor one whose finished answer cannot be had keeps its process for ever.
    expect(look(1_500, null)).toBe('replace');
    const fetched = stepId(quarantined, { kind: 'fetched', got: false, at: 1_500 }, QUARANTINE_MS);
    expect(fetched.task).toBe('replace');
    expect(look(9_999, 0)).toBe('offer');
    expect(look(9_999, 1)).toBe('fetch');
  });
});
