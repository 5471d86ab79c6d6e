import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 10;

/** Looks until it is so; what waits for another process, a socket or a disk has no event of it to wait for. */
export async function until(
  what: string,
  wanted: () => Promise<boolean> | boolean,
  patience_ms = 30_000,
): Promise<void> {
  const began = performance.now();
  while (!(await wanted())) {
    if (performance.now() - began > patience_ms) throw new Error(`waited ${patience_ms} ms for ${what}`);
    await sleep(LOOK_MS);
  }
}
