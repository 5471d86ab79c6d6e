/**
 * Preloaded into a process of a test (`NODE_OPTIONS=--import=…`): at SIGUSR2 its loop stands still, as in a long synchronous
 * computation, until the file PROMPTD_TEST_BLOCK_UNTIL is there. Its other threads and its sockets go on, which is what
 * tells it from SIGSTOP.
 */
import { existsSync } from 'node:fs';

const file = process.env['PROMPTD_TEST_BLOCK_UNTIL'] ?? '';
const LOOK_MS = 20;

process.on('SIGUSR2', () => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(cell, 0, 0, LOOK_MS);
});
