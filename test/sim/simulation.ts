/**
 * One run of the simulation: users and faults for a number of steps, then everything is healed, comes to rest, and is
 * checked. The same seed, steps and break give the same run, event by event.
 */
import type { SeededRandom } from '../support/seeded-random.ts';
import { checkAtRest, checkLimits } from './checks.ts';
import { FAULTS, mendSome, type Cast } from './faults.ts';
import { InstanceProcess } from './instance-process.ts';
import { SchedulerProcess, type Break } from './scheduler-process.ts';
import { Users } from './users.ts';
import { World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  /** Kinds of faults, by their names; default: all. */
  readonly faults?: readonly string[];
  readonly broken?: Break;
}

export interface SimulationReport {
  readonly violations: readonly string[];
  /** How often each fault, crash point and transition was hit. */
  readonly hits: ReadonlyMap<string, number>;
  /** What happened last, for people. */
  readonly trace: readonly string[];
  readonly runs: number;
  readonly attempts: number;
  readonly virtual_ms: number;
}

/** Everything must have ended within this time after the faults have: terms, backoffs and probes at their longest. */
const REST_WITHIN_MS = 30 * 60_000;
const REST_STEP_MS = 20_000;
const FAULTS_PER_STEP = 0.25;

export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const world = new World(options.seed);
  const scheduler = new SchedulerProcess(world, options.broken ?? {});
  const instances = [new InstanceProcess(world, 'near', 6), new InstanceProcess(world, 'far', 5)];
  const cast: Cast = { world, scheduler, instances };
  const users = new Users(world, scheduler);
  const random = world.stream();
  const names = options.faults ?? Object.keys(FAULTS);
  await scheduler.start();
  for (const instance of instances) instance.start();
  for (let step = 0; step < options.steps && world.violations.length === 0; step += 1) {
    users.act();
    if (names.length > 0 && random.next() < FAULTS_PER_STEP) strike(cast, random, names);
    if (random.next() < 0.3) await mendSome(cast, random, false);
    await world.clock.advance(random.below(random.next() < 0.1 ? 20_000 : 1_500));
    checkLimits(world, new Map(instances.map(({ name, slots }) => [name, slots])));
  }
  await comeToRest(cast, users, random);
  if (world.violations.length === 0) checkAtRest(world);
  const { violations, hits, trace } = world;
  const report = {
    violations,
    hits,
    trace,
    runs: world.accepted.size,
    attempts: world.models.calls.size,
    virtual_ms: world.clock.monotonic(),
  };
  await close(cast);
  return report;
}

function strike(cast: Cast, random: SeededRandom, names: readonly string[]): void {
  const name = names[random.below(names.length)] ?? '';
  cast.world.hit(name);
  cast.world.say(`FAULT ${name}`);
  FAULTS[name]?.(cast, random);
}

/** Heals everything, and waits until nothing is left to do. */
async function comeToRest(cast: Cast, users: Users, random: SeededRandom): Promise<void> {
  const { world, scheduler, instances } = cast;
  let open: readonly string[] = [];
  world.say('everything is healed');
  world.rough = false;
  world.models.honest = true;
  for (let waited = 0; waited < REST_WITHIN_MS; waited += REST_STEP_MS) {
    await mendSome(cast, random, true);
    users.resume();
    const unconfirmed = users.insist();
    await world.clock.advance(REST_STEP_MS);
    const left = [
      [unconfirmed, 'submissions nobody confirmed'],
      [scheduler.quiet ? 0 : 1, 'scheduler with work'],
      [world.stores.reads.unpublished(), 'files to publish'],
      [
        instances.reduce((sum, { unfinished }) => sum + unfinished, 0),
        'attempts and outcomes held by instances',
      ],
    ] as const;
    open = left.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
    if (world.violations.length > 0 || open.length === 0) return;
  }
  world.fault(
    `not at rest ${REST_WITHIN_MS / 60_000} minutes after everything was healed: ${open.join(', ')}`,
  );
}

async function close({ world, scheduler, instances }: Cast): Promise<void> {
  scheduler.kill();
  for (const instance of instances) instance.kill('power stays');
  await world.stores.store.close();
}
