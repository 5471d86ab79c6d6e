import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { childEnvironment } from '../../src/app/child-environment.ts';
import { userPrograms } from '../../src/app/user-programs.ts';
import { watched } from '../executor/attempts.ts';
import { environmentOf } from '../executor/child-processes.ts';

const CANARY = 'sk-canary-0123456789abcdef';

afterEach(() => void vi.unstubAllEnvs());

it('R3: of the environment, programs get what any program needs, and what the configuration names', () => {
  const env = {
    ...{
      PATH: '/bin',
      HOME: '/home/x',
      USER: 'x',
      LANG: 'C',
      TZ: 'UTC',
      TMPDIR: '/tmp',
      LC_ALL: 'C',
      LC_TIME: 'C',
    },
    ...{
      OPENAI_API_KEY: CANARY,
      PROMPTD_KEY: CANARY,
      LD_PRELOAD: 'x',
      NODE_OPTIONS: 'x',
      PATHX: 'x',
      LC: 'x',
    },
    ...{ DATABASE_URL: 'd', DATABASE_KEY: CANARY, EMPTY: undefined },
  };
  expect(childEnvironment(env, ['DATABASE_URL', 'EMPTY', 'NOT_SET'])).toEqual({
    ...{
      PATH: '/bin',
      HOME: '/home/x',
      USER: 'x',
      LANG: 'C',
      TZ: 'UTC',
      TMPDIR: '/tmp',
      LC_ALL: 'C',
      LC_TIME: 'C',
    },
    DATABASE_URL: 'd',
  });
});

it('R3: programs are told where the workspace is, whatever the caller had set, and nothing where there is none', () => {
  const env = { PROMPTD_WORKSPACE: '/another' };
  expect(childEnvironment(env, [], '/home/x/reviews')).toEqual({ PROMPTD_WORKSPACE: '/home/x/reviews' });
  expect(childEnvironment(env, ['PROMPTD_WORKSPACE'], '.')).toEqual({ PROMPTD_WORKSPACE: process.cwd() });
  expect(childEnvironment(env, [], null)).toEqual({});
});

it('G21: a secret in the environment of the instance reaches neither a program nor its guard', async () => {
  vi.stubEnv('OPENAI_API_KEY', CANARY);
  vi.stubEnv('DATABASE_URL', 'somewhere');
  const root = mkdtempSync(path.join(tmpdir(), 'promptd-programs-'));
  const { programs, children } = userPrograms({ env: process.env, root, pass_env: ['DATABASE_URL'] });
  let guard = '';
  const run = async (...argv: [string, ...string[]]): Promise<string> => {
    const limits = { cwd: null, stdin: new Uint8Array(), time_limit_ms: 60_000, output_bytes_max: 1_000_000 };
    const watch = { observer: watched().observer, signal: new AbortController().signal };
    const { stdout } = await programs.run({ name: argv[0], argv, ...limits }, watch);
    return Buffer.from(stdout).toString();
  };
  try {
    guard = environmentOf((await run('sh', '-c', 'echo $PPID')).trim());
    const lines = (await run('env', '-0')).split('\0').filter((line) => line !== '');
    const names = lines.map((line) => line.slice(0, line.indexOf('=')));
    const needed = ['HOME', 'LANG', 'PATH', 'TMPDIR', 'TZ', 'USER'].filter(
      (name) => process.env[name] !== undefined,
    );
    const local = Object.keys(process.env).filter((name) => name.startsWith('LC_'));
    const told = ['DATABASE_URL', 'PROMPTD_CHILD', 'PROMPTD_WORKSPACE'];
    expect(new Set(names)).toEqual(new Set([...needed, ...local, ...told]));
    expect(lines).toContain(`PROMPTD_WORKSPACE=${root}`);
    expect(lines.join('\n')).not.toContain(CANARY);
    expect(guard).toContain('PATH=');
    expect(guard).not.toContain(CANARY);
  } finally {
    await children.close();
    rmSync(root, { recursive: true });
  }
});
