/** What the documentation tells its readers to type, typed; and the examples. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { processGone } from '../../src/app/process-gone.ts';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc } from '../docs/tables.ts';
import { BIN, type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const EXAMPLES = path.join(import.meta.dirname, '../../examples');

describe('the commands of the documentation', () => {
  it.each(['README.md', 'docs/getting-started.md'])(
    '%s: do what it says',
    async (doc) => {
      const reader = await beReader();
      const steps = stepsOf(doc);
      expect(steps.length).toBeGreaterThan(0);
      const code = await reader.type(steps);
      for (const [at, { line, expected }] of steps.entries()) {
        const printed = await readFile(reader.output(at), 'utf8').catch(() => null);
        expect(printed, `${doc}:${line}: this block was not reached`).not.toBeNull();
        expect(missingLines(expected, printed ?? ''), `${doc}:${line} printed:\n${printed}`).toEqual([]);
      }
      expect(code, await readFile(reader.output(steps.length - 1), 'utf8')).toBe(0);
      // Dozens of commands one after the other, each a process of its own.
    },
    180_000,
  );
});

describe('the examples', () => {
  it('are valid, every one of them', async () => {
    const machine = await setup();
    const workspaces = (await readdir(EXAMPLES, { withFileTypes: true })).filter((entry) =>
      entry.isDirectory(),
    );
    expect(workspaces.map(({ name }) => name)).toContain('quickstart');
    for (const { name } of workspaces) {
      await copyExample(name, machine.path(name));
      expect(await machine.promptd('validate', '--workspace', machine.path(name)), name).toMatchObject({
        code: 0,
      });
    }
  });

  it('R9: a run of the quickstart leaves one answer for each of its fourteen jobs', async () => {
    const machine = await setup();
    const workspace = machine.path('quickstart');
    await copyExample('quickstart', workspace);
    endServerOf(workspace);
    const ran = await machine.promptd('run', '--workspace', workspace);
    expect(ran).toMatchObject({ code: 0 });
    const files = await readdir(path.join(workspace, 'results'));
    expect(files).toHaveLength(14);
    for (const file of files) {
      const { job, result } = JSON.parse(await readFile(path.join(workspace, 'results', file), 'utf8'));
      expect([typeof job, typeof result], file).toEqual(['string', 'string']);
    }
  });
});

interface Step {
  readonly line: number;
  readonly commands: string;
  readonly expected: readonly string[];
}

/** Each `sh` block, with the lines of the `text` block right behind it. */
function stepsOf(doc: string): Step[] {
  const blocks = blocksOf(readDoc(doc));
  return blocks.flatMap(({ info, text, line }, at) => {
    if (info !== 'sh') return [];
    const next = blocks[at + 1];
    return [{ line, commands: text, expected: next?.info === 'text' ? next.text.split('\n') : [] }];
  });
}

/** Lines that do not come in this order; `…` stands for anything. */
function missingLines(expected: readonly string[], printed: string): string[] {
  const lines = printed.split('\n').map((line) => line.trimEnd());
  let from = 0;
  return expected.filter((wanted) => {
    const pattern = new RegExp(`^${wanted.trimEnd().split('…').map(escaped).join('.*')}$`);
    const found = lines.findIndex((line, at) => at >= from && pattern.test(line));
    if (found !== -1) from = found + 1;
    return found === -1;
  });
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

async function copyExample(name: string, to: string): Promise<void> {
  await cp(path.join(EXAMPLES, name), to, { recursive: true, filter: (file) => !file.includes('.promptd') });
}

/** Somebody in an empty folder, with `promptd` on the path, no Ollama, and ports that nobody else has. */
async function beReader() {
  const machine: Machine = await setup();
  const [home, bin, outputs] = ['home', 'bin', 'outputs'].map((name) => machine.path(name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [home, bin, outputs]) await mkdir(folder);
  await writeFile(path.join(bin, 'promptd'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, {
    mode: 0o755,
  });
  const output = (at: number): string => path.join(outputs, `${at}.txt`);
  return {
    output,
    /** Types all steps into one shell, until one fails; resolves with its exit code. */
    async type(steps: readonly Step[]): Promise<number | null> {
      const typed = steps.map(({ commands }, at) => `exec > '${output(at)}' 2>&1\n${commands}\n`);
      const end = `end() { code=$?; kill $(jobs -p) || true; wait; exit $code; } 2> '${outputs}/end.txt'\ntrap end EXIT\n`;
      await writeFile(machine.path('typed.sh'), `set -eo pipefail\n${end}${typed.join('')}`);
      for (const workspace of ['questions', 'reviews']) endServerOf(path.join(home, workspace));
      const shell = spawn('bash', [machine.path('typed.sh')], {
        cwd: home,
        env: {
          ...process.env,
          PATH: `${bin}${path.delimiter}${process.env['PATH']}`,
          HOME: home,
          XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
          OLLAMA_HOST: '127.0.0.1:9',
          PROMPTD_HTTP_PORT: '0',
          PROMPTD_INSTANCES_PORT: '0',
          NO_COLOR: '1',
        },
        stdio: 'ignore',
      });
      onTestFinished(() => void shell.kill('SIGKILL'));
      await once(shell, 'exit');
      return shell.exitCode;
    },
  };
}

/** A server that `run` started outlives it; here it must not outlive the test. */
function endServerOf(workspace: string): void {
  onTestFinished(async () => {
    const text = await readFile(path.join(workspace, '.promptd/server.json'), 'utf8').catch(() => null);
    const pid = text === null ? null : (JSON.parse(text) as { pid: number }).pid;
    if (pid === null || processGone(pid)) return;
    process.kill(pid, 'SIGTERM');
    await until(`the server of ${workspace} to end`, () => processGone(pid));
  });
}
