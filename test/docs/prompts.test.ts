// docs/prompts.md, played: its files are written into a workspace, its jobs prepared and built, its scripts run.
import { describe, expect, it } from 'vitest';
import { parseJobText } from '../../src/core/job-text.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { textOf } from '../../src/core/messages.ts';
import { type JobAsGiven, readPrompt } from '../../src/core/recipe.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { Programs } from '../../src/executor/programs.ts';
import { ScriptedPrompts } from '../../src/executor/prompt-builder.ts';
import { Scripts } from '../../src/executor/scripts.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { WorkspaceLinkReader } from '../../src/workspace/link-reader.ts';
import { orderOf, watched } from '../executor/attempts.ts';
import { PATH } from '../executor/child-processes.ts';
import { realChildren } from '../executor/real-children.ts';
import { PNG, PromptWorkspace } from '../prompt/workspace.ts';
import { blocksOf } from './blocks.ts';
import { readDoc, section, tableRows } from './tables.ts';

const doc = readDoc('docs/prompts.md');
/** Each block names the file that it is, or the job whose prompt it is. */
const blocks = blocksOf(doc).map(({ info, text }) => {
  const [language = '', file = ''] = info.split(' ');
  return { language, file, text };
});
const isPrompt = (block: (typeof blocks)[number]): boolean =>
  block.language === 'text' && block.file.startsWith('jobs/');
const files = Object.fromEntries(
  blocks.filter((block) => !isPrompt(block)).map(({ file, text }) => [file, `${text}\n`]),
);
const jobs = blocks.filter(({ language }) => language === 'jsonc');
const newChildren = realChildren();

describe('R2: docs/prompts.md', () => {
  it.each(jobs)('shows what the model of $file is sent', async ({ file, text }) => {
    using workspace = new PromptWorkspace({ ...files, 'data/chart.png': PNG });
    const name = file.slice('jobs/'.length, -'.json'.length);
    const job = await workspace.accepted(parseJobText(text).value as object, { via: 'folder', defaults: { name } });
    const { messages, recipe } = readPrompt(job.prompt);
    const given = JSON.parse(job.spec) as Pick<JobAsGiven, 'type' | 'prompt' | 'configuration'>;
    const order = orderOf({ job: { name, run: 1, batch: null, key: null, metadata: null, ...given } });
    const programs = new Programs({ children: newChildren(), timers: systemTimers, env: { PATH } });
    const links = new WorkspaceLinkReader({ root: workspace.root });
    const builder = new ScriptedPrompts({ scripts: new Scripts({ links, programs }) });
    const built =
      recipe === null
        ? messages
        : await builder.build(order, recipe, watched().observer, new AbortController().signal);
    const shown = blocks.filter((block) => isPrompt(block) && block.file === file);
    expect(shown.map((block) => block.text)).toEqual(built.slice(-1).map(textOf));
  });

  it('names its files and its codes rightly', () => {
    expect(jobs.length).toBeGreaterThanOrEqual(7);
    expect(blocks.every(({ file }) => /^(data|prompts|jobs)\//.test(file))).toBe(true);
    const codes = tableRows(section(doc, '## When it goes wrong')).flatMap(([cell]) => (cell ?? '').match(/\w+/g) ?? []);
    expect(codes.length).toBeGreaterThanOrEqual(9);
    for (const code of codes) expect(code in ERRORS || code in REASONS, code).toBe(true);
  });

  it('states the limits as they are', () => {
    expect(doc).toContain(`It has ${LIMITS.script_timeout_ms / 1_000} seconds, ${LIMITS.script_output_bytes_max / 1024 / 1024} MiB of output`);
    expect(doc).toContain(`at most ${LIMITS.job_bytes_max / 1024 / 1024} MiB\ntogether, as base64`);
    expect(LIMITS.template_time_ms).toBe(1_000);
    expect(doc).toContain(`more than a second, 10,000 tags, ${LIMITS.template_output_bytes_max / 1024 / 1024} MiB of output`);
  });
});
