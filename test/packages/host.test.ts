// JavaScript and TypeScript packages in real processes.
import { describe, expect, it } from 'vitest';
import { failureOf } from '../providers/calls.ts';
import { packageSuite } from './package-suite.ts';
import { bench } from './setup.ts';

describe('R33: every AI package: JavaScript', () => {
  packageSuite('desk.mjs');
});

/** Answers at once with what `answer(job)` in its source gives. */
function packageOf(answer: string): string {
  return `
const answers = new Map<number, unknown>();
${answer}
export const get_job_status = (instance: number): number => (answers.has(instance) ? 1 : 0);
export async function submit_job(job: any, instance: number): Promise<number> {
  answers.set(instance, await answer(job));
  return 0;
}
export const retrieve_job = (instance: number): unknown => {
  const got = answers.get(instance);
  answers.delete(instance);
  return got;
};
`;
}

describe('a JavaScript package', () => {
  it('R30: may be TypeScript, and gets its job with what is attached as files', async () => {
    const desk = await bench('desk.ts', {
      source: packageOf(`
import { readFileSync } from 'node:fs';
function answer(job: any): string {
  const [first] = job.messages;
  const [, picture] = first.content;
  return JSON.stringify([Object.keys(job).sort(), job.files.map((file: any) => readFileSync(file.path, 'utf8')),
    picture.type, picture.path === job.files[0].path, job.configuration.seed, job.metadata.folder]);
}`),
    });
    const answer = await desk.ask(
      'look',
      {},
      {
        call: {
          messages: [
            {
              role: 'user',
              content: [
                { type: 'text', text: 'Look' },
                { type: 'image', media_type: 'image/png', data: Buffer.from('a picture').toString('base64') },
              ],
            },
          ],
        },
      },
    ).answer;
    expect(JSON.parse(answer.text)).toEqual([
      ['configuration', 'file_type', 'files', 'messages', 'metadata', 'name', 'prompt'],
      ['a picture'],
      'image',
      true,
      7,
      desk.folder,
    ]);
  });

  it('R31: gives a file by its URL, and bytes of an ArrayBuffer', async () => {
    const desk = await bench('desk.ts', {
      source: packageOf(`
const answer = (job: any): unknown =>
  job.prompt === 'url' ? new URL('story.txt', import.meta.url) : new TextEncoder().encode('bytes').buffer;`),
    });
    await desk.write('story.txt', 'Once.');
    expect((await desk.ask('url').answer).text).toBe('Once.');
    expect((await desk.ask('bytes').answer).files).toEqual([
      {
        name: 'answer',
        media_type: 'application/octet-stream',
        data: Buffer.from('bytes').toString('base64'),
      },
    ]);
  });

  it.each([
    ['desk.cjs', 'module.exports = '],
    ['desk.mjs', 'export default '],
  ])('R33: may have its functions in what it exports by default: %s', async (file, begin) => {
    const source = `${begin}{
      done: false,
      get_job_status() { return this.done ? 1 : 0; },
      submit_job() { this.done = true; return 0; },
      retrieve_job() { this.done = false; return 'by this'; },
    };`;
    const desk = await bench(file, { source });
    expect((await desk.ask('Hello').answer).text).toBe('by this');
  });

  it.each([
    ['export function (', 'SyntaxError'],
    ["throw new Error('not today')", 'Error: not today'],
    ['export const get_job_status = () => 0;', 'desk.mjs exports no function submit_job, retrieve_job'],
  ])('R33: fails the attempts where its file cannot be loaded: %s', async (source, sentence) => {
    const desk = await bench('desk.mjs', { source });
    const failure = await failureOf(desk.ask('Hello').answer);
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
    expect(failure.message).toContain('desk: the package could not be loaded: ');
    expect(failure.message).toContain(sentence);
  });

  it('R31: refuses a path that is no regular file, which might never end', async () => {
    const desk = await bench('desk.mjs');
    const failure = await failureOf(desk.ask('Draw', { answer: 'path', file: '../../dev/zero' }).answer);
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'PackageError' });
    expect(failure.message).toContain('/dev/zero is no regular file');
  });

  it('R33: an error of its own that nobody catches ends its process, and the attempt with it', async () => {
    const desk = await bench('desk.mjs', {
      source: `
        export const get_job_status = () => -1;
        export const retrieve_job = () => null;
        export function submit_job() { setTimeout(() => { throw new Error('in the background'); }, 30); return 0; }
      `
        .replace('() => -1', '() => (globalThis.taken ? -1 : 0)')
        .replace('submit_job() {', 'submit_job() { globalThis.taken = true;'),
    });
    const failure = await failureOf(desk.ask('Hello').answer);
    expect(failure.message).toContain('exited with code 1');
    expect(failure.message).toContain('in the background');
  });
});
