/**
 * Preloaded into a process of a test (`NODE_OPTIONS=--import=…`): at SIGUSR2 something throws that nobody catches, as
 * PROMPTD_TEST_THROW says: an `exception`, or a promise that is rejected (`rejection`).
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('SIGUSR2', () => {
    const error = new Error('a bug of promptd');
    if (process.env['PROMPTD_TEST_THROW'] === 'rejection') void Promise.reject(error);
    else throw error;
  });
}
