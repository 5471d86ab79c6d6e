/**
 * The processes of a chaos run: `serve`, its local child, and the instances behind their proxies. Each is running, frozen
 * (SIGSTOP) or dead (SIGKILL). One that ends though nobody ended it is noted, and started again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processGone } from '../../src/app/process-gone.ts';
import type { Client } from '../../src/client/client.ts';
import type { Address, FaultProxy } from './fault-proxy.ts';
import { REMOTES, type Remote, type Victim } from './plan.ts';

export const BIN = fileURLToPath(new URL('../../bin/promptd.js', import.meta.url));

export interface FleetOptions {
  readonly workspace: string;
  /** Where the processes' own words go, a file each. */
  readonly logs: string;
  readonly proxies: Readonly<Record<Remote, FaultProxy>>;
  readonly client: Client;
  readonly slots: number;
}

export class Fleet {
  readonly #options: FleetOptions;
  readonly #children = new Map<Victim, ChildProcess>();
  readonly #frozen = new Map<number, Victim>();
  /** Those that we end ourselves. */
  readonly #doomed = new WeakSet<ChildProcess>();
  readonly strange_ends: string[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Everybody runs, and is connected. */
  async start(): Promise<void> {
    this.#start('serve');
    await this.#until('serve to answer', async () => (await this.#options.client.healthz()).ok);
    for (const name of REMOTES) this.#start(name);
    await this.connected();
  }

  /** Resolves when the local instance and both others are connected. */
  async connected(): Promise<void> {
    await this.#until('three instances', async () => {
      const all = await this.#options.client.instances({ signal: AbortSignal.timeout(5_000) });
      return all.filter((one) => one.state === 'connected').length === 1 + REMOTES.length;
    });
  }

  /** False where it is dead already. */
  async kill(who: Victim): Promise<boolean> {
    const pids = await this.#pids(who);
    const child = this.#children.get(who);
    if (child !== undefined) this.#doomed.add(child);
    for (const pid of pids) signalTo(pid, 'SIGKILL');
    for (const pid of pids) {
      this.#frozen.delete(pid);
      await this.#until(`${who} to be gone`, () => processGone(pid));
    }
    if (this.#children.get(who) === child) this.#children.delete(who);
    return pids.length > 0;
  }

  /** False where it is dead or frozen already. The local instance is started by `serve`, and by nobody else. */
  async freeze(who: Victim): Promise<boolean> {
    const pids = (await this.#pids(who)).filter((pid) => !this.#frozen.has(pid));
    for (const pid of pids) {
      signalTo(pid, 'SIGSTOP');
      this.#frozen.set(pid, who);
    }
    return pids.length > 0;
  }

  thaw(who: Victim): void {
    for (const [pid, frozen] of this.#frozen) {
      if (frozen !== who) continue;
      signalTo(pid, 'SIGCONT');
      this.#frozen.delete(pid);
    }
  }

  /** Starts it, where it is dead. */
  revive(who: Victim): void {
    if (who !== 'local' && !this.#children.has(who)) this.#start(who);
  }

  heal(): void {
    for (const who of ['serve', 'local', ...REMOTES] as const) {
      this.thaw(who);
      this.revive(who);
    }
  }

  /** Everybody ends politely; who does not, or says so with another code than 0, is noted. */
  async stop(): Promise<void> {
    for (const who of [...REMOTES, 'serve'] as const) {
      const child = this.#children.get(who);
      if (child === undefined) continue;
      this.#doomed.add(child);
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const late = sleep(60_000, 'late', { ref: false });
      if ((await Promise.race([exited, late])) === 'late')
        this.strange_ends.push(`${who} did not end within a minute`);
      else if (child.exitCode !== 0)
        this.strange_ends.push(`${who} ended with ${child.exitCode ?? child.signalCode} when asked to end`);
    }
    // One that an earlier, killed serve had started is nobody's child: it would end by itself after a while.
    for (const pid of await this.#pids('local')) {
      signalTo(pid, 'SIGTERM');
      await this.#until('the local instance to end', () => processGone(pid));
    }
  }

  /** Leaves nobody. */
  async end(): Promise<void> {
    for (const who of ['serve', ...REMOTES, 'local'] as const) await this.kill(who);
  }

  /** Where `serve` takes instances now; rejects where nobody serves. */
  async address(): Promise<Address> {
    const text = await readFile(join(this.#options.workspace, '.promptd', 'server.json'), 'utf8');
    return (JSON.parse(text) as { readonly instances: Address }).instances;
  }

  #start(who: Exclude<Victim, 'local'>): void {
    const { workspace, logs, proxies, slots } = this.#options;
    const args =
      who === 'serve'
        ? ['serve']
        : [
            'instance',
            '--connect',
            `127.0.0.1:${proxies[who].address.port}`,
            '--name',
            who,
            '--slots',
            `${slots}`,
          ];
    const log = openSync(join(logs, `${who}.log`), 'a');
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: workspace,
      stdio: ['ignore', log, log],
      // Ctrl-C at the terminal is for us, who then end them.
      detached: true,
    });
    closeSync(log);
    this.#children.set(who, child);
    child.once('exit', (code, signal) => {
      if (this.#children.get(who) === child) this.#children.delete(who);
      if (this.#doomed.has(child)) return;
      this.strange_ends.push(`${who} ended by itself (${code ?? signal}); see ${who}.log`);
      this.#start(who);
    });
  }

  async #pids(who: Victim): Promise<readonly number[]> {
    if (who === 'local') return localInstances(this.#options.workspace);
    const child = this.#children.get(who);
    return child?.pid === undefined || child.exitCode !== null || child.signalCode !== null
      ? []
      : [child.pid];
  }

  async #until(what: string, wanted: () => Promise<boolean> | boolean): Promise<void> {
    const began = performance.now();
    while (!(await Promise.resolve(wanted()).catch(() => false))) {
      if (performance.now() - began > 60_000) throw new Error(`waited a minute for ${what}`);
      await sleep(20);
    }
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between being found and being told.
  }
}

/** Living local instances of a workspace, found by what they were started with: a killed `serve` leaves its own behind. */
async function localInstances(workspace: string): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const ours = command.includes('local-instance-child') && command.split('\0').includes(workspace);
    if (ours && !processGone(Number(entry))) pids.push(Number(entry));
  }
  return pids;
}
