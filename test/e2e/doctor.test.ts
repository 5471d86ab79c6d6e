/** `promptd doctor` on a workspace that is well, and on one where much is not. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Finding } from '../../src/core/examination.ts';
import { type Machine, setup } from './machine.ts';
import { onSmallDisk } from './small-disk.ts';
import { until } from '../support/until.ts';

async function doctor(machine: Machine): Promise<{ code: number; findings: Finding[] }> {
  const { code, stdout } = await machine.promptd('doctor', '--json');
  const findings = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Finding);
  return { code, findings };
}

function about(findings: readonly Finding[], what: string, verdict: Finding['verdict']): string[] {
  return findings
    .filter((one) => one.what === what && one.verdict === verdict)
    .map((one) => `${one.message} → ${one.advice ?? ''}`);
}

it('R26: finds nothing wrong with a machine on which a server runs, and leaves nothing behind', async () => {
  const machine = await setup({ config: { disk_free_min_bytes: 0 } });
  await machine.serve();
  const before = await machine.files('jobs');
  const { code, findings } = await doctor(machine);
  expect({ code, wrong: findings.filter(({ verdict }) => verdict === 'wrong') }).toEqual({
    code: 0,
    wrong: [],
  });
  const points = [
    'node',
    'sqlite',
    'configuration',
    'one disk',
    'hard links and fsync',
    'permissions',
    'clock',
    'socket',
  ];
  for (const what of [...points, 'processes', 'endpoint ollama'])
    expect(about(findings, what, 'ok')).not.toEqual([]);
  expect(about(findings, 'processes', 'ok')[0]).toContain('1 local instance');
  expect(await machine.files('jobs')).toEqual(before);
  const text = await machine.promptd('doctor');
  expect(text.stdout).toMatch(/^ok {7}node: 2\d/);
});

it('R26: says of each thing that is not well what to do, and ends with 1', async () => {
  const machine = await setup({
    config: {
      endpoints: {
        hosted: { kind: 'openai', api_key_env: 'NO_SUCH_KEY' },
        filed: { kind: 'anthropic', api_key_file: 'open.key' },
        shell: { kind: 'command' },
        snake: { kind: 'ai-package', module: 'gone.py' },
        python: { kind: 'ai-package', module: 'there.py' },
      },
      default_endpoint: 'hosted',
      disk_free_min_bytes: Number.MAX_SAFE_INTEGER,
    },
    env: { PATH: '/nowhere' },
  });
  await writeFile(machine.path('open.key'), 'secret-of-the-test', { mode: 0o644 });
  await writeFile(machine.path('there.py'), '');
  for (const folder of ['.promptd', 'results']) await mkdir(machine.path(folder));
  await chmod(machine.path('.promptd'), 0o755);
  await writeFile(machine.path('.promptd/admin.key'), 'secret-of-the-test', { mode: 0o640 });
  await writeFile(machine.path('results/4102444800000_later.json'), '{"job": "later.json", "result": ""}');
  const { code, findings } = await doctor(machine);
  expect(code).toBe(1);
  expect(about(findings, 'endpoint hosted', 'warning')[0]).toContain(
    'no key in the environment variable NO_SUCH_KEY',
  );
  expect(about(findings, 'endpoint filed', 'wrong')[0]).toContain('chmod 600');
  expect(about(findings, 'endpoint shell', 'warning')[0]).toContain('"allow_exec": true');
  expect(about(findings, 'endpoint snake', 'wrong')[0]).toContain('gone.py cannot be read');
  expect(about(findings, 'endpoint python', 'wrong')[0]).toContain('needs python3');
  expect(about(findings, 'clock', 'warning')[0]).toContain('2100-01-01T00:00:00.000Z');
  expect(about(findings, 'space', 'wrong')).toHaveLength(1);
  expect(about(findings, 'permissions', 'wrong')).toHaveLength(2);
  expect(JSON.stringify(findings)).not.toContain('secret-of-the-test');
});

it('R26: tells of an instance without a server, and of programs without an instance', async () => {
  const machine = await setup();
  const serving = await machine.serve();
  await serving.kill();
  expect(about((await doctor(machine)).findings, 'processes', 'warning')[0]).toContain(
    'an instance without a server',
  );
  await machine.endOrphans();
  const left = spawn('sleep', ['60'], {
    env: { ...process.env, PROMPTD_CHILD: 'of-the-test', PROMPTD_WORKSPACE: machine.root },
  });
  machine.onFinished(() => void left.kill('SIGKILL'));
  await until('the program to run', () => left.pid !== undefined);
  const { code, findings } = await doctor(machine);
  expect(about(findings, 'processes', 'wrong')[0]).toContain(`kill -9 ${left.pid ?? 0}`);
  expect(code).toBe(1);
});

it('R26: says of a disk without room that it has none, and not that it is of the wrong kind', async (ctx) => {
  const machine = await setup();
  const disk = await onSmallDisk(ctx, machine, 2 * 1024 ** 2);
  await mkdir(machine.path('results'));
  await disk.fill();
  const [full] = about((await doctor(machine)).findings, 'hard links and fsync', 'wrong');
  expect(full).toContain('ENOSPC');
  expect(full).toContain('Free some disk space');
  expect(full).not.toContain('ext4');
});

it('R26: names the fault of a configuration, and looks at everything else all the same', async () => {
  const machine = await setup();
  await writeFile(machine.path('promptd.config.json'), '{"slot": 3}');
  const { code, findings } = await doctor(machine);
  expect(code).toBe(1);
  expect(about(findings, 'configuration', 'wrong')[0]).toContain('promptd.config.json:1:2');
  expect(about(findings, 'hard links and fsync', 'ok')).toHaveLength(1);
});
