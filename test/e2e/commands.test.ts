/** The commands of docs/commands.md, as a reader would write them into a workspace, beside a server and by real processes. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { Json } from '../../src/core/json.ts';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc } from '../docs/tables.ts';
import { until } from '../support/until.ts';
import { setup, type Machine } from './machine.ts';

const KEY = 'sk-canary-0123456789abcdef';

/** The files that the page shows, by their paths. */
function filesOfPage(): ReadonlyMap<string, string> {
  const blocks = blocksOf(readDoc('docs/commands.md'));
  return new Map(
    blocks.flatMap(({ info, text }) => {
      const file = info.split(' ')[1];
      return file === undefined ? [] : [[file, `${text}\n`]];
    }),
  );
}

/** A workspace as the page shows it, whose server is the scripted one. */
async function workspaceOfPage(
  allow_exec = true,
): Promise<{ machine: Machine; files: ReadonlyMap<string, string> }> {
  const files = filesOfPage();
  const machine = await setup({ env: { GPU_KEY: KEY } });
  const config = JSON.parse(files.get('promptd.config.json') ?? '') as {
    endpoints: Record<string, object>;
  };
  config.endpoints['gpu'] = {
    kind: 'openai-compatible',
    base_url: `${machine.model.url}/v1`,
    api_key_env: 'GPU_KEY',
  };
  const ours = {
    ...config,
    instance: { allow_exec },
    http: { port: 0 },
    instances: { port: 0 },
    watch: { enabled: false },
  };
  await writeFile(machine.path('promptd.config.json'), JSON.stringify(ours));
  for (const [file, text] of files) {
    if (file === 'promptd.config.json') continue;
    await mkdir(path.dirname(machine.path(file)), { recursive: true });
    await writeFile(machine.path(file), text);
    if (file.startsWith('commands/')) await chmod(machine.path(file), 0o755);
  }
  return { machine, files };
}

async function ended(client: Client, name: string): Promise<string> {
  let state = '';
  await until(`${name} to end`, async () => {
    state = (await client.job(name)).state;
    return ['succeeded', 'failed', 'cancelled'].includes(state);
  });
  return state;
}

describe('the commands of docs/commands.md', { timeout: 60_000 }, () => {
  it('R3: a script’s request goes to its endpoint with the key, and a program runs, where both are allowed', async () => {
    const { machine } = await workspaceOfPage();
    const { client } = await machine.serve();
    const ran = await machine.promptd('run', 'jobs/ask.json', 'jobs/count.json');
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    expect((await client.result('count')).result).toBe('3\n');
    expect((await client.result('ask')).result).toBe(
      'token0 token1 token2 token3 token4 of: Why is the sky blue?',
    );
    expect(machine.model.requests).toMatchObject([
      {
        path: '/v1/chat/completions',
        headers: { authorization: `Bearer ${KEY}` },
        body: { model: 'test-model', temperature: 0.2, guided_choice: ['yes', 'no'], stream: true },
      },
    ]);
    const logs = await machine.promptd('logs', 'ask');
    expect(logs.stdout).toContain('POST /chat/completions, as commands/call.py says');
    expect(logs.stdout + ran.stdout + ran.stderr).not.toContain(KEY);
  });

  it('R3: what a script prints for the key, another server or a program that is off fails its job, and nobody is asked', async () => {
    const { machine } = await workspaceOfPage(false);
    const prints: Readonly<Record<string, Json>> = {
      elsewhere: { http: { path: '//elsewhere.example/', result: 'text' } },
      header: { http: { path: '/x', headers: { Authorization: 'Bearer mine' }, result: 'text' } },
      program: { exec: { argv: ['sh', '-c', `echo ran > ${machine.path('ran')}`] } },
    };
    const { client } = await machine.serve();
    for (const [name, printed] of Object.entries(prints)) {
      const script = machine.path('commands', `${name}.sh`);
      await writeFile(script, `#!/bin/sh\ncat <<'END'\n${JSON.stringify(printed)}\nEND\n`, { mode: 0o755 });
      await machine.writeJobs({
        [name]: {
          prompt: 'Hi',
          configuration: { LLM_name: 'gpu:test-model', command: `commands/${name}.sh` },
        },
      });
    }
    await machine.promptd('run', ...Object.keys(prints).map((name) => `jobs/${name}.json`));
    const reasons = [];
    for (const name of Object.keys(prints)) {
      expect(await ended(client, name)).toBe('failed');
      reasons.push((await client.job(name)).reason?.code);
    }
    expect(reasons).toEqual(['ScriptOutputInvalid', 'ScriptOutputInvalid', 'ExecOff']);
    expect(machine.model.requests).toEqual([]);
    await expect(readFile(machine.path('ran'))).rejects.toThrow('ENOENT');
  });
});
