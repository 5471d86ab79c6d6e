/** Result files of attempts that were executed without a server. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { keepResult, type Answered } from '../../src/app/result-of-execute.ts';
import type { AnswerFile } from '../../src/core/attempt.ts';
import { hashedAnswer } from '../../src/scheduler/hashed-answer.ts';
import { layoutOf, type WorkspaceLayout } from '../../src/workspace/layout.ts';
import { parseResultFile } from '../../src/workspace/result-file.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import { NOON, publicationBody } from '../workspace/publication-rows.ts';

async function workspace(): Promise<WorkspaceLayout> {
  const root = await mkdtemp(path.join(tmpdir(), 'promptd-execute-'));
  onTestFinished(async () => rm(root, { recursive: true }));
  const layout = layoutOf(root);
  await mkdir(layout.results);
  return layout;
}

function answered(text: string, files?: readonly AnswerFile[]): Answered {
  const job = jobOf('faq');
  const { meta } = publicationBody().result!;
  const answer = hashedAnswer(
    {
      name: 'faq',
      run: 1,
      attempt: 1,
      digest: job.digest,
      store_id: '',
      outcome: 'succeeded',
      answer: { text, meta, ...(files === undefined ? {} : { files }) },
      failure: null,
      timings: meta.timings,
      log: '',
    },
    null,
    { 'ollama:llama3.2:3b': { input: 1, output: 2, per: 1, currency: 'EUR', as_of: '2026-11-02' } },
  );
  if (answer === null) throw new Error('an answer was given');
  return { job, answer, prompt: job.prompt, began_at: NOON - 5, answered_at: NOON };
}

it('R9: equal answers in the same millisecond are two results, and neither is written over', async () => {
  const layout = await workspace();
  await Promise.all([keepResult(layout, answered('same')), keepResult(layout, answered('same'))]);
  expect((await readdir(layout.results)).toSorted()).toEqual([`${NOON}_faq.json`, `${NOON + 1}_faq.json`]);
});

it('R9: leaves what others put there, and no temporary file', async () => {
  const layout = await workspace();
  await writeFile(path.join(layout.results, `${NOON}_faq.json`), 'mine');
  const { file } = await keepResult(layout, answered('yes'));
  expect(path.basename(file)).toBe(`${NOON + 1}_faq.json`);
  expect(await readFile(path.join(layout.results, `${NOON}_faq.json`), 'utf8')).toBe('mine');
  expect(await readdir(layout.results)).toHaveLength(2);
});

it('R9: carries what the answer cost by the prices of the configuration, and the version that made it', async () => {
  const { result, file } = await keepResult(await workspace(), answered('yes'));
  expect(result).toEqual(parseResultFile(await readFile(file, 'utf8')));
  expect(result).toMatchObject({
    result: 'yes',
    run: null,
    cost: { amount: 11, currency: 'EUR' },
    promptd_version: expect.stringMatching(/^\d+\./),
    submitted_at: new Date(NOON - 5).toISOString(),
    accepted_at: new Date(NOON).toISOString(),
  });
  expect((await stat(file)).mode & 0o777).toBe(0o444);
});

it('R33: files that came with the answer lie beside the file that names them, one folder for each result', async () => {
  const layout = await workspace();
  const picture = {
    name: 'picture.png',
    media_type: 'image/png',
    data: Buffer.from('pixels').toString('base64'),
  };
  const first = await keepResult(layout, answered('Here.', [picture]));
  const second = await keepResult(layout, answered('Here.', [picture]));
  for (const { result } of [first, second]) {
    const [entry] = result['files'] as unknown as { readonly path: string; readonly bytes: number }[];
    expect(entry?.bytes).toBe(6);
    expect(await readFile(path.join(layout.results, entry?.path ?? ''), 'utf8')).toBe('pixels');
  }
  expect((await readdir(layout.results)).toSorted()).toEqual([
    `${NOON}_faq.files`,
    `${NOON}_faq.json`,
    `${NOON + 1}_faq.files`,
    `${NOON + 1}_faq.json`,
  ]);
});
