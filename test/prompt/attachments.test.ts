// Images and files of messages: stored once by the hash of their bytes, and part of the work by those alone.
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/identity.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { readPrompt } from '../../src/core/recipe.ts';
import { PNG, PromptWorkspace } from './workspace.ts';

const JPEG = Buffer.from('ffd8ffe000104a46494600', 'hex');
const PDF = Buffer.from('%PDF-1.7\n', 'latin1');
const FILES = {
  'data/x.png': PNG,
  'data/copy.png': PNG,
  'data/photo.png': JPEG,
  'data/a.pdf': PDF,
  'data/b.pdf': PDF,
  'data/notes.md': '# Notes\n',
  'data/strange.qqq': 'no idea',
  'data/empty.png': '',
};
const png64 = PNG.toString('base64');

const asked = (...content: readonly object[]): object => ({
  prompt: { messages: [{ role: 'user', content }] },
});
const text = { type: 'text', text: 'What is this?' };

async function part(workspace: PromptWorkspace, given: object): Promise<unknown> {
  const { messages } = readPrompt((await workspace.accepted(asked(text, given))).prompt);
  const [message] = messages;
  return typeof message?.content === 'string' ? null : message?.content[1];
}

describe('R2: a message with attachments', () => {
  it('names them by the hash of their base64, which is stored once', async () => {
    using workspace = new PromptWorkspace(FILES);
    const job = await workspace.accepted(
      asked(text, { type: 'image', file: 'data/x.png' }, { type: 'image', file: 'data/copy.png' }),
    );
    const body_sha256 = sha256(png64);
    const image = { type: 'image', media_type: 'image/png', body_sha256, bytes: PNG.length };
    expect(readPrompt(job.prompt).messages).toEqual([{ role: 'user', content: [text, image, image] }]);
    expect(job.attachments).toEqual({ [body_sha256]: png64 });
    expect(job.needs).toBe('');
  });

  it.each([
    ['by its bytes, whatever its name', { type: 'image', file: 'data/photo.png' }, 'image/jpeg'],
    ['by its name', { type: 'file', file: 'data/notes.md' }, 'text/markdown'],
    ['as the job says', { type: 'file', file: 'data/strange.qqq', media_type: 'Text/Plain' }, 'text/plain'],
    ['of a file in the job', { type: 'image', data: png64 }, 'image/png'],
  ])('knows the type of an attachment %s', async (_title, given, media_type) => {
    using workspace = new PromptWorkspace(FILES);
    expect(await part(workspace, given)).toMatchObject({ media_type });
  });

  it('tells the name of a file, and not that of an image', async () => {
    using workspace = new PromptWorkspace(FILES);
    expect(await part(workspace, { type: 'file', file: 'data/a.pdf' })).toMatchObject({ filename: 'a.pdf' });
    const inline = { type: 'file', data: PDF.toString('base64'), filename: 'a.pdf' };
    expect(await part(workspace, inline)).toMatchObject({ filename: 'a.pdf', media_type: 'application/pdf' });
    expect(await part(workspace, { type: 'file', file: 'data/x.png' })).toEqual({
      type: 'image',
      media_type: 'image/png',
      body_sha256: sha256(png64),
      bytes: PNG.length,
    });
  });

  it('R6: is the same work by link, in the job, or as the data: URL of other interfaces', async () => {
    using workspace = new PromptWorkspace(FILES);
    const url = `data:image/png;base64,${png64}`;
    const ways = [
      { type: 'image', file: 'data/x.png' },
      { type: 'image', file: 'data/copy.png' },
      { type: 'image', data: png64, media_type: 'image/png' },
      { type: 'image', data: png64.replace(/=+$/, '').replace(/(.{10})/g, '$1\n') },
      { type: 'image_url', image_url: { url } },
    ];
    const digests = await Promise.all(ways.map((way) => workspace.digest(asked(text, way))));
    expect(new Set(digests).size).toBe(1);
    const others = [
      { type: 'image', file: 'data/photo.png' },
      { type: 'image', file: 'data/x.png', media_type: 'image/webp' },
      { type: 'file', file: 'data/a.pdf' },
      { type: 'file', file: 'data/b.pdf' },
    ];
    const all = await Promise.all(others.map((way) => workspace.digest(asked(text, way))));
    expect(new Set([...digests, ...all]).size).toBe(1 + others.length);
  });

  it('comes over TCP with its bytes, and not as a link', async () => {
    using workspace = new PromptWorkspace(FILES);
    const url = `data:image/png;base64,${png64}`;
    const inline = asked(text, { type: 'image', data: png64 }, { type: 'image_url', image_url: { url } });
    expect(await workspace.refused(inline, { via: 'tcp' })).toEqual([]);
    expect(
      await workspace.refused(asked({ type: 'image', file: 'data/x.png' }), { via: 'tcp' }),
    ).toMatchObject([
      {
        code: 'LinkOverTcp',
        path: 'prompt.messages[0].content[0].file',
        hint: expect.stringContaining('base64'),
      },
    ]);
  });

  it('has its texts rendered, and its attachments left as they are', async () => {
    using workspace = new PromptWorkspace(FILES);
    const content = [
      { type: 'image', file: 'data/x.png' },
      { type: 'text', text: 'Is this a {{ what }}?' },
    ];
    const job = await workspace.accepted({
      prompt: { messages: [{ role: 'user', content }], data: { what: 'cat' } },
    });
    expect(readPrompt(job.prompt).messages).toMatchObject([
      { content: [{ type: 'image' }, { type: 'text', text: 'Is this a cat?' }] },
    ]);
  });

  it('may be an image alone', async () => {
    using workspace = new PromptWorkspace(FILES);
    expect(await workspace.refused(asked({ type: 'image', file: 'data/x.png' }))).toEqual([]);
  });

  it.each([
    [{ type: 'image', file: 'data/none.png' }, 'DataMissing', '.file', undefined],
    [{ type: 'image', file: 'data/empty.png' }, 'DataMissing', '.file', undefined],
    [{ type: 'file', file: 'data/strange.qqq' }, 'InvalidJob', '.media_type', /add "media_type"/],
    [{ type: 'image', file: 'data/a.pdf' }, 'InvalidJob', '', /"type": "file"/],
    [{ type: 'file', data: 'eHl6' }, 'InvalidJob', '.media_type', /add "media_type"/],
    [
      { type: 'image_url', image_url: { url: 'http://example.com/x.png' } },
      'LinkRefused',
      '.image_url.url',
      /Nothing is fetched/,
    ],
    [{ type: 'image', data: png64, detail: 'high' }, 'InvalidJob', '.detail', undefined],
  ])('is refused with %j', async (given, code, at, hint) => {
    using workspace = new PromptWorkspace(FILES);
    const [fault, ...others] = await workspace.refused(asked(given));
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ code, path: `prompt.messages[0].content[0]${at}` });
    if (hint !== undefined) expect(fault?.hint).toMatch(hint);
  });

  it('is refused where its attachments are too large together', async () => {
    const half = Buffer.concat([PNG, Buffer.alloc(LIMITS.job_bytes_max * 0.4, 1)]);
    const other = Buffer.concat([PNG, Buffer.alloc(LIMITS.job_bytes_max * 0.4, 2)]);
    using workspace = new PromptWorkspace({ 'data/1.png': half, 'data/2.png': other });
    const [one, two] = [1, 2].map((n) => ({ type: 'image', file: `data/${n}.png` }));
    expect(await workspace.refused(asked(one ?? {}, one ?? {}))).toEqual([]);
    expect(await workspace.refused(asked(one ?? {}, two ?? {}))).toMatchObject([
      { code: 'TooLarge', path: 'prompt.messages' },
    ]);
  });
});
