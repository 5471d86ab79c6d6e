/**
 * The system calls of publishing and nothing else: a temporary file of mode 0444 is written and fsynced, linked to its name,
 * and removed; one fsync of the folder a batch. Lanes are threads that call the system without ado, so nothing is faster.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const BATCH = 256;
const TEXT = Buffer.alloc(1_500, 'x');

/** Files a second. */
export async function bareLoop(folder: string, files: number, lanes: number): Promise<number> {
  for (const name of ['tmp', 'results']) mkdirSync(join(folder, name), { recursive: true });
  const workers = Array.from(
    { length: lanes },
    () => new Worker(new URL(import.meta.url), { workerData: folder }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  const began = performance.now();
  for (let from = 0; from < files; from += BATCH) {
    const to = Math.min(files, from + BATCH);
    await Promise.all(
      workers.map((worker, lane) => {
        worker.postMessage({ from: from + lane, to, step: lanes });
        return once(worker, 'message');
      }),
    );
    syncFolder(join(folder, 'results'));
  }
  const took = performance.now() - began;
  await Promise.all(workers.map((worker) => worker.terminate()));
  rmSync(folder, { recursive: true });
  return (files / took) * 1_000;
}

function place(folder: string, name: string): void {
  const temporary = join(folder, 'tmp', name);
  const file = openSync(temporary, 'wx', 0o444);
  writeSync(file, TEXT);
  fsyncSync(file);
  closeSync(file);
  linkSync(temporary, join(folder, 'results', name));
  unlinkSync(temporary);
}

function syncFolder(folder: string): void {
  const open = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  fsyncSync(open);
  closeSync(open);
}

if (!isMainThread && typeof workerData === 'string') {
  const folder = workerData;
  parentPort?.on(
    'message',
    ({ from, to, step }: { readonly from: number; readonly to: number; readonly step: number }) => {
      for (let i = from; i < to; i += step) place(folder, `${1_790_000_000_000 + i}_bench-${i}.json`);
      parentPort?.postMessage(null);
    },
  );
}
