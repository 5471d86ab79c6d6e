/** What goes wrong, one kind after the other. A kind that is added here is hit, counted and healed with the others. */
import { CRASH_POINTS } from '../../src/core/ports/crashpoint.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { InstanceProcess } from './instance-process.ts';
import type { SchedulerProcess } from './scheduler-process.ts';
import { ENDPOINTS, type World } from './world.ts';

export interface Cast {
  readonly world: World;
  readonly scheduler: SchedulerProcess;
  readonly instances: readonly InstanceProcess[];
}

type Fault = (cast: Cast, random: SeededRandom) => void;

/** Tells which link is meant: one that is open. */
function openLink({ world }: Cast, random: SeededRandom) {
  const open = world.network.links.filter((link) => link.open);
  return open[random.below(Math.max(1, open.length))];
}

function someone({ instances }: Cast, random: SeededRandom): InstanceProcess | undefined {
  return instances[random.below(instances.length)];
}

const SCHEDULER_POINTS = CRASH_POINTS.filter((name) => name.startsWith('turn.'));
const INSTANCE_POINTS = CRASH_POINTS.filter((name) => name.startsWith('instance.'));

export const FAULTS: Readonly<Record<string, Fault>> = {
  'a connection is cut in the middle of a frame': (cast, random) => {
    openLink(cast, random)?.cutAfter(random.next() < 0.5 ? 'to_server' : 'to_client', 1 + random.below(600));
  },
  'a connection is reset': (cast, random) => openLink(cast, random)?.reset(),
  'a connection goes half-open': (cast, random) => openLink(cast, random)?.blackHole(),
  'an instance is cut off for a while': (cast, random) => someone(cast, random)?.cutOff(random.below(60_000)),
  'the scheduler is killed': ({ scheduler }) => scheduler.kill(),
  'the scheduler kills itself at a point of a turn': ({ scheduler }, random) => {
    scheduler.dies_at = SCHEDULER_POINTS[random.below(SCHEDULER_POINTS.length)] ?? null;
  },
  'the scheduler stands still': ({ scheduler }, random) =>
    scheduler.life?.freeze(1_000 + random.below(60_000)),
  'an instance is killed': (cast, random) =>
    someone(cast, random)?.kill(random.next() < 0.5 ? 'power goes' : 'power stays'),
  'an instance kills itself at a point': (cast, random) => {
    const one = someone(cast, random);
    if (one !== undefined) one.dies_at = INSTANCE_POINTS[random.below(INSTANCE_POINTS.length)] ?? null;
  },
  'an instance stands still': (cast, random) =>
    someone(cast, random)?.life?.freeze(1_000 + random.below(60_000)),
  'an instance is asked to end': (cast, random) => someone(cast, random)?.drain(),
  'the disk is full': ({ scheduler }) => {
    scheduler.weather = 'full';
  },
  'the database is locked': ({ scheduler }) => {
    scheduler.weather = 'busy';
  },
  'the store refuses changes': ({ scheduler }) => {
    scheduler.weather = 'refusing';
  },
  'an endpoint throttles': ({ world }, random) => {
    const name = ENDPOINTS[random.below(ENDPOINTS.length)]?.name ?? 'fast';
    world.models.throttled_until.set(name, world.clock.monotonic() + random.below(40_000));
  },
};

/** Most faults pass by themselves after a while; those that do not are mended here. */
export async function mendSome(cast: Cast, random: SeededRandom, all: boolean): Promise<void> {
  const mends = (): boolean => all || random.next() < 0.4;
  if (mends()) cast.scheduler.weather = 'fine';
  if (mends()) await cast.scheduler.start();
  for (const instance of cast.instances) if (mends()) instance.start();
  if (!all) return;
  cast.scheduler.dies_at = null;
  for (const instance of cast.instances) instance.dies_at = null;
}
