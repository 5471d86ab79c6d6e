/** What users get: the packed package in an empty folder, and a clear sentence on a Node that is too old. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { BIN, endServerOf, type Finished } from './machine.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

function run(command: string, args: readonly string[], cwd: string): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

it(
  'R4 R20: the packed package, installed into an empty folder, runs there',
  { timeout: 240_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'promptd-pack-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const packed = await run('npm', ['pack', '--pack-destination', folder], CHECKOUT);
    expect(packed.code).toBe(0);
    const [file] = await readdir(folder);
    const installed = await run(
      'npm',
      ['install', '--no-audit', '--no-fund', '--prefix', folder, join(folder, file ?? '')],
      folder,
    );
    expect(installed.code).toBe(0);
    const bin = join(folder, 'node_modules', 'promptd', 'bin', 'promptd.js');
    expect((await run(process.execPath, [bin, '--version'], folder)).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    // What Python packages are run by is no TypeScript.
    expect(existsSync(join(bin, '..', '..', 'dist', 'packages', 'bridge.py'))).toBe(true);
    expect((await run(process.execPath, [bin, 'init', 'here'], folder)).code).toBe(0);
    const here = join(folder, 'here');
    onTestFinished(() => endServerOf(here));
    const ran = await run(process.execPath, [bin, 'run'], here);
    expect(ran.stdout).toContain('completed 1');
    expect(ran.code).toBe(0);
    expect(await readdir(join(here, 'results'))).toEqual([expect.stringMatching(/^\d+_hello\.json$/)]);
  },
);

it('says on an old Node in one sentence what to do', async (ctx) => {
  const old = '/usr/bin/node';
  const version = existsSync(old) ? (await run(old, ['--version'], CHECKOUT)).stdout : '';
  if (version === '' || Number(/^v(\d+)/.exec(version)?.[1]) >= 24) ctx.skip('no older Node on this machine');
  const said = await run(old, [BIN, 'ls'], CHECKOUT);
  expect(said.code).toBe(1);
  expect(said.stderr).toMatch(/^promptd needs Node 24\.\d+ or newer and this is Node [\d.]+: use .+\n$/);
});
