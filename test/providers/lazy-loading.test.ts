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
  const kind = process.argv[2];
  const provider = createProviders({ clock, timers: {} }).get(kind);
  const endpoint = { name: kind, kind, settings: { tokens_per_second: 0 } };
  const call = { endpoint, base_url: 'http://127.0.0.1:1', api_key: null, model: 'm', messages: [], parameters: {}, extra: {}, drawer: {}, result_bytes_max: 1e6 };
  await provider.call(call, { text() {}, phase() {}, log() {} }, new AbortController().signal).catch(() => {});
  console.log(JSON.stringify([...packages]));
`;

function packagesAfterCall(kind: string): string[] {
  const file = new URL('../../src/providers/providers.ts', import.meta.url).href;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM, file, kind], {
    encoding: 'utf8',
  });
  return JSON.parse(stdout) as string[];
}

it('loads no library of a platform before it is asked', () => {
  expect(packagesAfterCall('simulator')).toEqual([]);
});

it.each(['openai-compatible', 'openai', 'anthropic', 'google', 'mistral'])(
  'loads for %s its own package and no other platform’s',
  (kind) => {
    const platforms = packagesAfterCall(kind).filter(
      (name) => name === 'ollama' || /^@ai-sdk\/(?!provider)/.test(name),
    );
    expect(platforms).toEqual([`@ai-sdk/${kind}`]);
  },
);
