/** How a process of the simulation ends, or stops, at a crash point. */
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import type { Life } from './life.ts';
import type { World } from './world.ts';

export type Fate = 'killed' | 'power lost' | 'stopped';

export interface Doom {
  readonly point: CrashPointName;
  readonly fate: Fate;
}

interface Doomed {
  /** What comes next, if anything does. */
  doom: Doom | null;
  end(fate: Fate): void;
}

/** A process came by a point: if that is the one, it meets its fate there. */
export function passPoint(process: Doomed, name: CrashPointName, life: Life, world: World): void {
  const { doom } = process;
  if (doom?.point !== name || !life.alive) return;
  process.doom = null;
  world.hit(`${doom.fate} at ${name}`);
  world.hit(`point ${name}`);
  process.end(doom.fate);
}
