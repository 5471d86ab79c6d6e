import { setTimeout as sleep } from 'node:timers/promises';

/** The longer it takes, the more rarely it is looked: what is waited for has the processor then, and a twentieth is not missed. */
const LOOK_MIN_MS = 10;
const LOOK_MAX_MS = 50;
const LOOK_SHARE = 0.05;

/** A server takes a second of a core to start: a tenth of a busy machine is enough for several at once. */
const PATIENCE_MS = 60_000;

/** Looks until it is so; what waits for another process, a socket or a disk has no event of it to wait for. */
export async function until(
  what: string,
  wanted: () => Promise<boolean> | boolean,
  patience_ms = PATIENCE_MS,
): Promise<void> {
  const began = performance.now();
  while (!(await wanted())) {
    const waited_ms = performance.now() - began;
    if (waited_ms > patience_ms) throw new Error(`waited ${patience_ms} ms for ${what}`);
    await sleep(Math.min(Math.max(LOOK_SHARE * waited_ms, LOOK_MIN_MS), LOOK_MAX_MS));
  }
}
