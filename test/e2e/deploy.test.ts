/** What the files in deploy/ start, started without systemd and without containers. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { symlink } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readDoc } from '../docs/tables.ts';
import { until } from '../support/until.ts';
import { BIN, type Machine, setup } from './machine.ts';

/** Runs the program under the name that it has in the image, in the given environment. */
function runAs(machine: Machine, words: readonly string[]): Promise<number> {
  const env = {
    PATH: `${machine.path('bin')}:${process.env['PATH'] ?? ''}`,
    PROMPTD_WORKSPACE: machine.root,
  };
  return new Promise((resolve) => {
    execFile(machine.path('promptd'), words.slice(1), { cwd: '/', env }, (error) =>
      resolve(error === null ? 0 : Number(error.code)),
    );
  });
}

it('serve as the unit starts it is healthy by the look of the container file, until it is stopped', async () => {
  const machine = await setup();
  await symlink(BIN, machine.path('promptd'));
  const [, line = ''] = /^ExecStart=promptd (.*)$/m.exec(readDoc('deploy/promptd@.service')) ?? [];
  const [, health = '[]'] = /CMD (\["promptd", "status".*)$/m.exec(readDoc('deploy/Containerfile')) ?? [];
  const look = JSON.parse(health) as string[];
  expect(await runAs(machine, look)).toBe(5);
  const args = line.replaceAll(/%S\/promptd\/%i/g, machine.root).split(' ');
  const child = machine.spawn(args, {}, { cwd: '/' });
  await until('it to be healthy', async () => (await runAs(machine, look)) === 0);
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect(await runAs(machine, look)).toBe(5);
});
