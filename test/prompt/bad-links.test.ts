// A corpus of links that lead where jobs may not read, tried at every place where a job can have a link, on a real disk.
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, symlinkSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/errors.ts';
import { CONFIGURATION, PromptWorkspace, SCRIPT } from './workspace.ts';

const SECRET = 'canary-of-the-corpus';

/** Links that nobody may follow, and what the hint says of each. */
const LINKS: readonly (readonly [link: string, hint: RegExp])[] = [
  ['.promptd/queue.db', /begins with a dot/],
  ['.promptd/admin.key', /begins with a dot/],
  ['data/.promptd/admin.key', /begins with a dot/],
  ['promptd.config.json', /outside of those folders/],
  ['data/promptd.config.json/../../promptd.config.json', /upwards/],
  ['results/1_a.json', /outside of those folders/],
  ['jobs/a.json', /outside of those folders/],
  ['ended/1_a.json', /outside of those folders/],
  ['../outside.txt', /upwards/],
  ['data/../.promptd/admin.key', /upwards/],
  ['data/../../outside.txt', /upwards/],
  ['prompts/../results/1_a.json', /upwards/],
  ['/etc/passwd', /absolute/],
  ['//etc/passwd', /absolute/],
  ['C:/secret.txt', /absolute/],
  ['file:///etc/passwd', /absolute|empty name|outside of those folders/],
  ['data\\secret.txt', /backslash/],
  ['prompts/..\\..\\secret', /backslash/],
  ['prompts/x\0.txt', /NUL/],
  ['', /empty/],
  ['.', /begins with a dot/],
  ['..', /upwards/],
  ['data', /outside of those folders/],
  ['./data/fine.txt', /begins with a dot/],
  ['prompts/.hidden', /begins with a dot/],
  ['prompts/.git/config', /begins with a dot/],
  ['prompts//x.txt', /empty name/],
  ['prompts/', /empty name/],
  ['Prompts/x.txt', /outside of those folders/],
  ['~/secret', /outside of those folders/],
  [`prompts/${'x'.repeat(1_000)}`, /longer than/],
  ['prompts/to-key', /symlink/],
  ['prompts/to-outside', /symlink/],
  ['prompts/to-fine', /symlink/],
  ['prompts/into-state/admin.key', /symlink/],
  ['prompts/up/promptd.config.json', /symlink/],
  ['prompts/loop', /symlink/],
  ['prompts/loop-a/x', /symlink/],
  ['prompts/folder', /no regular file/],
  ['prompts/fifo', /no regular file/],
  ['prompts/to-null', /symlink/],
];

/** Everywhere that a job can link from; `at`: where the fault is to stand. */
const PLACES: readonly {
  readonly place: string;
  readonly at: string;
  readonly job: (link: string) => object;
}[] = [
  { place: 'prompt.script', at: 'prompt.script', job: (script) => ({ prompt: { script } }) },
  {
    place: 'inputs of prompt.script',
    at: 'prompt.inputs',
    job: (link) => ({ prompt: { script: 'prompts/ok.sh', pure: true, inputs: [link] } }),
  },
  ...(['script', 'file', 'csv', 'json', 'jsonl'] as const).map((kind) => ({
    place: `data by ${kind}`,
    at: `prompt.data.x.${kind}`,
    job: (link: string) => ({ prompt: { base: '{{ x }}', data: { x: { [kind]: link } } } }),
  })),
  {
    place: 'inputs of a data script',
    at: 'prompt.data.x.inputs',
    job: (link) => ({
      prompt: { base: '{{ x }}', data: { x: { script: 'prompts/ok.sh', pure: true, inputs: [link] } } },
    }),
  },
  ...(['image', 'file'] as const).map((type) => ({
    place: `a part of type ${type}`,
    at: 'prompt.messages[0].content[0].file',
    job: (file: string) => ({
      prompt: { messages: [{ role: 'user', content: [{ type, file, media_type: 'image/png' }] }] },
    }),
  })),
  {
    place: 'configuration.command',
    at: 'configuration.command',
    job: (command) => ({ prompt: 'x', configuration: { ...CONFIGURATION, command } }),
  },
  {
    place: 'configuration.command as an object',
    at: 'configuration.command.script',
    job: (script) => ({ prompt: 'x', configuration: { ...CONFIGURATION, command: { script } } }),
  },
];

let workspace: PromptWorkspace;

beforeAll(() => {
  workspace = fill(new PromptWorkspace());
});

afterAll(() => workspace[Symbol.dispose]());

function fill(made: PromptWorkspace): PromptWorkspace {
  for (const [file, text] of Object.entries({
    '.promptd/admin.key': SECRET,
    '.promptd/queue.db': SECRET,
    'promptd.config.json': SECRET,
    'results/1_a.json': SECRET,
    'jobs/a.json': SECRET,
    'ended/1_a.json': SECRET,
    'data/fine.txt': 'fine',
    'prompts/fine.txt': 'fine',
    'prompts/.hidden': SECRET,
    'prompts/ok.sh': SCRIPT,
  }))
    made.write(file, text);
  const at = (name: string): string => path.join(made.root, 'prompts', name);
  symlinkSync('../.promptd/admin.key', at('to-key'));
  symlinkSync('/etc/passwd', at('to-outside'));
  symlinkSync('fine.txt', at('to-fine'));
  symlinkSync('../.promptd', at('into-state'));
  symlinkSync('..', at('up'));
  symlinkSync('loop', at('loop'));
  symlinkSync('loop-b', at('loop-a'));
  symlinkSync('loop-a', at('loop-b'));
  symlinkSync('/dev/null', at('to-null'));
  mkdirSync(at('folder'));
  execFileSync('mkfifo', ['-m', '755', at('fifo')]);
  return made;
}

describe.each(PLACES)('R2: a bad link in $place', ({ at, job }) => {
  it.each(LINKS)('%j is refused', async (link, hint) => {
    const faults = await workspace.refused(job(link));
    expect(faults.map(({ code }) => code)).toEqual(['LinkRefused'] satisfies ErrorCode[]);
    expect(faults[0]?.path.replace(/\[0\]$/, at.endsWith('inputs') ? '' : '[0]')).toBe(at);
    expect(faults[0]?.hint).toMatch(/^Refused because /);
    expect(faults[0]?.hint).toMatch(hint);
    expect(JSON.stringify(faults)).not.toContain(SECRET);
  });
});

describe('R2: a program of a command', () => {
  it.each(LINKS.filter(([link]) => /[/\\]|^\./.test(link)))('%j is refused', async (link) => {
    const job = { type: 'command', prompt: 'x', configuration: { argv: [link] } };
    const faults = await workspace.refused(job);
    const codes = link.includes('\0') ? ['InvalidJob'] : ['LinkRefused'];
    expect(faults.map(({ code }) => code)).toEqual(codes);
  });
});

describe('R2: what looks like a bad link, and is none', () => {
  it('is a second name of a plain file, or a name with dots inside', async () => {
    const at = (name: string): string => path.join(workspace.root, 'data', name);
    linkSync(at('fine.txt'), at('a..b.txt'));
    const job = { prompt: { base: '{{ x }}', data: { x: { file: 'data/a..b.txt' } } } };
    expect(await workspace.refused(job)).toEqual([]);
    unlinkSync(at('a..b.txt'));
  });

  it('is a file that the user may not read, which is refused all the same', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may read every file');
    workspace.write('data/closed.txt', SECRET);
    chmodSync(path.join(workspace.root, 'data/closed.txt'), 0);
    expect(
      await workspace.refused({ prompt: { base: '{{ x }}', data: { x: { file: 'data/closed.txt' } } } }),
    ).toMatchObject([{ code: 'LinkRefused' }]);
  });
});

describe('R2: a template that would read files', () => {
  const TAGS = [
    '{% include "data/fine.txt" %}',
    '{% include x %}',
    '{%- include "/etc/passwd" -%}',
    '{% render "prompts/fine.txt" %}',
    '{% render "../promptd.config.json", a: 1 %}',
    '{% layout "prompts/fine.txt" %}',
    '{% layout none %}',
    '{% block a %}x{% endblock %}',
    '{% if false %}{% include "x" %}{% endif %}',
    '{% liquid\ninclude "x" %}',
    '{% capture a %}{% render "x" %}{% endcapture %}',
  ];

  it.each(TAGS)('%j is refused, wherever it stands', async (tag) => {
    const data = { x: 'data/fine.txt' };
    const expected = {
      code: 'TemplateError',
      expected: 'a template without includes',
      hint: 'Put the text in as data: {"file": "prompts/…"}.',
    };
    const scripted = { ...data, made: { script: 'prompts/ok.sh' } };
    for (const prompt of [
      { base: tag, data },
      { base: 'x', append: tag, data },
      { messages: [{ role: 'user', content: tag }], data },
      { base: tag, data: scripted },
    ])
      expect(await workspace.refused({ prompt })).toMatchObject([expected]);
  });
});
