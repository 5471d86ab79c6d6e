/** Files that stand in jobs/ before the first start: until they are listed, accepted, answered and published; what they take. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskUse, type DiskUse, peakMebibytes } from './process-figures.ts';
import { makeFolder, writeJobs } from './folder-files.ts';
import { perSecond, startServe, type Serve } from './serve-process.ts';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

export async function firstIntake(root: string, files: number): Promise<void> {
  makeFolder(root);
  writeJobs(root, 0, files);
  const serve = await startServe(root, 'answers');
  try {
    await accepted(serve, files);
    await published(serve, files);
    console.log(`folders: peak memory of serve: ${peakMebibytes(serve.pid).toFixed(0)} MiB`);
  } finally {
    await serve.stop();
  }
  tellDisk(root, files);
}

async function accepted({ client, spawned_at }: Serve, files: number): Promise<void> {
  let listed_at = 0;
  let first_at = 0;
  for (;;) {
    const { states, folder } = await client.stats();
    const known = Object.values(states).reduce((sum, count) => sum + count, 0);
    if (first_at === 0 && known > 0) first_at = Date.now();
    if (listed_at === 0 && known + (folder?.waiting ?? 0) >= files) listed_at = Date.now();
    if (known >= files) break;
    await sleep(20);
  }
  const took = Date.now() - spawned_at;
  console.log(
    `folders: ${files} new files: listed ${seconds(listed_at - spawned_at)} after the start, the first accepted after ${seconds(first_at - spawned_at)}, the last after ${seconds(took)}: ${perSecond(files, took)}, answering beside it`,
  );
}

async function published({ client, spawned_at }: Serve, files: number): Promise<void> {
  for (;;) {
    const { states, unpublished } = await client.stats();
    if ((states.completed ?? 0) >= files && unpublished === 0) break;
    await sleep(100);
  }
  console.log(
    `folders: all answered, and every result file stands: ${seconds(Date.now() - spawned_at)} after the start`,
  );
}

function tellDisk(root: string, jobs: number): void {
  const state = join(root, '.promptd');
  const parts = {
    jobs: diskUse(join(root, 'jobs')),
    results: diskUse(join(root, 'results')),
    database: diskUse(join(state, 'queue.db'), join(state, 'queue.db-wal'), join(state, 'queue.db-shm')),
    logs: diskUse(join(state, 'logs')),
  };
  const tell = ([name, { bytes, inodes }]: [string, DiskUse]): string =>
    `${name} ${(bytes / 1024 ** 2).toFixed(0)} MiB in ${inodes} inodes`;
  console.log(`folders: disk use of ${jobs} jobs: ${Object.entries(parts).map(tell).join('; ')}`);
}
