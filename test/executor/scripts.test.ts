// The one contract of scripts, with the files of a workspace as they are read in earnest.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import type { Json } from '../../src/core/json.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { ProviderError } from '../../src/core/ports/provider.ts';
import type { ScriptCall } from '../../src/core/recipe.ts';
import { Programs } from '../../src/executor/programs.ts';
import { Scripts } from '../../src/executor/scripts.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { WorkspaceLinkReader } from '../../src/workspace/link-reader.ts';
import { FakeChildren } from '../support/fake-children.ts';
import { watched } from './attempts.ts';
import { fixture, PATH } from './child-processes.ts';
import { realChildren } from './real-children.ts';

const newChildren = realChildren();

let root = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'promptd-scripts-'));
  for (const folder of ['data', 'prompts', 'commands', '.promptd']) mkdirSync(path.join(root, folder));
  writeFileSync(path.join(root, 'data', 'years.csv'), 'year\n2026\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Puts a fixture into the workspace, and gives the call that a job accepted now would have. */
function callOf(name: string, more: Partial<ScriptCall> = {}): ScriptCall {
  const script = `prompts/${name}`;
  cpSync(fixture(name), path.join(root, script));
  return { script, args: null, pure: false, source_sha256: sha256(script), inputs: [], ...more };
}

function sha256(file: string): string {
  return createHash('sha256')
    .update(readFileSync(path.join(root, file)))
    .digest('hex');
}

function setup(fake?: FakeChildren) {
  const children = fake ?? newChildren();
  const programs = new Programs({ children, timers: systemTimers, env: { PATH } });
  const scripts = new Scripts({ links: new WorkspaceLinkReader({ root }), programs });
  const seen = watched();
  const run = async (call: ScriptCall, input: Json = { word: 'grüß' }) =>
    scripts.run(call, input, { observer: seen.observer, signal: new AbortController().signal });
  const refused = async (call: ScriptCall): Promise<AttemptFailure> => {
    const error: unknown = await run(call).catch((reason: unknown) => reason);
    if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${String(error)}`);
    return error.failure;
  };
  return { run, refused, seen };
}

describe('R2, R3: a script', () => {
  it.each([
    ['shout.py', 'GRÜSS!', ['stderr: python']],
    ['shout.mjs', 'GRÜSS!', ['stderr: node']],
    ['echo.sh', '{"word":"grüß"}\n', []],
  ])('gets JSON on stdin and prints text, in whatever language: %s', async (name, text, log) => {
    const { run, seen } = setup();
    expect(await run(callOf(name))).toBe(text);
    expect(seen.log).toEqual(log);
  });

  it('may be a binary', async () => {
    const { run } = setup();
    cpSync('/bin/cat', path.join(root, 'commands', 'cat'), { dereference: true });
    chmodSync(path.join(root, 'commands', 'cat'), 0o755);
    const call = { script: 'commands/cat', args: null, pure: false, source_sha256: '', inputs: [] };
    expect(await run(call, ['x'])).toBe('["x"]\n');
  });

  it('prints what is taken as it is: nothing is stripped', async () => {
    const { run } = setup();
    expect(await run(callOf('spaces.sh'))).toBe('\ufeff  text \r\n\n');
  });

  it('G16: has the limits of all scripts, and a fresh folder', async () => {
    const children = new FakeChildren((child) => child.exit());
    const { run } = setup(children);
    await run(callOf('echo.sh'));
    expect(children.last.spec).toMatchObject({
      argv: [path.join(root, 'prompts', 'echo.sh')],
      cwd: null,
      output_bytes_max: LIMITS.script_output_bytes_max,
    });
  });
});

describe('a script that is refused', () => {
  it('says when it is not there', async () => {
    const { refused } = setup();
    const call = callOf('echo.sh');
    rmSync(path.join(root, call.script));
    expect(await refused(call)).toMatchObject({
      blame: 'job',
      reason_code: 'ScriptMissing',
      message: 'prompts/echo.sh: there is no such file.',
    });
  });

  it.each([
    '.promptd/run.sh',
    'data/run.sh',
    'prompts/../.promptd/run.sh',
    '/bin/cat',
    'jobs/run.sh',
    'prompts/link.sh',
  ])('G22: says when its link leads elsewhere: %s', async (script) => {
    const children = new FakeChildren();
    const { refused } = setup(children);
    for (const folder of ['.promptd', 'data']) cpSync(fixture('echo.sh'), path.join(root, folder, 'run.sh'));
    symlinkSync('/bin/cat', path.join(root, 'prompts', 'link.sh'));
    const failure = await refused({ script, args: null, pure: false, source_sha256: '', inputs: [] });
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'ScriptMissing' });
    expect(children.spawned).toEqual([]);
  });

  it.each(['not-executable.sh', 'no-first-line.sh', 'no-interpreter.sh', 'no-interpreter-on-path.py'])(
    'says when nothing can run it: %s',
    async (name) => {
      const { refused } = setup();
      const failure = await refused(callOf(name));
      expect(failure).toMatchObject({ blame: 'job', reason_code: 'ScriptNotExecutable' });
      expect(failure.message.startsWith(`prompts/${name}: `)).toBe(true);
      expect(failure.message).not.toContain(root);
    },
  );

  it('says when it prints no UTF-8', async () => {
    const { refused } = setup();
    expect(await refused(callOf('not-utf8.sh'))).toMatchObject({
      blame: 'job',
      reason_code: 'ScriptOutputInvalid',
      message: 'prompts/not-utf8.sh: expected UTF-8 on stdout, got bytes that are none.',
    });
  });

  it('is tried again on an instance with a workspace', async () => {
    const programs = new Programs({ children: new FakeChildren(), timers: systemTimers, env: {} });
    const scripts = new Scripts({ links: null, programs });
    const watch = { observer: watched().observer, signal: new AbortController().signal };
    await expect(scripts.run(callOf('echo.sh'), null, watch)).rejects.toMatchObject({
      failure: { blame: 'hold', reason_code: 'NoInstance' },
    });
  });
});

describe('R6: a pure script', () => {
  const pure = (): ScriptCall =>
    callOf('echo.sh', { pure: true, inputs: [{ file: 'data/years.csv', sha256: sha256('data/years.csv') }] });

  it('runs where it and its inputs are those of the acceptance', async () => {
    expect(await setup().run(pure(), 1)).toBe('1\n');
  });

  it.each(['prompts/echo.sh', 'data/years.csv'])('is refused where %s has changed since', async (file) => {
    const children = new FakeChildren();
    const call = pure();
    appendFileSync(path.join(root, file), '\n');
    expect(await setup(children).refused(call)).toMatchObject({
      blame: 'job',
      reason_code: 'ScriptChanged',
      message: `${file} is not what it was when the job was accepted, and the script is "pure".`,
    });
    expect(children.spawned).toEqual([]);
  });

  it('is refused where an input is gone', async () => {
    const call = pure();
    rmSync(path.join(root, 'data', 'years.csv'));
    expect(await setup().refused(call)).toMatchObject({ blame: 'job', reason_code: 'DataMissing' });
  });

  it('is the only one that is held to its source: another runs as it is now', async () => {
    const call = callOf('echo.sh');
    appendFileSync(path.join(root, call.script), '# a word more\n');
    expect(await setup().run(call, 1)).toBe('1\n');
  });
});
