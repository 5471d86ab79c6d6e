/** R2, R23: where jobs with scripts run, and as of when their parts are: with real instances, near the workspace and far from it. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { hasEnded } from '../../src/core/states.ts';
import { until } from '../support/until.ts';
import { setup, type Machine } from './machine.ts';

const CONFIGURATION = { LLM_name: 'openai:test-model' };
const PIXEL = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

/** No instance of its own: tests start those that they want. */
async function workspace(files: Readonly<Record<string, string | Buffer>>): Promise<Machine> {
  const machine = await setup({ env: { PROMPTD_SLOTS: '0' } });
  const file = machine.path('promptd.config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { readonly endpoints: object };
  const endpoints = { ...config.endpoints, shell: { kind: 'command' } };
  await writeFile(file, JSON.stringify({ ...config, endpoints, instance: { allow_exec: true } }));
  for (const [name, content] of Object.entries(files)) await write(machine, name, content);
  return machine;
}

async function write(machine: Machine, name: string, content: string | Buffer): Promise<void> {
  await mkdir(path.dirname(machine.path(name)), { recursive: true });
  await writeFile(machine.path(name), content, { mode: 0o755 });
}

/** An instance with the same configuration in a folder of its own, that has nothing else of the workspace. */
async function farInstance(machine: Machine, client: Client): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'promptd-far-'));
  onTestFinished(async () => rm(home, { recursive: true, force: true }));
  await mkdir(path.join(home, 'promptd'));
  await writeFile(
    path.join(home, 'promptd', 'promptd.config.json'),
    await readFile(machine.path('promptd.config.json')),
  );
  const { instances } = JSON.parse(await readFile(machine.path('.promptd', 'server.json'), 'utf8')) as {
    readonly instances: { readonly port: number };
  };
  const token = (await readFile(machine.path('.promptd', 'instance.token'), 'utf8')).trim();
  const args = ['instance', '--connect', `127.0.0.1:${instances.port}`, '--name', 'far', '--slots', '4'];
  machine.spawn(args, { XDG_STATE_HOME: home, PROMPTD_INSTANCE_TOKEN: token }, { cwd: home });
  await until('the far instance to connect', async () =>
    (await client.instances()).some((one) => one.name === 'far' && one.state === 'connected'),
  );
}

async function ended(client: Client, name: string): Promise<Awaited<ReturnType<Client['job']>>> {
  await until(`${name} to end`, async () => hasEnded((await client.job(name, { wait: 5 })).state));
  return client.job(name);
}

/** What the model was asked, as texts. */
const asked = (machine: Machine): string => JSON.stringify(machine.model.requests.map(({ body }) => body));

describe('an instance without the workspace', () => {
  it('R18 R23 R1 R3: runs jobs with attachments; those with scripts and commands wait, say why, and run where the workspace is', async () => {
    const machine = await workspace({
      'prompts/ask.sh': '#!/bin/sh\necho what the script asks\n',
      'data/pixel.png': PIXEL,
    });
    const { client } = await machine.serve({ instance: false });
    await farInstance(machine, client);
    const jobs: readonly JobIn[] = [
      { name: 'script', prompt: { script: 'prompts/ask.sh' }, configuration: CONFIGURATION },
      { name: 'command', type: 'command', prompt: 'x', configuration: { argv: ['cat'] } },
      {
        name: 'attached',
        prompt: {
          messages: [
            {
              role: 'user',
              content: [
                { type: 'image', file: 'data/pixel.png' },
                { type: 'text', text: 'What is this?' },
              ],
            },
          ],
        },
        configuration: CONFIGURATION,
      },
    ];
    await client.submitMany(jobs);
    expect((await ended(client, 'attached')).state).toBe('completed');
    expect(asked(machine)).toContain(PIXEL.toString('base64'));
    expect(await client.job('script')).toMatchObject({
      state: 'queued',
      reason: {
        code: 'NoInstance',
        message: expect.stringContaining('has the workspace, whose scripts these jobs run') as string,
      },
    });
    expect((await client.job('command')).reason).toMatchObject({
      code: 'NoInstance',
      message: expect.stringContaining('may run commands') as string,
    });
    await machine.instance('near', client, ['--slots', '4']);
    expect(await ended(client, 'script')).toMatchObject({ state: 'completed' });
    expect(asked(machine)).toContain('what the script asks');
    expect((await ended(client, 'command')).state).toBe('completed');
    expect((await client.result('command')).result).toBe('x');
  });
});

describe('what is edited between the acceptance of a job and its attempt', () => {
  it('R2 R6: a pure script and its input are refused, another script runs as it is now, and a data file as it was', async () => {
    const machine = await workspace({
      'prompts/pure.sh': '#!/bin/sh\necho pure before\n',
      'prompts/reads.sh': '#!/bin/sh\necho reads\n',
      'prompts/free.sh': '#!/bin/sh\necho free before\n',
      'data/word.txt': 'word before',
      'data/input.txt': 'input before',
    });
    const { client } = await machine.serve({ instance: false });
    const prompts: Readonly<Record<string, JobIn['prompt']>> = {
      pure: { script: 'prompts/pure.sh', pure: true },
      reads: { script: 'prompts/reads.sh', pure: true, inputs: ['data/input.txt'] },
      free: { script: 'prompts/free.sh' },
      data: { base: '{{ word }}', data: { word: { file: 'data/word.txt' } } },
      both: {
        base: '{{ word }} and {{ made }}',
        data: { word: { file: 'data/word.txt' }, made: { script: 'prompts/free.sh' } },
      },
    };
    const jobs = Object.entries(prompts).map(([name, prompt]) => ({
      name,
      prompt,
      configuration: CONFIGURATION,
    }));
    await client.submitMany(jobs);
    for (const name of ['pure', 'free'])
      await write(machine, `prompts/${name}.sh`, `#!/bin/sh\necho ${name} after\n`);
    for (const name of ['word', 'input']) await write(machine, `data/${name}.txt`, `${name} after`);
    await machine.instance('near', client, ['--slots', '4']);
    for (const name of ['pure', 'reads'])
      expect(await ended(client, name)).toMatchObject({ state: 'failed', reason: { code: 'ScriptChanged' } });
    for (const name of ['free', 'data', 'both']) expect((await ended(client, name)).state).toBe('completed');
    const texts = machine.model.requests.map(({ body }) => JSON.stringify(body));
    expect(texts).toHaveLength(3);
    for (const text of ['"free after"', '"word before"', '"word before and free after"'])
      expect(
        texts.some((one) => one.includes(text)),
        text,
      ).toBe(true);
  });
});
