/** What comes with an answer, in the terminal: files beside it, the prompt that was made for it, and what it cost. */
import path from 'node:path';
import { expect, test } from 'vitest';
import type { BatchView, JobDetail } from '../../src/core/views.ts';
import { costText } from '../../src/cli/quantities.ts';
import { sendJson } from '../client/scripted-server.ts';
import { setup } from './cli-setup.ts';

const hash = 'ab'.repeat(32);
const FILES = ['chart.png', 'no\u001b[1mtes.txt'].map((name) => ({
  ...{ name, media_type: 'image/png', bytes: 3, sha256: hash },
  path: `1700000000000_a.files/${name}`,
}));

/** A server whose job `a` is answered with two files. */
async function withFiles() {
  const cli = await setup();
  cli.fake.has({ name: 'a', state: 'completed' });
  const file = '1700000000000_a.json';
  cli.fake.server.json('GET /jobs/a/result', {
    job: 'a.json',
    result: 'see there',
    name: 'a',
    file,
    files: FILES,
  });
  return cli;
}

test('R31: result prints the text, and on stderr where the files lie that came with it', async () => {
  await using cli = await withFiles();
  const folder = path.join(cli.workspace.results_dir, '1700000000000_a.files');
  expect(await cli.run(['result', 'a'])).toEqual({
    code: 0,
    stdout: 'see there',
    stderr: `${folder}/chart.png\n${folder}/no\\x1b[1mtes.txt\n`,
  });
});

test('R31: result --path is the path of the result file alone, and --json lists the files', async () => {
  await using cli = await withFiles();
  const result_file = path.join(cli.workspace.results_dir, '1700000000000_a.json');
  expect(await cli.run(['result', 'a', '--path'])).toEqual({
    code: 0,
    stdout: `${result_file}\n`,
    stderr: '',
  });
  const { stdout } = await cli.run(['result', 'a', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ result: 'see there', files: FILES });
});

async function promptShown(
  more: JobDetail['with'],
  argv: readonly string[] = ['--prompt'],
  state = 'running',
) {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: state as 'running' });
  const asked: string[] = [];
  cli.fake.server.on('GET /jobs/a', ({ url }, response) => {
    asked.push(url);
    const view = { ...DETAIL, state, with: { attempts: [], runs: [], ...more } };
    sendJson(response, view);
  });
  const { stdout } = await cli.run(['show', 'a', ...argv]);
  const lines = stdout.split('\n');
  const at = lines.indexOf('prompt as sent');
  return { prompt: lines.slice(at + 1, lines.indexOf('', at)), asked: asked.at(-1) };
}

const DETAIL = {
  ...{ name: 'a', run: 1, batch: null, key: null, metadata: null, type: 'llm', reason: null, live: null },
  ...{ endpoint: 'e', model: 'm', digest: '1:d', shared_with: null, attempts: 1, instance: 0 },
  ...{ submitted_at: '2026-11-22T09:00:00Z', started_at: null, finished_at: null },
  options: { priority: 0, attempt_timeout_ms: 1_000, max_attempts: 4, run_at: null, tags: [] },
};
const made = (attempt: number | null, sha256: string | null) => ({
  scripts: ['prompts/ask.py', 'prompts/b.py'],
  ...{ attempt, sha256 },
});

test('R2: show --prompt prints the messages that were built at acceptance', async () => {
  const prompt = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Why?' },
  ];
  expect((await promptShown({ prompt })).prompt).toEqual(['[system]', 'Be brief.', '[user]', 'Why?']);
});

test('R1: show --prompt says of an attached file what it is, and never prints its data', async () => {
  const part = {
    type: 'file',
    media_type: 'application/pdf',
    body_sha256: hash,
    bytes: 12_000,
    filename: 'law.pdf',
  };
  const content = [
    { type: 'text', text: 'Read this.' },
    part,
    { ...part, type: 'image', filename: undefined },
  ];
  const { prompt } = await promptShown({ prompt: JSON.parse(JSON.stringify([{ role: 'user', content }])) });
  expect(prompt).toEqual([
    '[user]',
    'Read this.',
    `(law.pdf: application/pdf, 12,000 bytes, SHA-256 ${hash})`,
    `(image: application/pdf, 12,000 bytes, SHA-256 ${hash})`,
  ]);
});

test('R2: show --prompt says which scripts make the prompt, and of which attempt it is', async () => {
  const prompt = [{ role: 'user', content: 'Why?' }];
  const scripts = 'made at each attempt by prompts/ask.py, prompts/b.py';
  const second = { prompt, prompt_made: made(2, hash) };
  expect((await promptShown(second)).prompt).toEqual([`${scripts}; of attempt 2`, '[user]', 'Why?']);
  const given = await promptShown({ prompt: null, prompt_made: made(1, null) }, ['--attempt', '1']);
  expect(given.prompt).toEqual([`${scripts}; attempt 1 made none`]);
  expect(given.asked).toContain('attempt=1');
  expect(given.asked).toContain('prompt');
  const nobody = { prompt: null, prompt_made: made(null, null) };
  expect((await promptShown(nobody)).prompt).toEqual([`${scripts}; no attempt has made it yet`]);
  expect((await promptShown(nobody, ['--prompt'], 'failed')).prompt).toEqual([
    `${scripts}; no attempt made it`,
  ]);
});

test.each<readonly [string, BatchView['cost'], number]>([
  ['-', [], 0],
  ['-', [], 12],
  ['0.0184 EUR', [{ currency: 'EUR', amount: 0.0184 }], 0],
  [
    '12.50 EUR, 0.000000150 USD and 1,200 unknown',
    [
      { currency: 'EUR', amount: 12.5 },
      { currency: 'USD', amount: 1.5e-7 },
    ],
    1_200,
  ],
  ['0.00 EUR', [{ currency: 'EUR', amount: 0 }], 0],
  ['1234567.00 EUR', [{ currency: 'EUR', amount: 1_234_567 }], 0],
])('a cost is %s: what is not known is not free', (text, cost, cost_unknown) => {
  expect(costText({ cost, cost_unknown })).toBe(text);
});

test('run says what its answers cost, as far as that is known', async () => {
  await using cli = await setup();
  const costs = {
    a: { amount: 0.25, currency: 'EUR', as_of: 'x' },
    b: { amount: 0.5, currency: 'EUR', as_of: 'x' },
    c: null,
  };
  for (const name of Object.keys(costs))
    await cli.file(
      `jobs/${name}.json`,
      JSON.stringify({ prompt: name, configuration: { LLM_name: 'llama3.2:3b' } }),
    );
  cli.fake.onCreated = (run) => {
    run.cost = costs[run.name as keyof typeof costs];
    cli.fake.becomes(run, 'completed');
  };
  expect((await cli.run(['run'])).stdout).toContain('\ncost      0.750 EUR and 1 unknown\n');
});
