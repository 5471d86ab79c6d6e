/**
 * R6, R20: the server of a workspace runs in a container, i.e. under pids of its own, and commands outside of it find the pid that
 * it has written under the same number as somebody else.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { processGone } from '../../src/app/process-gone.ts';
import { readServerFile } from '../../src/app/server-info.ts';
import { until } from '../support/until.ts';
import { BIN, type Machine, setup } from './machine.ts';

const CONTAINER = ['--pid', '--fork', '--kill-child', '--mount-proc'];

/** Starts a background server under pids of its own, where it has the pid that is somebody else's outside. */
async function serveInContainer(machine: Machine, pid: number): Promise<void> {
  const script = 'echo "$1" > /proc/sys/kernel/ns_last_pid; shift; "$@" & wait $!';
  const command = [process.execPath, BIN, 'serve', '--detached', '--workspace', machine.root];
  const container = spawn('unshare', [...CONTAINER, 'sh', '-c', script, 'sh', String(pid - 1), ...command], {
    stdio: 'ignore',
  });
  machine.onFinished(async () => {
    const exited = once(container, 'exit');
    if (container.kill('SIGKILL')) await exited;
  });
  const answers = async (): Promise<boolean> =>
    machine
      .client()
      .instances()
      .then(
        (instances) => instances.length > 0,
        () => false,
      );
  await until('the server to answer', answers);
  expect((await readServerFile(machine.path('.promptd', 'server.json')))?.pid).toBe(pid);
}

it('R20: its pid is nobody to signal: it goes on after its settings were changed, and a serve outside of it says where it is', async (ctx) => {
  if (spawnSync('unshare', [...CONTAINER, 'true']).status !== 0)
    ctx.skip('needs the right to make a namespace of pids');
  const machine = await setup();
  const bystander = spawn('sleep', ['1000']);
  machine.onFinished(() => void bystander.kill('SIGKILL'));
  const pid = bystander.pid ?? 0;
  await serveInContainer(machine, pid);

  await appendFile(machine.path('promptd.config.json'), '\n');
  const run = await machine.promptd('run', '-m', 'simulator:any', '-p', 'Who is there?');
  expect(run.code).toBe(0);
  expect(run.stderr).toContain(
    'promptd.config.json was changed since the background server started; that goes on',
  );

  const serve = await machine.promptd('serve');
  expect(serve.code).toBe(6);
  expect(serve.stderr).toContain(
    `Another promptd serves this workspace (pid ${pid} of another container, http://127.0.0.1:`,
  );
  expect((await machine.promptd('status')).code).toBe(0);
  expect(processGone(pid)).toBe(false);
});
