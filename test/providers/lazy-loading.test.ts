import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

// The packages that a process has loaded after a call, as a program of its own: this one has loaded them all.
const PROGRAM = `
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      const name = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
      if (name !== undefined) packages.add(name);
      return next(url, context);
    },
  });
  const { createProviders } = await import(process.argv[1]);
  const clock = { now: () => 0, monotonic: () => 0 };
  const simulator = createProviders({ clock, timers: {} }).get('simulator');
  const endpoint = { settings: { tokens_per_second: 0 } };
  const call = { endpoint, base_url: '', api_key: null, model: 'm', messages: [], parameters: {}, extra: {}, drawer: {}, result_bytes_max: 1e6 };
  await simulator.call(call, { text() {}, phase() {}, log() {} }, new AbortController().signal);
  console.log(JSON.stringify([...packages]));
`;

it('loads no library of a platform before it is asked', () => {
  const file = new URL('../../src/providers/providers.ts', import.meta.url).href;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM, file], {
    encoding: 'utf8',
  });
  expect(JSON.parse(stdout)).toEqual([]);
});
