/** A real `promptd serve` on a workspace. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, type Client } from '../src/client/client.ts';
import { systemTimers } from '../src/platform/timers.ts';

export interface Serve {
  readonly client: Client;
  readonly pid: number;
  /** Unix ms. */
  readonly spawned_at: number;
  stop(): Promise<void>;
}

/** `ready`: until its instance is connected, else until it answers. */
export async function startServe(root: string, until: 'ready' | 'answers' = 'ready'): Promise<Serve> {
  const spawned_at = Date.now();
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--workspace', root], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const client = connect({ socket: join(root, '.promptd', 'http.sock') }, systemTimers);
  for (let tries = 0; ; tries += 1) {
    const instances = await client.instances().catch(() => null);
    if (instances !== null && (until === 'answers' || instances.some(({ state }) => state === 'connected')))
      break;
    if (tries > 2_400 || child.exitCode !== null) throw new Error('serve did not start');
    await sleep(25);
  }
  return {
    client,
    pid: child.pid ?? 0,
    spawned_at,
    async stop() {
      client.close();
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

export const PROGRAM = fileURLToPath(new URL('../bin/promptd.js', import.meta.url));

/** One that has no delay of its own. */
export function simulatorConfig(slots: number): object {
  return {
    default_endpoint: 'simulator',
    endpoints: { simulator: { kind: 'simulator', tokens_per_second: 0, max_concurrent: slots } },
    http: { port: 0 },
    instances: { port: 0 },
    instance: { slots },
  };
}

export interface Part {
  readonly client: Client;
  readonly jobs: number;
}

export function perSecond(count: number, ms: number): string {
  return `${Math.round((count / ms) * 1000).toLocaleString('en')}/s`;
}

export function percentiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, max ${(sorted.at(-1) ?? 0).toFixed(1)} ms`;
}
