/** Every command that docs/cli.md shows, typed in its order in a workspace that has what they speak of. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc } from '../docs/tables.ts';
import { until } from '../support/until.ts';
import { BIN, endServerOf, type Finished, type Machine, setup } from './machine.ts';

/** What does not end with 0 here, and why. */
const EXPECTED: Readonly<Record<string, number>> = {
  // It was answered long before: there is nothing to cancel, and nothing to try again.
  'promptd cancel faq-17': EXIT.conflict,
  'promptd retry faq-17 --timeout 20m': EXIT.conflict,
  // Its server runs: there is a database.
  'promptd rebuild': EXIT.conflict,
};

/** These run until they are told to stop: they are told so once they run. */
const UNTIL_STOPPED = /^promptd (serve|instance)\b/;

// Half a minute of processes, one after the other; a busy machine takes longer.
it('R20: docs/cli.md: every command shown does what it says there', { timeout: 300_000 }, async () => {
  const lines = blocksOf(readDoc('docs/cli.md')).flatMap(({ text }) =>
    text.split('\n').filter((line) => line.includes('promptd ') && !line.startsWith('#')),
  );
  expect(lines.length).toBeGreaterThan(40);
  const machine = await writer();
  for (const line of lines.filter((one) => !UNTIL_STOPPED.test(one))) {
    const done = await type(machine, line);
    expect({ line, code: done.code, said: done.stderr }).toEqual({
      line,
      code: EXPECTED[line] ?? 0,
      said: done.stderr,
    });
  }
  await endServerOf(machine.root);
  await endServerOf(machine.path('questions'));
  for (const line of lines.filter((one) => UNTIL_STOPPED.test(one))) {
    const code = await typeAndStop(machine, line.replace('gpu1:7434', '127.0.0.1:9'));
    expect({ line, code }).toEqual({ line, code: 0 });
  }
});

/** Somebody with jobs called as in the document, two runs of `faq-17` among them, and a model server. */
async function writer(): Promise<Machine> {
  const machine = await setup();
  machine.model.setModels(['llama3.2:3b']);
  const model = { kind: 'ollama', base_url: machine.model.url, max_concurrent: 8 };
  const config = { endpoints: { ollama: model, gpu: model }, http: { port: 0 }, instances: { port: 0 } };
  await writeFile(machine.path('promptd.config.json'), JSON.stringify(config));
  const configuration = { LLM_name: 'ollama:llama3.2:3b' };
  const bin = machine.path('bin');
  for (const folder of [bin, machine.path('more')]) await mkdir(folder);
  await writeFile(machine.path('more', 'other.json'), JSON.stringify({ prompt: 'another', configuration }));
  const questions = ['a', 'b', 'c'].map((key) =>
    JSON.stringify({ key, prompt: `question ${key}`, configuration }),
  );
  await writeFile(machine.path('questions.jsonl'), questions.join('\n'));
  const programs = {
    promptd: `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`,
    'make-jobs': `#!/bin/sh\necho '${JSON.stringify({ prompt: 'made by a program', configuration })}'\n`,
  };
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(`${bin}/${name}`, text);
    await chmod(`${bin}/${name}`, 0o755);
  }
  onTestFinished(() => endServerOf(machine.root));
  onTestFinished(() => endServerOf(machine.path('questions')));
  // One that stays: the server that a command starts by itself ends when it has nothing to do for a while.
  await machine.serve();
  for (const prompt of ['what is asked first', 'what is asked then']) {
    await machine.writeJobs({ 'faq-17': { prompt, configuration } });
    expect((await machine.promptd('run')).code).toBe(0);
  }
  return machine;
}

/** What goes on until it is stopped says something as soon as it does. */
async function typeAndStop(machine: Machine, line: string): Promise<number | null> {
  const child = spawn('bash', ['-c', `exec ${line}`], {
    ...surroundings(machine),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (piece: Buffer) => (said += piece.toString()));
  await until(`"${line}" to be at work`, () => /Key for HTTP|Not connected/.test(said));
  child.kill('SIGTERM');
  await exited;
  return child.exitCode;
}

function type(machine: Machine, line: string): Promise<Finished> {
  return new Promise((resolve) => {
    execFile('bash', ['-c', line], surroundings(machine), (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}

function surroundings(machine: Machine): { readonly cwd: string; readonly env: NodeJS.ProcessEnv } {
  const home = machine.path('home');
  const env = {
    ...process.env,
    PATH: `${machine.path('bin')}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    XDG_STATE_HOME: home,
    XDG_DATA_HOME: home,
    NO_COLOR: '1',
    OLLAMA_HOST: machine.model.url,
    PROMPTD_INSTANCE_TOKEN: 'a token of another server',
  };
  return { cwd: machine.root, env };
}
