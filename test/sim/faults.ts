/** What goes wrong, one kind after the other. A kind that is added here is drawn, counted, healed and asked for in CI with the others. */
import { TERM } from '../scheduler/terms.ts';
import type { Part } from './actions.ts';
import { REACHABLE_POINTS } from './crash-points.ts';
import type { Models } from './model.ts';
import type { InstanceProcess } from './instance-process.ts';
import type { Fate } from './doom.ts';
import type { ServerProcess } from './server-process.ts';
import { SERVERS, type World } from './world.ts';

export interface Cast {
  readonly world: World;
  readonly server: ServerProcess;
  readonly instances: readonly InstanceProcess[];
}

interface Fault {
  /** What stays broken until it is mended. */
  readonly breaks: readonly Part[];
  readonly strike: (cast: Cast, a: number, b: number) => void;
}

function one<T>(of: readonly T[], draw: number): T | undefined {
  return of[Math.floor(draw * of.length)];
}

function openLink({ world }: Cast, draw: number) {
  return one(
    world.network.links.filter((link) => link.open),
    draw,
  );
}

function fateOf(draw: number): Fate {
  if (draw < 0.45) return 'killed';
  return draw < 0.8 ? 'power lost' : 'stopped';
}

const SERVER_POINTS = REACHABLE_POINTS.filter((name) => !name.startsWith('instance.'));
const INSTANCE_POINTS = REACHABLE_POINTS.filter((name) => name.startsWith('instance.'));

/** Half of the times a little longer than the term of a lease, when what is late meets what was begun anew. */
function around(draw: number): number {
  return draw < 0.5 ? TERM + Math.floor(draw * 12_000) : 500 + Math.floor((2 * draw - 1) * 60_000);
}

function throttle(models: Models, endpoint: string, until: number, retry_after_ms: number | null): void {
  models.throttled.set(endpoint, { until, retry_after_ms });
  models.patience_ms = Math.max(models.patience_ms, retry_after_ms ?? 0);
}

/** What servers say in Retry-After, and what only a broken one would. */
const PATIENCE: readonly (number | null)[] = [null, null, 0, 1, 700, 5_000, 20_000, 0.5, 1e15];

export const FAULTS = {
  'a connection is cut in the middle of a frame': {
    breaks: [],
    strike: (cast, a, b) =>
      openLink(cast, a)?.cutAfter(b < 0.5 ? 'to_server' : 'to_client', 1 + Math.floor(b * 1_200)),
  },
  'a connection is reset': { breaks: [], strike: (cast, a) => openLink(cast, a)?.reset() },
  'a connection goes half-open': { breaks: [], strike: (cast, a) => openLink(cast, a)?.blackHole() },
  'frames are delivered twice': {
    breaks: [],
    strike: ({ world }, _a, b) => {
      world.duplicating_until = world.clock.monotonic() + 500 + b * 8_000;
    },
  },
  'an instance is cut off for a while': {
    breaks: [],
    strike: ({ instances }, a, b) => one(instances, a)?.cutOff(around(b)),
  },
  'the server is killed': { breaks: ['server'], strike: ({ server }) => server.end('killed') },
  'the server loses power': { breaks: ['server'], strike: ({ server }) => server.end('power lost') },
  'the server stands still': {
    breaks: [],
    strike: ({ server }, _a, b) => server.life?.freeze(500 + Math.floor(b * 60_000)),
  },
  'the server ends at a crash point': {
    breaks: ['server'],
    strike: ({ server }, a, b) => {
      const point = one(SERVER_POINTS, a) ?? 'turn.before_commit';
      server.doom = { point, fate: fateOf(b) };
      // Reached by the next server alone.
      if (point.startsWith('start.')) server.end('killed');
    },
  },
  'an instance is killed': {
    breaks: ['near', 'far'],
    strike: ({ instances }, a) => one(instances, a)?.end('killed'),
  },
  'an instance loses power': {
    breaks: ['near', 'far'],
    strike: ({ instances }, a) => one(instances, a)?.end('power lost'),
  },
  'an instance ends at a crash point': {
    breaks: ['near', 'far'],
    strike: ({ instances }, a, b) => {
      const point = one(INSTANCE_POINTS, a) ?? 'instance.after_spool';
      const hit = one(instances, b);
      if (hit === undefined) return;
      hit.doom = { point, fate: fateOf((b * 2) % 1) };
      // Reached by the next process alone.
      if (point === 'instance.after_open') hit.end('killed');
    },
  },
  'an instance stands still': {
    breaks: [],
    strike: ({ instances }, a, b) => one(instances, a)?.life?.freeze(around(b)),
  },
  'an instance is asked to end': {
    breaks: ['near', 'far'],
    strike: ({ instances }, a, b) => one(instances, a)?.drain(Math.floor(b * 6_000)),
  },
  'the database is full': {
    breaks: ['store'],
    strike: ({ server }) => {
      server.weather = 'full';
    },
  },
  'the database is locked': {
    breaks: ['store'],
    strike: ({ server }) => {
      server.weather = 'busy';
    },
  },
  'the store refuses changes': {
    breaks: ['store'],
    strike: ({ server }) => {
      server.weather = 'refusing';
    },
  },
  'a commit fails for good': {
    breaks: ['store', 'server'],
    strike: ({ server }, a) => {
      server.weather = a < 0.5 ? 'broken before' : 'broken after';
    },
  },
  'the disk of the server is full': {
    breaks: ['server disk'],
    strike: ({ server }, _a, b) => {
      server.disk.weather = { kind: 'full', written: b };
    },
  },
  'the disk of the server is slow': {
    breaks: ['server disk'],
    strike: ({ server }, _a, b) => {
      server.disk.weather = { kind: 'slow', ms: 1 + Math.floor(b * 400) };
    },
  },
  'an fsync of the server fails': {
    breaks: ['server disk', 'server'],
    strike: ({ server }) => {
      server.disk.weather = { kind: 'failing fsync' };
    },
  },
  'the disk of an instance is full': {
    breaks: ['instance disks'],
    strike: ({ instances }, a, b) => {
      const hit = one(instances, a);
      if (hit !== undefined) hit.disk.weather = { kind: 'full', written: b };
    },
  },
  'the disk of an instance is slow': {
    breaks: ['instance disks'],
    strike: ({ instances }, a, b) => {
      const hit = one(instances, a);
      if (hit !== undefined) hit.disk.weather = { kind: 'slow', ms: 1 + Math.floor(b * 400) };
    },
  },
  'an fsync of an instance fails': {
    breaks: ['instance disks', 'near', 'far'],
    strike: ({ instances }, a) => {
      const hit = one(instances, a);
      if (hit !== undefined) hit.disk.weather = { kind: 'failing fsync' };
    },
  },
  'a bit of a spool turns': {
    breaks: [],
    strike: ({ instances }, a, b) => one(instances, a)?.rot(b),
  },
  'a stranger takes the name of a file': {
    breaks: [],
    strike: ({ server }, a) => {
      server.strangers += 1 + Math.floor(a * 3);
    },
  },
  'an endpoint throttles': {
    breaks: [],
    strike: ({ world }, a, b) => {
      const { name } = one(SERVERS, a) ?? SERVERS[0];
      const retry_after_ms = one(PATIENCE, (b * 7) % 1) ?? null;
      throttle(world.models, name, world.clock.monotonic() + b * 40_000, retry_after_ms);
    },
  },
  'models stall': {
    breaks: [],
    strike: ({ world }, _a, b) => {
      world.models.stalling_until = world.clock.monotonic() + 1_000 + b * 30_000;
    },
  },
  'an instance is cut off, and what it has answered fails elsewhere': {
    breaks: [],
    strike: ({ instances, world }, _a, b) => {
      const away = instances.toSorted((x, y) => y.unfinished - x.unfinished)[0];
      // Once at a time: somebody must be there to whom it fails.
      if (away === undefined || world.clock.monotonic() < world.models.partial.until) return;
      away.cutOff(TERM + 2_000 + Math.floor(b * 10_000));
      world.models.partial = { to: away.name, until: world.clock.monotonic() + TERM + 20_000 };
    },
  },
  'models lie': {
    breaks: [],
    strike: ({ world }, _a, b) => {
      world.models.lying_until = world.clock.monotonic() + 1_000 + b * 30_000;
    },
  },
  'a person sets the wall clock': {
    breaks: [],
    strike: ({ world }, a, b) => {
      world.jumps += 1;
      world.clock.jumpWall(Math.floor((a < 0.5 ? -1 : 1) * b * 120_000));
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
export type FaultKind = keyof typeof FAULTS;
