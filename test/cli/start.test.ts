import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { setup } from './cli-setup.ts';

interface Loaded {
  readonly code: number;
  readonly stderr: string;
  readonly loaded: readonly string[];
  readonly builtin: readonly string[];
}

async function loadedByLs(): Promise<Loaded> {
  await using cli = await setup();
  cli.fake.has({ name: 'a' });
  const program = fileURLToPath(new URL('./loads.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, cli.fake.server.url], {
    maxBuffer: 1 << 24,
  });
  return JSON.parse(stdout) as Loaded;
}

test('a light command loads no schema library, no tables, no bar, no TLS and no second HTTP client', async () => {
  const { code, stderr, loaded, builtin } = await loadedByLs();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const packages = loaded.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  expect([...new Set(packages)].toSorted()).toEqual(['commander', 'picocolors']);
  expect(loaded.filter((url) => url.includes('/src/cli/commands/')).map((url) => path.basename(url))).toEqual(
    ['ls.ts'],
  );
  expect(builtin.filter((name) => /undici|NativeModule (https|tls)$/.test(name))).toEqual([]);
});
