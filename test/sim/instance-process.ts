/** An instance of the simulation: the real one, with a disk of its own that outlives it. */
import type { AttemptRef } from '../../src/core/attempt.ts';
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import { createInstance, type Instance } from '../../src/instance/instance.ts';
import { PORT } from '../scheduler/terms.ts';
import { MemoryFiles } from '../support/memory-files.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { Life } from './life.ts';
import { ENDPOINTS, type World } from './world.ts';

function keyOf({ name, run, attempt }: AttemptRef): string {
  return `${name}@${run}#${attempt}`;
}

export class InstanceProcess {
  readonly name: string;
  readonly slots: number;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #files = new MemoryFiles();
  #life: Life | null = null;
  #instance: Instance | null = null;
  #pid = 0;
  #away_until = 0;
  dies_at: CrashPointName | null = null;

  constructor(world: World, name: string, slots: number) {
    this.name = name;
    this.slots = slots;
    this.#world = world;
    this.#random = world.stream();
  }

  get life(): Life | null {
    return this.#life?.alive === true ? this.#life : null;
  }

  start(): void {
    if (this.#life?.alive === true) return;
    const world = this.#world;
    const life = new Life(world.clock, this.#random.below(1_000_000));
    this.#life = life;
    this.#pid = world.pid();
    world.say(`${this.name} starts as ${this.#pid}`);
    const instance = createInstance({
      name: this.name,
      slots: this.slots,
      endpoints: ENDPOINTS.map(({ name }) => name),
      needs: [''],
      token: async () => 'token',
      locate: async () => ({ host: 'memory', port: PORT }),
      transport: {
        listen: () => Promise.reject(new Error('an instance does not listen')),
        connect: async (to) => {
          if (world.clock.monotonic() < this.#away_until) throw new Error('the network is down');
          return life.connection(await life.mortal(world.network).connect(to));
        },
      },
      runner: world.models.runnerOf(this.name, life, () => world.clock.monotonic()),
      spool_dir: '/spool',
      files: life.mortal(this.#files),
      clock: life,
      timers: life,
      random: this.#random,
      pid: this.#pid,
      version: '0.0.0',
      orphan_ttl_ms: null,
      crashpoint: (name) => this.#crashpoint(name, life),
      on: (event) => {
        if (!life.alive) return;
        if (event.type === 'outcome_acknowledged') world.acknowledged.add(keyOf(event.attempt));
        if (event.type === 'spool_corrupt') world.fault(`${this.name}: a spooled outcome is damaged`);
        if (event.type !== 'attempt_aborted') return;
        world.say(`${this.name} aborts ${keyOf(event.attempt)}: ${event.reason}`);
        if (event.reason === 'lease_lost') world.given_up.add(keyOf(event.attempt));
      },
    });
    this.#instance = instance;
    void instance.ended.then(() => {
      // Another life may have begun since.
      if (this.#life === life) this.kill('power stays');
    });
    // Whoever dies while it starts never has.
    instance.start().catch((error: unknown) => world.fault(`${this.name} cannot start: ${String(error)}`));
  }

  /** What it runs, and the outcomes that nobody has acknowledged. */
  get unfinished(): number {
    const stats = this.life === null ? undefined : this.#instance?.stats();
    return (stats?.running ?? 0) + (stats?.spooled ?? 0);
  }

  /** `power goes`: what was not fsynced is gone. */
  kill(how: 'power goes' | 'power stays'): void {
    if (this.#life?.alive !== true) return;
    this.#world.say(`${this.name} is killed`);
    this.#life.die();
    this.#world.dead.add(this.#pid);
    if (how === 'power goes') this.#files.crash();
  }

  /** Its network is down for a while; what it runs goes on. */
  cutOff(ms: number): void {
    this.#world.say(`${this.name} is cut off for ${ms} ms`);
    this.#away_until = this.#world.clock.monotonic() + ms;
    this.life?.cutOff();
  }

  /** Ends in an orderly way. */
  drain(): void {
    this.#world.say(`${this.name} drains`);
    void this.#instance?.drain(2_000 + this.#random.below(4_000));
  }

  #crashpoint(name: CrashPointName, life: Life): void {
    if (this.dies_at !== name || !life.alive) return;
    this.dies_at = null;
    this.#world.hit(`killed at ${name}`);
    this.kill(this.#random.next() < 0.5 ? 'power goes' : 'power stays');
  }
}
