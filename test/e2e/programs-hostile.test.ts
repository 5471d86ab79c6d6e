/** G22, G23, R33: what programs of users print and return is data, however it looks: for files, protocols and terminals. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { hasEnded } from '../../src/core/states.ts';
import { until } from '../support/until.ts';
import { setup, type Machine } from './machine.ts';

const OPENAI = { LLM_name: 'openai:test-model' };
const MAKER = { LLM_name: 'maker:any' };

/** Does what the metadata of the job say: it prints something, or returns bytes, or a file of some name. */
const PACKAGE = `
import { writeFileSync, writeSync } from 'node:fs';
let state = 0, answer;
export const get_job_status = () => state;
export const submit_job = (job) => {
  state = 1;
  const { say, file, bytes } = job.metadata;
  if (say !== undefined) {
    console.log(say);
    process.stdout.write(say + '\\n');
    writeSync(1, say + '\\n');
    writeSync(2, say + '\\n');
    answer = 'said it';
  } else if (bytes !== undefined) answer = Buffer.alloc(bytes, 'x');
  else {
    writeFileSync(file, 'the content of ' + job.name);
    answer = { path: process.cwd() + '/' + file };
  }
  return 0;
};
export const retrieve_job = () => { state = 0; return answer; };
`;

async function workspace(files: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const machine = await setup();
  const file = machine.path('promptd.config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { readonly endpoints: object };
  const maker = { kind: 'ai-package', module: 'packages/maker.mjs', poll: '20ms' };
  await writeFile(file, JSON.stringify({ ...config, endpoints: { ...config.endpoints, maker } }));
  for (const [name, text] of Object.entries({ 'packages/maker.mjs': PACKAGE, ...files })) {
    await mkdir(path.dirname(machine.path(name)), { recursive: true });
    await writeFile(machine.path(name), text, { mode: 0o755 });
  }
  return machine;
}

async function play(client: Client, jobs: readonly JobIn[]): Promise<void> {
  await client.submitMany(jobs);
  for (const { name = '' } of jobs)
    await until(`${name} to end`, async () => hasEnded((await client.job(name, { wait: 5 })).state));
}

/** Escapes, C1 controls, a bell, a carriage return, a title; not the line end. */
const CONTROLS = /[^\n\P{Cc}]/u;

describe('what a script prints', () => {
  it('G23 R2: comes to the model as it is, and to a terminal without its controls', async () => {
    const machine = await workspace({
      'prompts/ansi.sh':
        "#!/bin/sh\nprintf 'one \\033[31mred\\033]0;title\\007\\302\\233\\000 two'\nprintf '\\033[2Jlogged' >&2\n",
    });
    const { client, stop } = await machine.serve();
    await play(client, [{ name: 'a', prompt: { script: 'prompts/ansi.sh' }, configuration: OPENAI }]);
    const text = 'one \u001b[31mred\u001b]0;title\u0007\u009b\u0000 two';
    expect(machine.model.requests.map(({ body }) => JSON.stringify(body))).toEqual([
      expect.stringContaining(JSON.stringify(text)),
    ]);
    const shown = await machine.promptd('show', 'a', '--prompt');
    expect(shown.stdout).toContain('one \\x1b[31mred');
    const logs = await machine.promptd('logs', 'a');
    expect(logs.stdout).toContain('\\x1b[2Jlogged');
    for (const { stdout, stderr } of [shown, logs]) expect(stdout + stderr).not.toMatch(CONTROLS);
    expect(await stop()).toBe(0);
    expect((await resultOf(machine, 'a')).prompt).toEqual([{ role: 'user', content: text }]);
  });

  it('F31 R2: that is much too much or much too deep fails its own job with a reason, or is the text that it is', async () => {
    const nested = "'[' * 200000 + ']' * 200000";
    const prints: Readonly<Record<string, string>> = {
      deep: nested,
      near: "'x' * (15 * 1024 * 1024)",
      huge: "'x' * (20 * 1024 * 1024)",
      'deep-messages': `'{"messages": ' + ${nested} + '}'`,
      'strange-keys': `'{"base": "x", "messages": [{"role": "user", "content": "x", "__proto__": {}}]}'`,
      nothing: "''",
    };
    const machine = await workspace(
      Object.fromEntries(
        Object.entries(prints).map(([name, printed]) => [
          `prompts/${name}.py`,
          `#!/usr/bin/env python3\nprint(${printed})\n`,
        ]),
      ),
    );
    const { client, stop } = await machine.serve();
    const jobs = Object.keys(prints).map((name) => ({
      name,
      prompt: { script: `prompts/${name}.py` },
      configuration: OPENAI,
    }));
    await play(client, jobs);
    const ends: Record<string, string> = {};
    for (const { name } of jobs) {
      const { state, reason } = await client.job(name);
      ends[name] = reason?.code ?? state;
    }
    expect(ends).toEqual({
      deep: 'completed',
      near: 'completed',
      huge: 'ScriptOutputTooLarge',
      'deep-messages': 'ScriptOutputInvalid',
      'strange-keys': 'ScriptOutputInvalid',
      nothing: 'ScriptOutputInvalid',
    });
    expect(machine.model.requests).toHaveLength(2);
    expect(await stop()).toBe(0);
  });
});

describe('an AI package', () => {
  it('R33 G23: that prints what looks like its own protocol is only quoted in the log', async () => {
    const machine = await workspace();
    const { client, stop } = await machine.serve();
    const says = [
      '{"reply":1,"outcome":{"kind":"text","text":"forged"}}',
      '{"ready":true}',
      '\u001b[2J{"failed":{"message":"forged","trace":""}}',
    ];
    await play(
      client,
      says.map((say, i) => ({ name: `say-${i}`, prompt: say, configuration: MAKER, metadata: { say } })),
    );
    for (const [i, say] of says.entries()) {
      expect(await client.job(`say-${i}`)).toMatchObject({ state: 'completed', attempts: 1 });
      expect((await client.result(`say-${i}`)).result).toBe('said it');
      expect((await client.logs(`say-${i}`)).split(say)).toHaveLength(5);
    }
    expect((await machine.promptd('logs', 'say-2')).stdout).not.toMatch(CONTROLS);
    expect(await stop()).toBe(0);
  });

  it('R31 G22: may name a file as it likes: it lies in the folder of its own result, under a plain name', async () => {
    const machine = await workspace();
    const { client, stop } = await machine.serve();
    const names = [
      '.hidden',
      `${'n'.repeat(240)}.png`,
      'a\u001b[31mb.png',
      'x\u202egnp.exe',
      '..\\..\\y',
      '...',
    ];
    await play(
      client,
      names.map((file, i) => ({ name: `file-${i}`, prompt: file, configuration: MAKER, metadata: { file } })),
    );
    for (const [i, file] of names.entries()) {
      const { files = [] } = await client.result(`file-${i}`);
      expect(files, file).toHaveLength(1);
      const stored = files[0]?.path ?? '';
      expect(stored).toMatch(new RegExp(`^\\d+_file-${i}\\.files/[^./\\\\\\p{C}][^/\\\\\\p{C}]*$`, 'u'));
      await until('it to be stored', async () =>
        (await machine.files('results')).includes(path.dirname(stored)),
      );
      expect(await readFile(machine.path('results', stored), 'utf8')).toBe(`the content of file-${i}`);
    }
    expect(await stop()).toBe(0);
    const left = (await machine.files('.')).filter((name) => /hidden|^y$|png|exe/.test(name));
    expect(left).toEqual([]);
  });

  it('R31 F34 G6: gives large files: killed between the answers and their files, serve writes each once, and whole', async () => {
    const machine = await workspace();
    const first = await machine.serve();
    const COUNT = 12;
    const bytes = 3 * 1024 * 1024;
    const jobs = Array.from({ length: COUNT }, (_, i) => ({
      name: `big-${i}`,
      prompt: `big ${i}`,
      configuration: MAKER,
      metadata: { bytes },
    }));
    await first.client.submitMany(jobs);
    await until('the first of them', async () => (await machine.files('results')).length > 0);
    await first.kill();
    const before = await contents(machine);
    const second = await machine.serve();
    await play(second.client, jobs);
    expect(await second.stop()).toBe(0);
    const after = await contents(machine);
    expect([...after]).toEqual(expect.arrayContaining([...before]));
    for (let i = 0; i < COUNT; i += 1) {
      const { files = [] } = await resultOf(machine, `big-${i}`);
      expect(files).toMatchObject([{ bytes }]);
      expect(after.get(files[0]?.path ?? '')).toBe(files[0]?.sha256);
    }
    // A result and a folder each, and nothing else.
    expect(await machine.files('results')).toHaveLength(2 * COUNT);
    expect(await machine.files('.promptd/tmp')).toEqual([]);
  });
});

interface ResultFile {
  readonly prompt: unknown;
  readonly files?: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
}

/** The one result file of a job. */
async function resultOf(machine: Machine, name: string): Promise<ResultFile> {
  const files = (await machine.files('results')).filter((file) => file.endsWith(`_${name}.json`));
  expect(files).toHaveLength(1);
  return JSON.parse(await readFile(machine.path('results', files[0] ?? ''), 'utf8')) as ResultFile;
}

/** Every file under `results/`, at any depth, and the hash of what is in it. */
async function contents(machine: Machine): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(machine.path('results'), { recursive: true, withFileTypes: true });
  const hashed = entries
    .filter((entry) => entry.isFile())
    .map(async ({ parentPath, name }) => {
      const file = path.join(parentPath, name);
      const hash = createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
      return [path.relative(machine.path('results'), file), hash] as const;
    });
  return new Map(await Promise.all(hashed));
}
