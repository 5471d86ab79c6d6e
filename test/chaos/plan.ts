/** What the tormentor of a chaos run will do, and when: a function of the seed alone. */
import { SeededRandom } from '../support/seeded-random.ts';
import type { Weather } from './fault-proxy.ts';

/** `local` is the child of `serve`; `east` and `west` are instances behind a proxy each. */
export const REMOTES = ['east', 'west'] as const;
export const VICTIMS = ['serve', 'local', ...REMOTES] as const;
export type Remote = (typeof REMOTES)[number];
export type Victim = (typeof VICTIMS)[number];

export type Fault =
  | { readonly do: 'kill'; readonly who: Victim; readonly restart_after_ms: number }
  | { readonly do: 'freeze'; readonly who: Victim; readonly for_ms: number }
  | { readonly do: 'weather'; readonly on: Remote; readonly weather: Weather; readonly for_ms: number }
  | { readonly do: 'cut'; readonly on: Remote; readonly after_bytes: number }
  | { readonly do: 'reset'; readonly on: Remote }
  | { readonly do: 'throttle'; readonly for_ms: number };

export interface Planned {
  readonly at_ms: number;
  readonly fault: Fault;
}

/** In words, for counting: `kill serve`, `swallow east`. */
export function kindOf(fault: Fault): string {
  switch (fault.do) {
    case 'kill':
    case 'freeze':
      return `${fault.do} ${fault.who}`;
    case 'weather':
      return `${Object.keys(fault.weather)[0] ?? 'fair'} ${fault.on}`;
    case 'cut':
    case 'reset':
      return `${fault.do} ${fault.on}`;
    case 'throttle':
      return 'throttle models';
  }
}

const GAP_MS = { min: 200, max: 2_400 } as const;
/** Longer than the term of a lease (15 s). */
const BEYOND_A_TERM_MS = { min: 16_000, max: 24_000 } as const;

/** Faults in order of time, the first soon, none in the last second. */
export function planOf(seed: number, duration_ms: number): readonly Planned[] {
  const random = new SeededRandom(seed);
  const planned: Planned[] = [];
  let at_ms = 1_500;
  while (at_ms < duration_ms - 1_000) {
    planned.push({ at_ms, fault: aFault(random) });
    at_ms += between(random, GAP_MS);
  }
  return planned;
}

function aFault(random: SeededRandom): Fault {
  const chance = random.next();
  if (chance < 0.07) return kill(random, 'serve');
  if (chance < 0.26) return kill(random, oneOf(random, ['local', 'east', 'west']));
  if (chance < 0.32) return freeze(random, 'serve', 0.15);
  if (chance < 0.5) return freeze(random, oneOf(random, ['local', 'east', 'west']), 0.25);
  if (chance < 0.76) return weather(random);
  const on = oneOf(random, REMOTES);
  if (chance < 0.87) return { do: 'cut', on, after_bytes: random.below(400) };
  if (chance < 0.96) return { do: 'reset', on };
  return { do: 'throttle', for_ms: between(random, { min: 500, max: 4_000 }) };
}

function kill(random: SeededRandom, who: Victim): Fault {
  return { do: 'kill', who, restart_after_ms: between(random, { min: 0, max: 2_500 }) };
}

function freeze(random: SeededRandom, who: Victim, long: number): Fault {
  const span = random.next() < long ? BEYOND_A_TERM_MS : { min: 200, max: 6_000 };
  return { do: 'freeze', who, for_ms: between(random, span) };
}

function weather(random: SeededRandom): Fault {
  const kinds: readonly Weather[] = [
    { latency_ms: between(random, { min: 20, max: 1_500 }) },
    { slice: true },
    { bytes_per_s: between(random, { min: 2_000, max: 50_000 }) },
    { swallow: 'both' },
    { swallow: 'to_server' },
    { swallow: 'to_client' },
  ];
  const long = random.next() < 0.15;
  const for_ms = between(random, long ? BEYOND_A_TERM_MS : { min: 500, max: 7_000 });
  return { do: 'weather', on: oneOf(random, REMOTES), weather: oneOf(random, kinds), for_ms };
}

function between(random: SeededRandom, { min, max }: { readonly min: number; readonly max: number }): number {
  return min + random.below(max - min + 1);
}

function oneOf<T>(random: SeededRandom, all: readonly T[]): T {
  const one = all[random.below(all.length)];
  if (one === undefined) throw new RangeError('expected something to choose from, got nothing');
  return one;
}
