/** `npm run demo`, as its script does it, in a copy of what it needs. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Finished, type Machine, setup } from './machine.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const NO_OLLAMA = '127.0.0.1:9';

// Each run of it starts and stops a server.
describe('npm run demo', { timeout: 120_000 }, () => {
  it('R9: leaves one answer for each of fourteen jobs, with both ports taken, and no server', async () => {
    await takePorts(7433, 7434);
    const checkout = await copyOfCheckout(await setup());
    const { code, stderr, stdout } = await demo(checkout, NO_OLLAMA);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('They ask simulator:demo.');
    expect(stderr).toContain(`No Ollama answers at http://${NO_OLLAMA}.`);
    expect(stdout).toContain('In short:');
    const files = await readdir(path.join(checkout, 'demo/results'));
    expect(files).toHaveLength(14);
    for (const file of files) {
      const { job, result } = JSON.parse(await readFile(path.join(checkout, 'demo/results', file), 'utf8'));
      expect([job, typeof result]).toEqual([expect.stringMatching(/\.jsonl?(#.+)?$/), 'string']);
    }
    expect(await stat(path.join(checkout, 'demo/.promptd/server.json')).catch(() => null)).toBeNull();
  });

  it('R6: asks the model of an Ollama that answers, once for each work, and nothing the second time', async () => {
    const machine = await setup();
    const checkout = await copyOfCheckout(machine);
    const first = await demo(checkout, machine.model.url);
    expect(first.code, first.stderr).toBe(0);
    const [, model] = /They ask (ollama:\S+)\./.exec(first.stderr) ?? [];
    expect(model).toBeDefined();
    // Two of the fourteen are the same work.
    expect(machine.model.stats().total).toBe(13);
    const files = await readdir(path.join(checkout, 'demo/results'));
    const edited = await readFile(path.join(checkout, 'demo/jobs/haiku.json'), 'utf8');
    expect(edited).toContain(`"${model}"`);
    const again = await demo(checkout, machine.model.url);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr + again.stdout).toContain('14 of 14 answered before; nothing was asked.');
    expect(machine.model.stats().total).toBe(13);
    expect(await readdir(path.join(checkout, 'demo/results'))).toEqual(files);
  });

  it('fails where a job fails, and says why', async () => {
    const machine = await setup();
    const checkout = await copyOfCheckout(machine);
    machine.model.script('capital of Kenya', { status: 400 });
    const failed = await demo(checkout, machine.model.url);
    expect(failed.code, failed.stderr).toBe(10);
    expect(failed.stderr).toContain('Not everything is answered (exit code 10).');
    expect(failed.stdout).toContain('BadRequest');
    // The reason is mended: what failed stays as it is until a person says so, and nothing else is asked.
    const asked = machine.model.stats().total;
    expect((await demo(checkout, machine.model.url)).code).toBe(10);
    expect(machine.model.stats().total).toBe(asked);
  });
});

async function copyOfCheckout(machine: Machine): Promise<string> {
  const to = machine.path('checkout');
  for (const folder of ['bin', 'examples', 'scripts', 'src'])
    await cp(path.join(ROOT, folder), path.join(to, folder), {
      recursive: true,
      filter: (file) => !file.includes('.promptd'),
    });
  await cp(path.join(ROOT, 'package.json'), path.join(to, 'package.json'));
  await symlink(path.join(ROOT, 'node_modules'), path.join(to, 'node_modules'));
  // A workspace further up is not the demo's.
  await mkdir(path.join(to, 'demo'));
  return to;
}

function demo(checkout: string, ollama: string): Promise<Finished> {
  const env = { ...process.env, OLLAMA_HOST: ollama, NO_COLOR: '1' };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['scripts/demo.mjs'],
      { cwd: checkout, env },
      (error, stdout, stderr) => {
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
          stdout,
          stderr,
        });
      },
    );
    onTestFinished(() => void child.kill('SIGTERM'));
  });
}

/** Listens there as another program would; where somebody does already, it is taken as well. */
async function takePorts(...ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1');
    await Promise.race([once(server, 'listening'), once(server, 'error')]).catch(() => undefined);
    onTestFinished(() => void server.close());
  }
}
