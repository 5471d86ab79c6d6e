// Prompts that scripts have a part in, from the acceptance of the job to the messages of its attempt.
import { describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import type { Json } from '../../src/core/json.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Message } from '../../src/core/messages.ts';
import { ProviderError } from '../../src/core/ports/provider.ts';
import { type JobAsGiven, type PromptRecipe, readPrompt, type ScriptCall } from '../../src/core/recipe.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { Programs } from '../../src/executor/programs.ts';
import { ScriptedPrompts } from '../../src/executor/prompt-builder.ts';
import { Scripts } from '../../src/executor/scripts.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { WorkspaceLinkReader } from '../../src/workspace/link-reader.ts';
import { PromptWorkspace } from '../prompt/workspace.ts';
import { orderOf, watched } from './attempts.ts';
import { PATH } from './child-processes.ts';
import { realChildren } from './real-children.ts';

const JOB: JobAsGiven = {
  name: 'faq-17',
  run: 2,
  batch: 'faq',
  key: '17',
  metadata: { gold: 'B' },
  type: 'llm',
  prompt: { script: 'prompts/make.py' },
  configuration: { LLM_name: 'gpu:m' },
};

function callOf(script: string, more: Partial<ScriptCall> = {}): ScriptCall {
  return { script, args: null, pure: false, source_sha256: '0', inputs: [], ...more };
}

/** What a script prints, or how it goes. */
type Play = (call: ScriptCall, input: Json, signal: AbortSignal) => string | Promise<string>;

async function built(
  recipe: PromptRecipe,
  play: Play,
  signal = new AbortController().signal,
): Promise<readonly Message[]> {
  const scripts = {
    run: async (call: ScriptCall, input: Json, watch: { readonly signal: AbortSignal }) =>
      play(call, input, watch.signal),
  };
  const builder = new ScriptedPrompts({ scripts });
  return builder.build(orderOf({ job: JOB, messages: [], recipe }), recipe, watched().observer, signal);
}

/** The failure that it ends with. */
async function failure(recipe: PromptRecipe, play: Play): Promise<AttemptFailure> {
  const error: unknown = await built(recipe, play).catch((thrown: unknown) => thrown);
  if (!(error instanceof ProviderError)) throw new Error(`expected a failure, got ${JSON.stringify(error)}`);
  return error.failure;
}

const script = (more: Partial<ScriptCall> = {}): PromptRecipe => ({
  kind: 'script',
  script: callOf('prompts/make.py', more),
});
const template = (
  texts: readonly string[],
  values: Record<string, Json>,
  scripts: readonly string[],
): PromptRecipe => ({
  kind: 'template',
  template: texts,
  values,
  scripts: Object.fromEntries(scripts.map((name) => [name, callOf(`prompts/${name}`)])),
});

describe('R2: the prompt that a script prints', () => {
  it('is made of the job as it was given, and of the arguments of the script', async () => {
    const inputs: Json[] = [];
    await built(script({ args: { words: 3 } }), (_call, input) => {
      inputs.push(input);
      return 'x';
    });
    expect(inputs).toEqual([{ ...JOB, args: { words: 3 } }]);
  });

  it.each([
    ['Say hello.\n', 'Say hello.'],
    ['Say hello.\r\n', 'Say hello.'],
    ['Two lines\n\n', 'Two lines\n'],
    ['  indented', '  indented'],
    ['{"a": 1}', '{"a": 1}'],
    ['{not json}', '{not json}'],
    ['[1, 2]\n', '[1, 2]'],
    ['"quoted"', '"quoted"'],
  ])('is one message of the user: %j', async (output, content) => {
    expect(await built(script(), () => output)).toEqual([{ role: 'user', content }]);
  });

  it('may be messages', async () => {
    const messages = [
      { role: 'system', content: 'S' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ];
    expect(await built(script(), () => `${JSON.stringify({ messages }, null, 2)}\n`)).toEqual([
      { role: 'system', content: 'S' },
      { role: 'user', content: 'ab' },
    ]);
  });

  it.each([
    ['', /printed nothing/],
    [' \n\t\n', /printed nothing/],
    [JSON.stringify({ messages: [] }), /expected at least one message/],
    [JSON.stringify({ messages: [{ role: 'user', content: ' ' }] }), /without any text/],
    [JSON.stringify({ messages: [{ role: 'system', content: 'x' }] }), /a message of the user/],
    [
      JSON.stringify({ messages: [{ role: 'tool', content: 'x' }] }),
      /messages\[0\]\.role: expected "system"/,
    ],
    [JSON.stringify({ messages: 'x' }), /a list of messages/],
    [JSON.stringify({ messages: [{ role: 'user', content: 'x' }], data: {} }), /prompt\.data/],
    [
      JSON.stringify({ messages: [{ role: 'user', content: [{ type: 'image', data: 'eA==' }] }] }),
      /an image or a file/,
    ],
    [
      JSON.stringify({ messages: [{ role: 'user', content: [{ type: 'image', file: '.promptd/x' }] }] }),
      /begins with a dot/,
    ],
  ])('is refused where it is none: %.60s', async (output, message) => {
    const found = await failure(script(), () => output);
    expect(found).toMatchObject({ blame: 'job', reason_code: 'ScriptOutputInvalid' });
    expect(found.message).toMatch(/^prompts\/make\.py: /);
    expect(found.message).toMatch(message);
  });

  it('is refused where it is larger than a job may be', async () => {
    // Each line end is two characters in JSON.
    const output = `x${'\n'.repeat(LIMITS.job_bytes_max * 0.6)}x`;
    expect(await failure(script(), () => output)).toMatchObject({
      blame: 'job',
      reason_code: 'ScriptOutputTooLarge',
    });
  });
});

describe('R2: a template whose data scripts make', () => {
  it('has the values of acceptance and what the scripts print: texts, or lists and objects as JSON', async () => {
    const outputs: Readonly<Record<string, string>> = {
      text: 'a text\n',
      digits: '42\n',
      list: '[{"a": 1}]\n',
      object: '{"b": {"c": "deep"}}',
    };
    const recipe = template(
      ['{{ fixed }}', '{{ text }}|{{ digits }}|{{ list[0].a }}|{{ object.b.c }}', ''],
      { fixed: 'F' },
      Object.keys(outputs),
    );
    const messages = await built(recipe, ({ script: link }) => outputs[link.slice('prompts/'.length)] ?? '');
    expect(messages).toEqual([{ role: 'user', content: 'F\n\na text|42|1|deep' }]);
  });

  it.each([
    [
      '{{ made.nothing }}',
      'VariableMissing',
      /prompt\.base: expected a field of made \(there\), got "made\.nothing"/,
    ],
    ['{{ mad }}', 'VariableMissing', /Did you mean made\?/],
    ['{% for i in (1..100000000) %}x{% endfor %}', 'TemplateLimit', /needs less memory/],
    ['{% if false %}{{ made }}{% endif %}', 'TemplateError', /not blank/],
    ['{{ made | shout }}', 'TemplateError', /undefined filter: shout/],
  ])('fails by its own reason: %s', async (base, reason_code, message) => {
    const found = await failure(template(['', base, ''], {}, ['made']), () => '{"there": 1}');
    expect(found).toMatchObject({ blame: 'job', reason_code });
    expect(found.message).toMatch(message);
  });

  it('is refused where what it makes is larger than a job may be', async () => {
    const base = '{% for i in (1..16) %}{{ made }}{% endfor %}';
    const found = await failure(template(['', base, ''], {}, ['made']), () => `${'\n'.repeat(1_000_000)}x`);
    expect(found).toMatchObject({ blame: 'job', reason_code: 'TemplateLimit' });
  });

  it('runs some scripts side by side, and all of them', async () => {
    const names = Array.from({ length: 9 }, (_, n) => `s${n}`);
    let now = 0;
    let most = 0;
    const texts = ['', names.map((name) => `{{ ${name} }}`).join(' '), ''];
    const messages = await built(template(texts, {}, names), async ({ script: link }) => {
      now += 1;
      most = Math.max(most, now);
      await new Promise<void>((resolve) => setImmediate(resolve));
      now -= 1;
      return link.slice('prompts/'.length);
    });
    expect(messages).toEqual([{ role: 'user', content: names.join(' ') }]);
    expect(most).toBe(4);
  });

  it('ends with the first script that fails: the others are ended, and none is begun', async () => {
    const begun: string[] = [];
    let isOtherEnded = false;
    const recipe = template(['', 'x', ''], {}, ['bad', 'slow', 'slow2', 'slow3', 'never']);
    const play: Play = async ({ script: link }, _input, signal) => {
      begun.push(link);
      if (link === 'prompts/bad') {
        await new Promise<void>((resolve) => setImmediate(resolve));
        throw new ProviderError({
          blame: 'transient',
          reason_code: 'ScriptFailed',
          message: 'prompts/bad: it exited with 1.',
          scope: 'endpoint',
          retry_after_ms: null,
        });
      }
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => setImmediate(resolve)));
      isOtherEnded = true;
      throw signal.reason;
    };
    expect(await failure(recipe, play)).toMatchObject({ reason_code: 'ScriptFailed' });
    expect(isOtherEnded).toBe(true);
    expect(begun).not.toContain('prompts/never');
  });

  it('is let go with the attempt', async () => {
    const outside = new AbortController();
    const recipe = template(['', '{{ a }}', ''], {}, ['a']);
    const building = built(
      recipe,
      (_call, _input, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
          setImmediate(() => outside.abort(new Error('cancelled')));
        }),
      outside.signal,
    );
    await expect(building).rejects.toThrow('cancelled');
  });
});

describe('R2: a scripted job in a real workspace', () => {
  const newChildren = realChildren();

  async function askedFor(workspace: PromptWorkspace, job: PreparedJob): Promise<readonly Message[]> {
    const programs = new Programs({ children: newChildren(), timers: systemTimers, env: { PATH } });
    const links = new WorkspaceLinkReader({ root: workspace.root });
    const builder = new ScriptedPrompts({ scripts: new Scripts({ links, programs }) });
    const { messages, recipe } = readPrompt(job.prompt);
    if (recipe === null) return messages;
    const given = JSON.parse(job.spec) as Pick<JobAsGiven, 'prompt' | 'configuration'>;
    const { name, batch, key, type, metadata = null } = job;
    const order = orderOf({ job: { name, run: 1, batch, key, type, metadata, ...given }, messages, recipe });
    return builder.build(order, recipe, watched().observer, new AbortController().signal);
  }

  it('is asked what its scripts print: Python for the prompt, a shell for its data', async () => {
    using workspace = new PromptWorkspace({
      'prompts/make.py':
        '#!/usr/bin/env python3\nimport json, sys\njob = json.load(sys.stdin)\nprint(json.dumps({"messages": [{"role": "user", "content": f"{job[\'name\']}: {job[\'args\'][\'words\']} words, for {job[\'metadata\'][\'who\']}"}]}))\n',
      'prompts/year.sh': '#!/bin/sh\ncat > /dev/null\necho 2026\n',
      'data/topic.txt': 'seeds',
    });
    const prompt = { script: 'prompts/make.py', args: { words: 50 } };
    const scripted = await workspace.accepted({ name: 'a', prompt, metadata: { who: 'grüß' } });
    expect(await askedFor(workspace, scripted)).toEqual([{ role: 'user', content: 'a: 50 words, for grüß' }]);
    const data = { topic: { file: 'data/topic.txt' }, year: { script: 'prompts/year.sh' } };
    const templated = await workspace.accepted({
      name: 'b',
      prompt: { base: '{{ topic }} of {{ year }}', data },
    });
    workspace.write('data/topic.txt', 'edited since');
    expect(await askedFor(workspace, templated)).toEqual([{ role: 'user', content: 'seeds of 2026' }]);
  });

  it('that is pure is refused when its script was edited, and otherwise runs as it is now', async () => {
    using workspace = new PromptWorkspace({ 'prompts/a.sh': '#!/bin/sh\necho before\n' });
    const [pure, free] = await Promise.all(
      [true, false].map((is) =>
        workspace.accepted({ name: 'a', prompt: { script: 'prompts/a.sh', pure: is } }),
      ),
    );
    workspace.write('prompts/a.sh', '#!/bin/sh\necho after\n');
    if (pure === undefined || free === undefined) throw new Error('expected two jobs');
    expect(await askedFor(workspace, free)).toEqual([{ role: 'user', content: 'after' }]);
    const error: unknown = await askedFor(workspace, pure).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ failure: { reason_code: 'ScriptChanged', blame: 'job' } });
  });
});
