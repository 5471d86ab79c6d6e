/**
 * One run of the simulation: a list of actions is played, then everything is healed, comes to rest, and is checked. The same
 * seed, list and break give the same run, event by event.
 */
import type { Action, Part } from './actions.ts';
import { AnswerWatch } from './answer-checks.ts';
import { AnswerUsers } from './answer-users.ts';
import {
  everyAttemptIsTold,
  everySpooledOutcomeIsBrought,
  everythingHasEnded,
  noDrawIsMadeTwice,
  noResultIsUnexpected,
  nothingAcknowledgedIsLost,
  storedRuns,
  theDatabaseIsWhatWasCommitted,
} from './checks.ts';
import { FAULTS, type Cast, type FaultKind } from './faults.ts';
import { FileWatch } from './file-checks.ts';
import { FolderWatch } from './folder-checks.ts';
import { FolderUsers } from './folder-users.ts';
import { InstanceProcess, type InstanceWish } from './instance-process.ts';
import { schedule } from './schedule.ts';
import { ServerProcess, type Break } from './server-process.ts';
import { StateUsers } from './state-users.ts';
import { Users } from './users.ts';
import { World, type Violation } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly turns: number;
  /** Kinds of faults, by their names; default: as each seed likes. */
  readonly faults?: readonly FaultKind[];
  readonly broken?: Break;
}

export interface SimulationReport {
  readonly violations: readonly Violation[];
  /** How often each fault, crash point and transition was hit. */
  readonly hits: ReadonlyMap<string, number>;
  /** What happened last, for people. */
  readonly trace: readonly string[];
  readonly runs: number;
  readonly attempts: number;
  readonly virtual_ms: number;
}

/** Everything must have ended within this time after the faults have: terms, backoffs and probes at their longest. */
const REST_WITHIN_MS = 40 * 60_000;
/** And so much more where a server asked for an absurd patience, which is clamped to an hour. */
const PATIENCE_MS = 3 * 3_600_000;
const REST_STEP_MS = 10_000;
const INSTANCES: readonly InstanceWish[] = [
  { name: 'near', slots: 6, small_spool: false, workspace: true },
  { name: 'far', slots: 5, small_spool: true, workspace: false },
];

export function simulate(options: SimulationOptions): Promise<SimulationReport> {
  return play(options.seed, schedule(options.seed, options.turns, options.faults), options.broken);
}

export async function play(
  seed: number,
  actions: readonly Action[],
  broken: Break = {},
): Promise<SimulationReport> {
  const playing = new Playing(seed, broken);
  await playing.run(actions);
  return playing.report();
}

class Playing {
  readonly #world: World;
  readonly #cast: Cast;
  readonly #users: Users;
  readonly #files: FileWatch;
  readonly #folderUsers: FolderUsers;
  readonly #answerUsers: AnswerUsers;
  readonly #stateUsers: StateUsers;
  readonly #folder: FolderWatch;
  readonly #answers: AnswerWatch;

  constructor(seed: number, broken: Break) {
    const world = new World(seed, new Map(INSTANCES.map(({ name, slots }) => [name, slots])));
    const server = new ServerProcess(world, broken);
    const instances = INSTANCES.map((wish) => new InstanceProcess(world, wish, broken));
    this.#world = world;
    this.#cast = { world, server, instances };
    this.#users = new Users(world, server);
    this.#files = new FileWatch(world, server);
    this.#folderUsers = new FolderUsers(world, server);
    this.#folderUsers.onChange = (path) => this.#files.changedByUser(path);
    this.#answerUsers = new AnswerUsers(world, server, this.#folderUsers);
    this.#answerUsers.onChange = (path) => this.#files.changedByUser(path);
    this.#stateUsers = new StateUsers(world, server, this.#answerUsers);
    this.#folder = new FolderWatch(world, server, this.#folderUsers, this.#answerUsers);
    this.#answers = new AnswerWatch(world, server, this.#answerUsers);
    server.onPowerLoss = () => this.#files.afterPowerLoss();
  }

  async run(actions: readonly Action[]): Promise<void> {
    const { server, instances } = this.#cast;
    await server.start();
    for (const instance of instances) instance.start();
    for (const action of actions) {
      await this.#act(action);
      if (this.#failed) break;
    }
    if (!this.#failed) await this.#comeToRest();
    if (!this.#failed) this.#checkAtRest();
    server.end('killed');
    for (const instance of instances) instance.end('killed');
    await this.#world.stores.store.close();
  }

  report(): SimulationReport {
    const { violations, hits, trace, accepted, models, clock } = this.#world;
    const counts = { runs: accepted.size, attempts: models.calls.size, virtual_ms: clock.monotonic() };
    return { violations, hits, trace, ...counts };
  }

  get #failed(): boolean {
    return this.#world.violations.length > 0;
  }

  async #act(action: Action): Promise<void> {
    switch (action.do) {
      case 'advance':
        return this.#advance(action.ms);
      case 'fault': {
        this.#world.hit(`fault: ${action.kind}`);
        this.#world.say(`FAULT ${action.kind}`);
        return FAULTS[action.kind as FaultKind].strike(this.#cast, action.a, action.b);
      }
      case 'mend':
        return this.#mend(action.part);
      case 'drop':
      case 'remove':
        return this.#folderUsers.act(action);
      case 'answer':
      case 'copy':
      case 'copy_own':
        return this.#answerUsers.act(action);
      case 'back_up':
      case 'put_back':
      case 'lose_state':
        return this.#stateUsers.act(action);
      default:
        return this.#users.act(action);
    }
  }

  /** In pieces no longer than a lease could hide in. */
  async #advance(ms: number): Promise<void> {
    const { world, server } = this.#cast;
    const now = () => world.clock.monotonic();
    for (let left = ms; left >= 0 && !this.#failed; left -= 5_000) {
      if (!server.able) world.leases.disabled(now());
      await world.clock.advance(Math.min(left, 5_000));
      if (!server.able) world.leases.disabled(now());
      for (const key of world.leases.overdue(world.ledger.leases, now()))
        world.fault('leases', `the lease of ${key} lives, and for two terms nobody has said that it is held`);
      this.#files.look();
      if (left === 0) break;
    }
  }

  async #mend(part: Part): Promise<void> {
    const { server, instances } = this.#cast;
    switch (part) {
      case 'server':
        return server.start();
      case 'store':
        server.weather = 'fine';
        return undefined;
      case 'server disk':
        server.disk.weather = { kind: 'fine' };
        return undefined;
      case 'instance disks':
        for (const { disk } of instances) disk.weather = { kind: 'fine' };
        return undefined;
      default:
        return instances.find(({ name }) => name === part)?.start();
    }
  }

  async #mendAll(): Promise<void> {
    const { server, instances } = this.#cast;
    server.doom = null;
    server.strangers = 0;
    server.weather = 'fine';
    server.disk.weather = { kind: 'fine' };
    await server.start();
    for (const instance of instances) {
      instance.doom = null;
      instance.disk.weather = { kind: 'fine' };
      instance.start();
    }
  }

  /** Heals everything, and waits until nothing is left to do. */
  async #comeToRest(): Promise<void> {
    const { world } = this.#cast;
    world.say('everything is healed');
    world.rough = false;
    world.duplicating_until = 0;
    world.models.honest = true;
    const absurd = world.models.patience_ms > 3_600_000;
    const within = REST_WITHIN_MS + (absurd ? PATIENCE_MS : 0);
    let open: readonly string[] = [];
    for (let waited = 0; waited < within;) {
      await this.#mendAll();
      this.#users.resume();
      const unconfirmed = this.#users.insist();
      // The longer it takes, the less often it is looked at.
      const step = Math.max(REST_STEP_MS, Math.floor(waited / 4));
      await this.#advance(step);
      waited += step;
      open = this.#open(unconfirmed);
      if (this.#failed || open.length === 0) return;
    }
    world.fault(
      'ends',
      `not at rest ${within / 60_000} minutes after everything was healed: ${open.join(', ')}`,
    );
  }

  #open(unconfirmed: number): string[] {
    const { world, server, instances } = this.#cast;
    const left = [
      [unconfirmed, 'submissions nobody confirmed'],
      [server.quiet ? 0 : 1, 'server with work'],
      [world.stores.reads.unpublished(), 'files to publish'],
      [instances.reduce((sum, one) => sum + one.unfinished, 0), 'attempts and outcomes held by instances'],
      [instances.filter(({ life }) => life === null).length, 'instances that do not live'],
      [this.#folderUsers.writing, 'files being written'],
      [server.answers?.waiting ?? 1, 'answers that are not judged'],
    ] as const;
    const open = left.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
    return open.length > 0 ? open : this.#folder.unsettled();
  }

  #checkAtRest(): void {
    const world = this.#world;
    const runs = storedRuns(world);
    theDatabaseIsWhatWasCommitted(world, runs);
    nothingAcknowledgedIsLost(world, runs);
    everySpooledOutcomeIsBrought(world);
    everythingHasEnded(world, runs);
    noResultIsUnexpected(world, runs);
    everyAttemptIsTold(world, runs);
    this.#files.look();
    this.#files.resultsAreExactlyTheAccepted(runs);
    this.#files.otherFilesStand(runs, this.#folderUsers.removed);
    this.#files.strangersKeepTheirs();
    this.#folder.checkAtRest(runs);
    this.#answers.checkAtRest(runs);
    noDrawIsMadeTwice(world, runs);
  }
}
