/** docs/daemon.md: what it tells to type, typed beside a server that watches, and what it says of stopping and of logs. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc, section, tableRows } from '../docs/tables.ts';
import { until } from '../support/until.ts';
import { BIN, type Finished, type Machine, setup } from './machine.ts';

const PAGE = readDoc('docs/daemon.md');

/** What is shown to be typed under a heading. */
function blocks(heading: string): readonly string[] {
  return blocksOf(section(PAGE, heading)).flatMap(({ info, text }) => (info === 'sh' ? [text] : []));
}

async function type(machine: Machine, text: string): Promise<Finished> {
  const bin = machine.path('bin');
  await mkdir(bin, { recursive: true });
  await writeFile(path.join(bin, 'promptd'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
  await chmod(path.join(bin, 'promptd'), 0o755);
  const env = { ...process.env, NO_COLOR: '1', PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` };
  return new Promise((resolve) => {
    execFile('bash', ['-ec', text], { cwd: machine.root, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe('docs/daemon.md', () => {
  it('R14 R18: a job that is moved into the folder has its file, of a model that runs elsewhere, by the commands shown', async () => {
    const machine = await setup({ config: { watch: { enabled: true } } });
    machine.model.setModels(['llama3.2:3b']);
    const [doctor = '', drop = '', look = '', ...more] = blocks('## Start');
    expect(more).toEqual([]);
    const serving = await machine.serve();
    expect(await type(machine, doctor)).toMatchObject({ code: 0 });
    expect(await type(machine, drop)).toMatchObject({ code: 0 });
    await until('its file', async () => (await machine.files('results')).length === 1);
    const [file = ''] = await machine.files('results');
    expect(file).toMatch(/^\d+_hello\.json$/);
    const looked = await type(machine, look);
    const { result } = JSON.parse(await readFile(machine.path('results', file), 'utf8')) as {
      result: string;
    };
    expect(looked).toMatchObject({ code: 0, stdout: expect.stringContaining(`${file}    1`) as string });
    expect(looked.stdout).toContain(result);
    for (const block of blocks('## Logs')) {
      const { code, stdout } = await type(machine, block);
      expect(code).toBe(0);
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
        process: 'serve',
        process_id: serving.process.pid,
      });
    }
    expect(await serving.stop()).toBe(0);
  });

  it('lists the exit codes of serve as they are', () => {
    const codes = tableRows(section(PAGE, '## Stop')).map(([code]) => Number(code));
    const known = [
      EXIT.ok,
      EXIT.error,
      EXIT.usage,
      EXIT.not_found,
      EXIT.conflict,
      EXIT.overloaded,
      EXIT.integrity,
    ];
    expect(codes).toEqual(known);
  });
});

describe('logs of attempts', () => {
  it('go where they are older than the configuration says, at the start; results stay, and logs says what was removed', async () => {
    const machine = await setup({ config: { logs: { retention: '2d' } } });
    const first = await machine.serve();
    const configuration = { LLM_name: 'ollama:test-model' };
    await first.client.submit({ name: 'old', prompt: 'asked long ago', configuration });
    expect(await first.client.job('old', { wait: 30 })).toMatchObject({ state: 'completed' });
    await until('its file', async () => (await machine.files('results')).length === 1);
    expect(await machine.promptd('logs', 'old')).toMatchObject({ code: 0 });
    expect(await first.stop()).toBe(0);
    const segments = (await machine.files('.promptd/logs')).filter((name) => /^\d{4}-/.test(name));
    expect(segments).toHaveLength(1);
    // As if days had passed: by its name, it is of another day.
    const [segment = ''] = segments;
    await rename(machine.path('.promptd/logs', segment), machine.path('.promptd/logs/2020-01-01-5.log'));
    const results = await machine.files('results');
    const second = await machine.serve();
    await until('the old log to be removed', async () => {
      const names = await machine.files('.promptd/logs');
      return !names.some((name) => name.startsWith('2020'));
    });
    const told = await machine.promptd('logs', 'old');
    expect(told).toMatchObject({ code: EXIT.not_found, stdout: '' });
    expect(told.stderr).toContain(
      'The log of attempt 1 of old@1 is not kept any more. Logs are kept as long as',
    );
    expect(await machine.files('results')).toEqual(results);
    expect(await machine.promptd('result', 'old')).toMatchObject({ code: 0 });
    expect(await second.stop()).toBe(0);
  });
});
