// Jobs with a script in them, as they are accepted: a recipe is stored, and says what may be shared.
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { differences } from '../../src/core/differences.ts';
import { readRequest, sha256 } from '../../src/core/identity.ts';
import { readPrompt } from '../../src/core/recipe.ts';
import { CONFIGURATION, PNG, PromptWorkspace, SCRIPT } from './workspace.ts';

const FILES = {
  'prompts/make.sh': SCRIPT,
  'prompts/other.sh': '#!/bin/sh\necho other\n',
  'commands/call.sh': SCRIPT,
  'data/rows.csv': 'id,text\n1,one\n2,two\n',
  'data/x.png': PNG,
};

const source_sha256 = sha256(SCRIPT);

describe('R2: a prompt with a script in it', () => {
  it('is stored as the script with the hash of its source, and waits for an instance that has the workspace', async () => {
    using workspace = new PromptWorkspace(FILES);
    const job = await workspace.accepted({
      name: 'a',
      prompt: { script: 'prompts/make.sh', args: { n: 3 } },
    });
    const script = { script: 'prompts/make.sh', args: { n: 3 }, pure: false, source_sha256, inputs: [] };
    expect(readPrompt(job.prompt)).toEqual({ messages: [], recipe: { kind: 'script', script } });
    expect(job).toMatchObject({ needs: 'workspace', prompt_sha256: sha256(job.prompt) });
  });

  it('travels with the files of its template as they were at acceptance', async () => {
    using workspace = new PromptWorkspace(FILES);
    const prompt = {
      prepend: 'P',
      base: '{{ row.text }} {{ made }}',
      data: {
        row: { csv: 'data/rows.csv', row: { where: { id: 2 } } },
        made: { script: 'prompts/make.sh' },
        literal: 'x',
      },
    };
    const job = await workspace.accepted({ name: 'a', prompt });
    expect(readPrompt(job.prompt).recipe).toEqual({
      kind: 'template',
      template: ['P', '{{ row.text }} {{ made }}', ''],
      values: { row: { id: '2', text: 'two' }, literal: 'x' },
      scripts: { made: { script: 'prompts/make.sh', args: null, pure: false, source_sha256, inputs: [] } },
    });
    expect(job.needs).toBe('workspace');
  });

  it('may have attachments beside its templates', async () => {
    using workspace = new PromptWorkspace(FILES);
    const content = [
      { type: 'image', file: 'data/x.png' },
      { type: 'text', text: '{{ made }}' },
    ];
    const data = { made: { script: 'prompts/make.sh' } };
    const job = await workspace.accepted({
      name: 'a',
      prompt: { messages: [{ role: 'user', content }], data },
    });
    const recipe = readPrompt(job.prompt).recipe;
    const [hash = ''] = Object.keys(job.attachments);
    expect(job.attachments).toEqual({ [hash]: PNG.toString('base64') });
    expect(recipe).toMatchObject({
      template: [{ role: 'user', content: [{ type: 'image', body_sha256: hash }, { type: 'text' }] }],
    });
  });

  it.each([
    ['{% if %}', 'TemplateError', 'prompt.base'],
    ['{% include "x" %}', 'TemplateError', 'prompt.base'],
    ['{{ a }}'.repeat(10_001), 'TemplateLimit', 'prompt.base'],
  ])('is refused at the door where its template is none: %.20s', async (base, code, at) => {
    using workspace = new PromptWorkspace(FILES);
    expect(
      await workspace.refused({ prompt: { base, data: { a: { script: 'prompts/make.sh' } } } }),
    ).toMatchObject([{ code, path: at }]);
  });
});

describe('R6: a job with a script in it', () => {
  const scripted = (more: object = {}): object => ({ prompt: { script: 'prompts/make.sh', ...more } });

  it('is the same work as no other job, unless it is pure', async () => {
    using workspace = new PromptWorkspace(FILES);
    const [a, b] = ['a', 'b'].map((name) => ({ name, ...scripted() }));
    const [pureA, pureB] = ['a', 'b'].map((name) => ({ name, ...scripted({ pure: true }) }));
    expect(await workspace.digest(a ?? {})).not.toBe(await workspace.digest(b ?? {}));
    expect(await workspace.digest(pureA ?? {})).toBe(await workspace.digest(pureB ?? {}));
    expect(await workspace.digest(a ?? {})).toBe(await workspace.digest(a ?? {}));
  });

  it.each([
    [{ name: 'a' }, {}, 'a'],
    [{}, { name: 'from-file' }, 'from-file'],
    [{ batch: 'b', key: 'k/1' }, {}, 'b.k-1'],
    [{ batch: 'b' }, {}, 'b#'],
    [{ key: 'k' }, {}, '#k'],
    [{}, {}, ''],
  ])('that is not pure and called by %j and %j says whose it is', async (more, defaults, only_for) => {
    using workspace = new PromptWorkspace(FILES);
    const job = await workspace.accepted({ ...scripted(), ...more }, { via: 'folder', defaults });
    expect(readRequest(job.request).only_for).toBe(only_for);
  });

  it('is another one as soon as the script, its arguments, or an input of it is another', async () => {
    using workspace = new PromptWorkspace(FILES);
    const pure = scripted({ pure: true, args: [1], inputs: ['data/rows.csv'] });
    const before = await workspace.digest(pure);
    const others = [
      scripted({ pure: true, args: [2], inputs: ['data/rows.csv'] }),
      scripted({ pure: true, args: [1] }),
      scripted({ args: [1] }),
      { prompt: { script: 'prompts/other.sh', pure: true, args: [1], inputs: ['data/rows.csv'] } },
    ];
    for (const other of others) expect(await workspace.digest(other)).not.toBe(before);
    workspace.write('data/rows.csv', 'id,text\n');
    const edited = await workspace.digest(pure);
    workspace.write('data/rows.csv', FILES['data/rows.csv']);
    expect(await workspace.digest(pure)).toBe(before);
    workspace.write('prompts/make.sh', `${SCRIPT}# edited\n`);
    const rewritten = await workspace.digest(pure);
    expect(new Set([before, edited, rewritten]).size).toBe(3);
  });

  it('is the same for defaults written out, and for inputs in another order', async () => {
    using workspace = new PromptWorkspace(FILES);
    const inputs = ['data/rows.csv', 'data/x.png'];
    const [a, b] = [
      scripted({ pure: true, inputs }),
      scripted({ pure: true, args: null, inputs: [...inputs, ...inputs].toReversed() }),
    ];
    expect(await workspace.digest(a)).toBe(await workspace.digest(b));
    const [plain, written] = [scripted(), scripted({ pure: false, args: null, inputs: [] })];
    expect(await workspace.digest(plain)).toBe(await workspace.digest(written));
  });

  it('counts its command script as every other script', async () => {
    using workspace = new PromptWorkspace(FILES);
    const job = (name: string, command: unknown): object => ({
      name,
      prompt: 'x',
      configuration: { ...CONFIGURATION, command },
    });
    const pure = { script: 'commands/call.sh', pure: true };
    const accepted = await workspace.accepted(job('a', 'commands/call.sh'));
    expect(accepted.needs).toBe('workspace');
    expect(readRequest(accepted.request)).toMatchObject({
      only_for: 'a',
      command: { script: 'commands/call.sh', args: null, pure: false, source_sha256, inputs: [] },
    });
    expect(await workspace.digest(job('a', { script: 'commands/call.sh' }))).toBe(accepted.digest);
    expect(await workspace.digest(job('a', pure))).toBe(await workspace.digest(job('b', pure)));
    const before = await workspace.digest(job('a', pure));
    workspace.write('commands/call.sh', '#!/bin/sh\necho edited\n');
    expect(await workspace.digest(job('a', pure))).not.toBe(before);
  });
});

describe('R5: a job of type command', () => {
  const command = (configuration: object, more: object = {}): object => ({
    name: 'a',
    type: 'command',
    prompt: 'one two',
    ...more,
    configuration,
  });

  it('runs at the one endpoint for commands, under the base name of its program', async () => {
    using workspace = new PromptWorkspace({ ...FILES });
    const job = await workspace.accepted(command({ argv: ['commands/call.sh', '-w'] }));
    expect(job).toMatchObject({ type: 'command', endpoint: 'shell', model: 'call.sh', needs: 'exec' });
    expect(readRequest(job.request).argv).toEqual(['commands/call.sh', '-w']);
    expect(await workspace.accepted(command({ argv: ['wc'], LLM_name: 'shell' }))).toMatchObject({
      model: 'wc',
    });
    expect(await workspace.accepted(command({ argv: ['wc'], LLM_name: 'shell:x' }))).toMatchObject({
      model: 'x',
    });
  });

  it('is the same work by its command line; a program of the workspace may have changed, and is not shared', async () => {
    using workspace = new PromptWorkspace(FILES);
    const digest = (name: string, argv: readonly string[]): Promise<string> =>
      workspace.digest(command({ argv }, { name }));
    expect(await digest('a', ['wc', '-w'])).toBe(await digest('b', ['wc', '-w']));
    expect(await digest('a', ['wc', '-w'])).not.toBe(await digest('a', ['wc', '-l']));
    expect(await digest('a', ['commands/call.sh'])).not.toBe(await digest('b', ['commands/call.sh']));
  });

  it('R6: is other work as soon as its program in the workspace is edited, and says that in words', async () => {
    using workspace = new PromptWorkspace(FILES);
    const job = (name: string): object => command({ argv: ['commands/call.sh', '-w'] }, { name });
    const before = await workspace.accepted(job('a'));
    expect(readRequest(before.request)).toMatchObject({ program_sha256: source_sha256, only_for: 'a' });
    workspace.write('commands/call.sh', '#!/bin/sh\necho edited\n');
    const edited = await workspace.accepted(job('a'));
    expect(edited.digest).not.toBe(before.digest);
    const program = 'commands/call.sh';
    expect(differences(before, edited)).toEqual([
      {
        path: 'configuration.argv',
        a: { program, source_sha256 },
        b: { program, source_sha256: sha256('#!/bin/sh\necho edited\n') },
      },
    ]);
    workspace.write('commands/call.sh', SCRIPT);
    expect(await workspace.digest(job('a'))).toBe(before.digest);
    expect(readRequest((await workspace.accepted(job('b'))).request)).toMatchObject({
      program_sha256: source_sha256,
      only_for: 'b',
    });
    const other = await workspace.accepted(command({ argv: ['wc'], LLM_name: 'shell:call.sh' }));
    expect(differences(before, other).map(({ path }) => path)).toEqual(['configuration.argv', 'name']);
  });

  it('names its endpoint where there are several, and cannot be where there is none', async () => {
    using two = new PromptWorkspace(FILES, ['sh1', 'sh2']);
    expect(await two.refused(command({ argv: ['wc'] }))).toMatchObject([
      { code: 'UnknownEndpoint', got: 'nothing, and there are sh1 and sh2', hint: 'Name one of them.' },
    ]);
    expect(await two.accepted(command({ argv: ['wc'], LLM_name: 'sh2' }))).toMatchObject({ endpoint: 'sh2' });
    using none = new PromptWorkspace(FILES, []);
    expect(await none.refused(command({ argv: ['wc'] }))).toMatchObject([
      { code: 'UnknownEndpoint', hint: expect.stringContaining('"kind": "command"') },
    ]);
  });

  it('goes nowhere else, and nothing else goes there', async () => {
    using workspace = new PromptWorkspace(FILES);
    expect(await workspace.refused(command({ argv: ['wc'], LLM_name: 'ollama:x' }))).toMatchObject([
      { code: 'InvalidJob', path: 'configuration.LLM_name', hint: 'Name shell, or leave it out.' },
    ]);
    expect(await workspace.refused({ prompt: 'x', configuration: { LLM_name: 'shell:wc' } })).toMatchObject([
      {
        code: 'InvalidJob',
        path: 'configuration.LLM_name',
        hint: expect.stringContaining('"type": "command"'),
      },
    ]);
  });

  it('comes over TCP with an admin key alone', async () => {
    using workspace = new PromptWorkspace(FILES);
    const job = command({ argv: ['wc'] });
    expect(await workspace.refused(job, { via: 'tcp' })).toMatchObject([{ code: 'ExecOff', path: 'type' }]);
    expect(await workspace.refused(job, { via: 'tcp', admin: true })).toEqual([]);
  });

  it('may name addresses, and no secrets', async () => {
    using workspace = new PromptWorkspace(FILES);
    expect(await workspace.refused(command({ argv: ['curl', 'https://example.com'] }))).toEqual([]);
    const secret = 'sk-abcdefghijklmnopqrstuvwxyz';
    const faults = await workspace.refused(command({ argv: ['curl', '-H', secret] }));
    expect(faults).toMatchObject([{ code: 'SecretInJob', path: 'configuration.argv[2]' }]);
    expect(JSON.stringify(faults)).not.toContain(secret);
  });
});

describe('R2: a script that cannot be run', () => {
  const prompt = { script: 'prompts/x' };

  it('is missing', async () => {
    using workspace = new PromptWorkspace();
    expect(await workspace.refused({ prompt })).toMatchObject([
      { code: 'ScriptMissing', path: 'prompt.script', got: '"prompts/x"' },
    ]);
  });

  it.each([
    ['may not be executed', SCRIPT, 0o644, /chmod \+x prompts\/x/],
    ['names no interpreter', 'print("hello")\n', 0o755, /first line such as/],
    ['is empty', '', 0o755, /first line such as/],
    ['has line ends of Windows', '#!/usr/bin/env python3\r\nprint()\r\n', 0o755, /Save it with LF/],
  ])('%s', async (_title, text, mode, hint) => {
    using workspace = new PromptWorkspace({ 'prompts/x': text });
    chmodSync(path.join(workspace.root, 'prompts/x'), mode);
    const [fault, ...others] = await workspace.refused({ prompt });
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ code: 'ScriptNotExecutable', path: 'prompt.script' });
    expect(fault?.hint).toMatch(hint);
  });

  it('may be a program of the machine', async () => {
    using workspace = new PromptWorkspace({ 'prompts/x': Buffer.from('7f454c46020101', 'hex') });
    chmodSync(path.join(workspace.root, 'prompts/x'), 0o755);
    expect(await workspace.refused({ prompt })).toEqual([]);
  });

  it('declares an input that is not there', async () => {
    using workspace = new PromptWorkspace({ 'prompts/x': SCRIPT });
    const pure = { ...prompt, pure: true, inputs: ['data/none.csv'] };
    expect(await workspace.refused({ prompt: pure })).toMatchObject([
      { code: 'DataMissing', path: 'prompt.inputs', got: '"data/none.csv"' },
    ]);
  });

  it('is said with all else that is wrong', async () => {
    using workspace = new PromptWorkspace();
    const data = { a: { script: 'prompts/a' }, b: { file: 'data/b' }, c: { script: 'prompts/c' } };
    const configuration = { ...CONFIGURATION, command: 'commands/d' };
    const faults = await workspace.refused({ prompt: { base: '{{ a }}', data }, configuration });
    expect(faults.map(({ code, path: at }) => `${code} ${at}`).toSorted()).toEqual([
      'DataMissing prompt.data.b.file',
      'ScriptMissing configuration.command',
      'ScriptMissing prompt.data.a.script',
      'ScriptMissing prompt.data.c.script',
    ]);
  });
});
