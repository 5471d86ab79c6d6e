/** The publisher with a database of answered jobs before it, beside a bare loop of the same system calls on the same disk. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PublicationRow } from '../src/core/rows.ts';
import { systemClock } from '../src/platform/clock.ts';
import { systemFiles } from '../src/platform/files.ts';
import { systemRandom } from '../src/platform/random.ts';
import { systemTimers } from '../src/platform/timers.ts';
import { openReadStore } from '../src/stores/sqlite/read-store.ts';
import { openStore } from '../src/stores/sqlite/store.ts';
import { layoutOf } from '../src/workspace/layout.ts';
import { createPublisher } from '../src/workspace/publisher.ts';
import { makeFolder } from './folder-files.ts';
import { bareLoop } from './bare-loop.ts';
import { before, job, steps } from './store-jobs.ts';

const JOBS = 2_000;
const LOT = 1_000;
const IN_FLIGHT = [1, 16, 64];
/** The disk is not always as quick as at other times. */
const ROUNDS = 3;

/** As many as a server has, for files under way; read when the first one is started, so in a process of its own. */
const THREADS = '16';

export async function publisher({ folder }: { readonly folder: string }): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), folder], {
    env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the publisher's process ended with ${code}`);
}

async function measure(folder: string): Promise<void> {
  const bare = new Map(IN_FLIGHT.map((lanes) => [lanes, 0]));
  let ours = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const lanes of IN_FLIGHT) {
      const rate = await bareLoop(join(folder, `promptd-bench-bare-${process.pid}`), JOBS * 2, lanes);
      bare.set(lanes, Math.max(bare.get(lanes) ?? 0, rate));
    }
    ours = Math.max(ours, await published(folder));
  }
  for (const [lanes, rate] of bare)
    console.log(`publisher: bare loop, ${lanes} in flight: ${Math.round(rate)} files/s`);
  const share = ours / Math.max(...bare.values());
  console.log(
    `publisher: ours: ${Math.round(ours)} files/s, ${share.toFixed(2)} of the best bare loop; the best of ${ROUNDS} rounds each`,
  );
}

/** Files a second, a job's and a result's for each. */
async function published(folder: string): Promise<number> {
  const root = await mkdtemp(join(folder, 'promptd-bench-'));
  const layout = layoutOf(root);
  makeFolder(root);
  await systemFiles.makeDirectory(layout.state);
  const store = openStore({ path: layout.database, clock: systemClock, random: systemRandom });
  await store.commit(before);
  for (let first = 1; first <= JOBS; first += LOT) {
    const jobs = Array.from({ length: LOT }, (_, n) => job(first + n));
    for (const step of steps.slice(0, 3)) await store.commit(jobs.flatMap(step));
  }
  await store.tidy();
  const reads = openReadStore({ path: layout.database });
  const fatal = Promise.withResolvers<never>();
  const one = createPublisher({
    reads,
    files: systemFiles,
    layout,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    async onPublished(rows: readonly PublicationRow[]) {
      await store.commit(rows.map((publication) => ({ do: 'drop_publication', publication })));
    },
    onFatal: fatal.reject,
  });
  const began = performance.now();
  one.poke();
  await Promise.race([one.idle(), fatal.promise]);
  const took = performance.now() - began;
  const { published: files } = one.stats();
  await one.stop();
  reads.close();
  await store.close();
  await rm(root, { recursive: true });
  return (files / took) * 1_000;
}

if (import.meta.main) await measure(process.argv[2] ?? tmpdir());
