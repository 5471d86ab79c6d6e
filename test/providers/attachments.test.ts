// What a message has attached, on every platform: the very bytes, in the platform's words, or a refusal that says why.
import { writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointKind } from '../../src/core/endpoints.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { CallAttachment, CallMessage, ProviderAnswer } from '../../src/core/ports/provider.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { ask, callOf, failureOf, realProvider } from './calls.ts';
import { PLATFORMS, pathOf } from './vendors.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterEach(() => server.reset());
afterAll(async () => server.close());

const DATA = Buffer.from('%PNG-or-so \u0000ÿ').toString('base64');
const IMAGE: CallAttachment = { type: 'image', media_type: 'image/png', data: DATA };
const file = (media_type: string, filename?: string): CallAttachment => ({
  ...{ type: 'file', media_type, data: DATA },
  ...(filename === undefined ? {} : { filename }),
});

async function asked(kind: EndpointKind, messages: readonly CallMessage[]): Promise<ProviderAnswer> {
  return ask(realProvider(kind), callOf(kind, `${server.url}${pathOf(kind)}`, { messages }));
}

const user = (...attached: readonly CallAttachment[]): CallMessage => ({
  role: 'user',
  content: [{ type: 'text', text: 'What is ' }, ...attached, { type: 'text', text: 'this?' }],
});

/** The body's message of the user, and what becomes of an image and a PDF in it; null where it takes none. */
const URL_OF = (type: string): string => `data:${type};base64,${DATA}`;
const SAYS: Readonly<
  Record<(typeof PLATFORMS)[number], { readonly image: object; readonly pdf: object | null }>
> = {
  openai: {
    image: { type: 'image_url', image_url: { url: URL_OF('image/png') } },
    pdf: { type: 'file', file: { filename: 'a b.pdf', file_data: URL_OF('application/pdf') } },
  },
  'openai-compatible': {
    image: { type: 'image_url', image_url: { url: URL_OF('image/png') } },
    pdf: { type: 'file', file: { filename: 'a b.pdf', file_data: URL_OF('application/pdf') } },
  },
  mistral: {
    image: { type: 'image_url', image_url: URL_OF('image/png') },
    pdf: { type: 'document_url', document_url: URL_OF('application/pdf') },
  },
  anthropic: {
    image: { type: 'image', source: { type: 'base64', media_type: 'image/png', data: DATA } },
    pdf: {
      ...{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: DATA } },
      title: 'a b.pdf',
    },
  },
  google: {
    image: { inlineData: { mimeType: 'image/png', data: DATA } },
    pdf: { inlineData: { mimeType: 'application/pdf', data: DATA } },
  },
  ollama: { image: {}, pdf: null },
};

function partsSeen(): readonly object[] {
  const body = server.requests[0]?.body as JsonObject;
  const [message] = (body['messages'] ?? body['contents']) as readonly JsonObject[];
  return (message?.['content'] ?? message?.['parts']) as readonly object[];
}

describe.each(PLATFORMS)('attachments for %s', (kind) => {
  it('R3: are sent between the texts where they stand, and are no parameters', async (ctx) => {
    if (kind === 'ollama') ctx.skip('Ollama has images beside a text, not within it');
    const { pdf, image } = SAYS[kind];
    const { parameters_sent } = await asked(kind, [user(IMAGE, file('application/pdf', 'a b.pdf'))]);
    const [before, ...rest] = partsSeen();
    expect(before).toMatchObject({ text: 'What is ' });
    expect(rest).toMatchObject([image, pdf, { text: 'this?' }]);
    expect(JSON.stringify(parameters_sent)).not.toContain(DATA);
    expect(server.stats().total).toBe(1);
  });

  it('are refused before anything is sent where the platform takes none of the kind', async (ctx) => {
    if (kind === 'google') ctx.skip('Gemini is shown whatever there is, and refuses itself');
    const failure = await failureOf(asked(kind, [user(IMAGE, file('application/zip'))]));
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
    expect(failure.message).toMatch(
      new RegExp(
        `the prompt has a file \\(application/zip\\) attached, and the platform ${kind} takes image/.* only`,
      ),
    );
    expect(server.stats().total).toBe(0);
  });

  it.each(['system', 'assistant'] as const)('are refused in a message of the %s', async (role) => {
    const messages = [{ ...user(IMAGE), role }, { role: 'user', content: 'Well?' } as const];
    const failure = await failureOf(asked(kind, messages));
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
    expect(failure.message).toContain(`(image/png) attached to a message of the ${role}`);
    expect(server.stats().total).toBe(0);
  });

  it('leave texts in parts what they are: one text after the other', async () => {
    const content = [
      { type: 'text', text: 'One, ' },
      { type: 'text', text: 'two.' },
    ] as const;
    await asked(kind, [
      { role: 'system', content },
      { role: 'user', content },
      { role: 'assistant', content },
      { role: 'user', content: 'Three?' },
    ]);
    expect(server.requests[0]?.messages).toEqual([
      { role: 'system', content: 'One, two.' },
      { role: 'user', content: 'One, two.' },
      { role: 'assistant', content: 'One, two.' },
      { role: 'user', content: 'Three?' },
    ]);
  });
});

it.each([
  ['openai', 'audio/wav', { type: 'input_audio', input_audio: { data: DATA, format: 'wav' } }],
  ['openai', 'audio/mpeg', { type: 'input_audio', input_audio: { data: DATA, format: 'mp3' } }],
  ['openai-compatible', 'audio/mp3', { type: 'input_audio', input_audio: { data: DATA, format: 'mp3' } }],
  ['openai-compatible', 'video/mp4', { type: 'video_url', video_url: { url: URL_OF('video/mp4') } }],
  ['openai-compatible', 'text/csv', { type: 'text', text: Buffer.from(DATA, 'base64').toString('utf8') }],
  ['anthropic', 'text/plain', { type: 'document', source: { type: 'text', media_type: 'text/plain' } }],
  ['google', 'audio/ogg', { inlineData: { mimeType: 'audio/ogg', data: DATA } }],
] as const)('%s is shown a file of type %s in its own words', async (kind, media_type, said) => {
  await asked(kind, [user(file(media_type))]);
  expect(partsSeen()[1]).toMatchObject(said);
});

describe('Ollama', () => {
  it('R3: has images beside the text of their message, and no other message has any', async () => {
    const { parameters_sent } = await asked('ollama', [
      { role: 'system', content: 'Be brief.' },
      user(IMAGE, IMAGE),
    ]);
    expect(server.requests[0]?.body['messages']).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'What is this?', images: [DATA, DATA] },
    ]);
    expect(JSON.stringify(parameters_sent)).not.toContain(DATA);
  });

  it('takes no bytes for a path: what is sent is the image, and no file of this machine', async (ctx) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'secret'));
    // A path that is base64, too: its length is a multiple of four.
    const plain = path.join(folder, 'x'.repeat(4 + ((4 - ((folder.length + 5) % 4)) % 4)));
    writeFileSync(plain, 'a secret');
    if (Buffer.from(plain, 'base64').toString('base64') !== plain) ctx.skip('paths here are no base64');
    await asked('ollama', [user({ ...IMAGE, data: plain })]);
    expect(server.requests[0]?.body['messages']).toMatchObject([{ images: [plain] }]);
  });
});

it('the simulator counts what is attached, and says that it looked into none of it', async () => {
  const answer = await asked('simulator', [user(IMAGE, file('text/csv'))]);
  expect(answer.usage?.raw).toEqual({ counted: 'words', attachments: 2 });
  expect(answer.warnings).toContain('simulator (stand-in): looked into no attachment (image/png, text/csv).');
  const other = await asked('simulator', [user({ ...IMAGE, data: `AAAA${DATA}` }, file('text/csv'))]);
  expect(other.text).not.toBe(answer.text);
});
