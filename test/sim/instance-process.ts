/** An instance of the simulation: the real one, with a disk of its own that outlives it. */
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import type { InstanceEvent } from '../../src/instance/events.ts';
import { createInstance, type Instance } from '../../src/instance/instance.ts';
import { PORT } from '../scheduler/terms.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { SimDisk } from './disk.ts';
import { attemptKey } from './lease-watch.ts';
import { Life } from './life.ts';
import { type Doom, type Fate, passPoint } from './doom.ts';
import type { Break } from './server-process.ts';
import { Desk, DeskProvider } from './packages.ts';
import { outcomesIn, watchSpool } from './spool-watch.ts';
import { tapped } from './wire-tap.ts';
import { ENDPOINTS, type World } from './world.ts';

const SPOOL = '/spool';
/** So little that a spool fills up while its instance is cut off. */
const SPOOL_BYTES_MAX = 6_000;

export interface InstanceWish {
  readonly name: string;
  readonly slots: number;
  readonly small_spool: boolean;
  /** Whether it has the workspace, and so may run scripts. */
  readonly workspace: boolean;
}

export class InstanceProcess {
  readonly name: string;
  readonly disk: SimDisk;
  readonly #world: World;
  readonly #wish: InstanceWish;
  readonly #broken: Break;
  readonly #random: SeededRandom;
  readonly #desk: Desk;
  readonly #deskChance: SeededRandom;
  #life: Life | null = null;
  #instance: Instance | null = null;
  #pid = 0;
  #away_until = 0;
  #rots_at: number | null = null;
  #rotten = false;
  doom: Doom | null = null;

  constructor(world: World, wish: InstanceWish, broken: Break) {
    this.name = wish.name;
    this.#world = world;
    this.#wish = wish;
    this.#broken = broken;
    this.#random = world.stream();
    this.disk = new SimDisk(world.stream());
    this.#deskChance = world.streamOf(`desk of ${wish.name}`);
    this.#desk = new Desk({
      random: this.#deskChance,
      now: () => world.clock.monotonic(),
      broken: (rule, message) => world.fault(rule, message),
      hit: (what) => world.hit(what),
      honest: () => world.models.honest,
    });
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
    const instance = this.#make(life);
    this.#instance = instance;
    void instance.ended.then((why) => this.#over(life, why));
    // A spool that cannot be opened, on a full disk: the process ends, and is started again.
    instance.start().catch(() => this.#over(life, 'no spool'));
  }

  #make(life: Life): Instance {
    const { name, small_spool, slots, workspace } = this.#wish;
    const world = this.#world;
    const desk = new DeskProvider(this.#desk, life, this.#deskChance);
    const mounted = watchSpool(this.disk.mount(life), (key) => this.#durable(key));
    return createInstance({
      name,
      slots,
      endpoints: ENDPOINTS.map((endpoint) => endpoint.name),
      needs: workspace ? ['', 'workspace'] : [''],
      token: async () => 'token',
      locate: async () => ({ host: 'memory', port: PORT }),
      transport: {
        listen: () => Promise.reject(new Error('an instance does not listen')),
        connect: async (to) => {
          if (world.clock.monotonic() < this.#away_until) throw new Error('the network is down');
          const connection = life.connection(await life.mortal(world.network).connect(to));
          return tapped(connection, { twice: () => world.duplicating });
        },
      },
      runner: world.models.runnerOf({ instance: name, workspace, desk }, life),
      spool_dir: SPOOL,
      files: this.#broken.instanceFiles?.(mounted) ?? mounted,
      clock: life,
      timers: life,
      random: this.#random,
      pid: this.#pid,
      version: '0.0.0',
      orphan_ttl_ms: null,
      crashpoint: (point) => this.#crashpoint(point, life),
      on: (event) => {
        if (life.alive) this.#heard(event);
      },
      ...(small_spool ? { limits: { spool_bytes_max: SPOOL_BYTES_MAX } } : {}),
    });
  }

  /** Whether it holds attempts or outcomes. */
  get unfinished(): number {
    const stats = this.#life?.alive === true ? this.#instance?.stats() : undefined;
    return stats === undefined ? 0 : stats.running + stats.spooled;
  }

  end(fate: Fate): void {
    const life = this.#life;
    if (life?.alive !== true) return;
    this.#world.say(`${this.name}: ${fate}`);
    if (fate === 'stopped') return life.freeze(500 + this.#random.below(40_000));
    life.die();
    this.#world.dead.add(this.#pid);
    if (fate === 'power lost') {
      this.disk.losePower();
      this.#afterPowerLoss();
    }
    return undefined;
  }

  /** Its network is down for a while; what it runs goes on. */
  cutOff(ms: number): void {
    this.#world.say(`${this.name} is cut off for ${ms} ms`);
    this.#away_until = this.#world.clock.monotonic() + ms;
    this.life?.cutOff();
  }

  /** Ends in an orderly way. */
  drain(deadline_ms: number): void {
    this.#world.say(`${this.name} drains`);
    void this.#instance?.drain(deadline_ms);
  }

  /** A bit of the next outcome turns once it is on disk, and it is read from there: the cable is out at that moment. */
  rot(at: number): void {
    this.#rots_at = at;
  }

  #durable(key: string): void {
    this.#world.spooled.add(key);
    const at = this.#rots_at;
    const path = this.disk.files.paths.findLast((one) => one.endsWith('.spool'));
    const bytes = path === undefined ? null : this.disk.files.peek(path);
    if (at === null || path === undefined || bytes === null) return;
    this.#rots_at = null;
    this.#rotten = true;
    this.#world.hit('an outcome rotted');
    this.#world.say(`a bit of ${this.name}${path} turns`);
    const before = outcomesIn(bytes);
    this.disk.files.damage(path, bytes.length - 1 - Math.floor(at * 100));
    const after = new Set(outcomesIn(this.disk.files.peek(path) ?? bytes));
    for (const one of before) if (!after.has(one)) this.#world.ruined.add(one);
    this.life?.cutOff();
  }

  #over(life: Life, why: string): void {
    // Another life may have begun since.
    if (this.#life !== life || !life.alive) return;
    this.#world.say(`${this.name} has ended: ${why}`);
    const expected = why === 'Drained' || this.disk.failed_fsync || this.disk.weather.kind === 'full';
    if (!expected) this.#world.fault('fatal', `${this.name} ended by itself: ${why}`);
    this.end('killed');
  }

  #heard(event: InstanceEvent): void {
    const world = this.#world;
    if (event.type === 'outcome_acknowledged') world.acknowledged.add(attemptKey(event.attempt));
    else if (event.type === 'spool_corrupt' && !this.#rotten && !this.disk.failed_fsync)
      world.fault('spool', `${this.name}: a spooled outcome is damaged, and nothing damaged it`);
    else if (event.type === 'attempt_aborted') {
      world.say(`${this.name} aborts ${attemptKey(event.attempt)}: ${event.reason}`);
      // What is interrupted already is given up without another word once its lease is over.
      const givenUp = event.reason === 'lease_lost' || event.reason === 'interrupted';
      if (givenUp) world.given_up.add(attemptKey(event.attempt));
    } else if (event.type === 'draining' || event.type === 'dispatch_refused') {
      world.hit(event.type === 'draining' ? `draining ${event.reason}` : event.type);
    }
  }

  /** Everything that was fsynced is still there. */
  #afterPowerLoss(): void {
    const { files } = this.disk;
    const left = new Set(
      files.paths.flatMap((path) =>
        /\.spool/.test(path) ? outcomesIn(files.peek(path) ?? new Uint8Array()) : [],
      ),
    );
    const { spooled, acknowledged, ruined } = this.#world;
    for (const key of spooled) {
      const asked = this.#world.models.ever.get(key) ?? [];
      const ours = asked.length > 0 && asked.every(({ instance }) => instance === this.name);
      if (ours && !left.has(key) && !acknowledged.has(key) && !ruined.has(key))
        this.#world.fault('spool', `${this.name} had the outcome of ${key} on its disk, and has lost it`);
    }
  }

  #crashpoint(name: CrashPointName, life: Life): void {
    passPoint(this, name, life, this.#world);
  }
}
