/** F73–F77, F83: what a live server does with jobs that are odd, huge, or made to harm. */
import { readdirSync } from 'node:fs';
import { gzipSync, brotliCompressSync, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { LiveServer } from './live-server.ts';

let live: LiveServer;
beforeAll(async () => {
  live = await LiveServer.open();
  live.models.by_itself = () => 'answer';
});
afterAll(() => live[Symbol.asyncDispose]());

const configuration = { LLM_name: 'e:m' };

function sendText(text: string | Buffer, headers: Record<string, string> = {}) {
  return live.http.ask('/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: text,
  });
}

/** Nothing of a refused submission is stored. */
async function leavesNothing(act: () => Promise<void>): Promise<void> {
  const before = live.reads.counts([], {});
  await act();
  expect(live.reads.counts([], {})).toEqual(before);
  expect(live.faults).toEqual([]);
}

describe('the name of a job', () => {
  it.each([
    '../../x',
    '..%2f',
    '/etc/passwd',
    'a\0b',
    'a\nb',
    '-rf',
    '.hidden',
    '..',
    'a b',
    'a/b',
    'a\\b',
    'x'.repeat(300),
    'e\u0301',
    '\u00e9',
    '\u202egnp.exe',
    '\u{1F600}',
    'a\u200bb',
    'a:b',
    'a@2',
    '',
  ])('F73: %j is refused as a name, with what a name is', async (name) => {
    await leavesNothing(async () => {
      const answer = await live.http.post('/jobs', { name, prompt: 'x', configuration });
      expect(answer).toMatchObject({ status: 422, json: { code: 'InvalidJob' } });
      const [fault] = answer.json['errors'] as { path: string; expected: string }[];
      expect(fault).toMatchObject({ path: 'name', expected: expect.stringContaining('200') as string });
    });
  });

  it('F73: may be a word of another system, end in a dot or differ in case alone: each has its own files', async () => {
    const names = ['CON', 'nul.', 'aux.json', 'Twin', 'twin', 'TWIN', 'constructor', 'toString'];
    for (const name of names)
      expect(await live.http.post('/jobs', { name, prompt: name, configuration })).toMatchObject({
        status: 201,
      });
    for (const name of names)
      expect((await live.http.ask(`/jobs/${name}?wait=20`)).json).toMatchObject({ name, state: 'completed' });
    await live.published();
    const files = readdirSync(live.layout.results).map((file) => file.replace(/^\d+_/, ''));
    for (const name of names) expect(files).toContain(`${name}.json`);
  });
});

const JOB = '"prompt": "x", "configuration": {"LLM_name": "e:m"}';

describe('a job that is too much', () => {
  it.each([
    [
      'a hundred thousand brackets',
      `{${JOB}, "metadata": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      422,
    ],
    [
      'a hundred thousand objects',
      `{${JOB}, "metadata": ${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`,
      422,
    ],
    ['the same key twice', `{${JOB}, "prompt": "y"}`, 422],
    ['an integer that loses digits', `{${JOB}, "metadata": {"id": 9007199254740993}}`, 422],
    ['a number beyond all numbers', `{${JOB}, "metadata": {"id": 1e999}}`, 422],
    ['half of a character', `{${JOB}, "metadata": {"id": "\\ud800"}}`, 422],
    ['no end', `{${JOB}`, 422],
    ['a second value', `{${JOB}} {}`, 422],
    ['NaN', `{${JOB}, "metadata": NaN}`, 422],
  ])('F75: with %s is refused whole, with its place', async (_what, text, status) => {
    await leavesNothing(async () => {
      const answer = await sendText(text);
      expect(answer.status).toBe(status);
      const [fault] = answer.json['errors'] as { line: number; column: number }[];
      expect(fault).toMatchObject({ line: 1, column: expect.any(Number) as number });
      expect(answer.text.length).toBeLessThan(100_000);
    });
  });

  it('F75: with a hundred thousand keys is refused for the size of its metadata, not taken apart', async () => {
    await leavesNothing(async () => {
      const keys = Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',');
      const answer = await sendText(`{${JOB}, "metadata": {${keys}}}`);
      expect(answer.status).toBe(422);
      expect(answer.text).toContain('metadata');
      expect(answer.text.length).toBeLessThan(100_000);
    });
  });

  it('F75: that is longer than a job may be is 413', async () => {
    await leavesNothing(async () => {
      const prompt = 'x'.repeat(LIMITS.job_bytes_max);
      expect(await sendText(JSON.stringify({ prompt, configuration }))).toMatchObject({
        status: 413,
        json: { code: 'TooLarge' },
      });
    });
  });

  it('F75: that reaches for a prototype changes none, wherever the key stands', async () => {
    const evil = '"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}';
    const texts = [
      `{${JOB}, ${evil}}`,
      `{"prompt": "x", "configuration": {"LLM_name": "e:m", ${evil}}}`,
      `{${JOB}, "options": {${evil}}}`,
      `{${JOB}, "name": "proto", "metadata": {${evil}}}`,
      `{"prompt": {"base": "{{ a.polluted }}", "data": {"a": {${evil}}}}, "configuration": {"LLM_name": "e:m"}}`,
    ];
    for (const text of texts) expect((await sendText(text)).status).toBeLessThan(500);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(({} as { polluted?: boolean }).polluted).toBe(undefined);
    expect(live.faults).toEqual([]);
    // Metadata is the caller's own, and comes back as it was given.
    const { text } = await live.http.ask('/jobs/proto');
    expect(text).toContain('"__proto__":{"polluted":true}');
  });
});

describe('the bytes of a submission', () => {
  const text = `{"name": "NAME", ${JOB}}`;
  const named = (name: string): string => text.replace('NAME', name).replace('"x"', `"${name} größer"`);

  it('F76: may begin with a byte order mark, and lines may end as on Windows', async () => {
    expect(await sendText(Buffer.from(`\uFEFF${named('bom')}`))).toMatchObject({ status: 201 });
    const lines = `\uFEFF${named('crlf-1')}\r\n\r\n${named('crlf-2')}\r\n`;
    const answer = await sendText(Buffer.from(lines), { 'content-type': 'application/x-ndjson' });
    expect(answer).toMatchObject({ status: 201, json: { created: 2 } });
    expect((await live.http.ask('/jobs/bom?with=prompt')).text).toContain('bom größer');
  });

  it.each([
    ['UTF-16, little end first', Buffer.from(`\uFEFF${text}`, 'utf16le')],
    ['UTF-16, big end first', Buffer.from(`\uFEFF${text}`, 'utf16le').swap16()],
    ['Latin-1', Buffer.from(named('latin'), 'latin1')],
    [
      'half of a surrogate pair',
      Buffer.concat([Buffer.from('{"prompt":"'), Buffer.from([0xed, 0xa0, 0x80])]),
    ],
    ['a character cut in two', Buffer.concat([Buffer.from(named('cut')), Buffer.from([0xf0, 0x9f])])],
    ['zeros', Buffer.alloc(100)],
  ])('F76: that are %s are refused with the place of the first wrong one', async (_what, bytes) => {
    await leavesNothing(async () => {
      for (const type of ['application/json', 'application/x-ndjson']) {
        const answer = await sendText(bytes, { 'content-type': type });
        expect(answer).toMatchObject({ status: 422, json: { code: 'InvalidJob' } });
        expect(answer.json['errors']).toMatchObject([{ line: expect.any(Number) as number }]);
      }
    });
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ])(
    'F77: are not inflated where they are compressed (%s): a bomb stays as small as it came',
    async (encoding, compress) => {
      await leavesNothing(async () => {
        const bomb = compress(Buffer.alloc(50 * 1024 * 1024, ' '));
        const before = process.memoryUsage().arrayBuffers;
        const answer = await sendText(bomb, { 'content-encoding': encoding });
        expect(answer).toMatchObject({ status: 400, json: { code: 'InvalidRequest' } });
        expect(answer.json['detail']).toContain('Content-Encoding');
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(25 * 1024 * 1024);
      });
    },
  );
});

describe('a template that grows', () => {
  const loops = (depth: number): string =>
    Array.from({ length: depth }, (_, i) => `{% for a${i} in rows %}`).join('') +
    'xxxxxxxxxx' +
    '{% endfor %}'.repeat(depth);
  const rows = Array.from({ length: 100 }, (_, i) => i);

  it.each([
    ['by nested loops', { base: loops(8), data: { rows: { value: rows } } }],
    ['by a range', { base: '{% for i in (1..1000000000) %}x{% endfor %}', data: { rows: { value: rows } } }],
    [
      'by doubling',
      {
        base: `{% assign a = rows %}${'{% assign a = a | concat: a %}'.repeat(40)}{{ a }}`,
        data: { rows: { value: rows } },
      },
    ],
    [
      'by text that doubles',
      {
        base: `{% assign a = "xxxxxxxx" %}${'{% assign a = a | append: a %}'.repeat(60)}{{ a }}`,
        data: { rows: { value: rows } },
      },
    ],
  ])(
    'F77: %s is stopped by its limits, and the server answers meanwhile',
    { timeout: 60_000 },
    async (_what, prompt) => {
      await leavesNothing(async () => {
        const answer = await live.http.post('/jobs', { prompt, configuration });
        expect(answer).toMatchObject({ status: 422, json: { code: 'TemplateLimit' } });
        expect((await live.http.ask('/healthz')).status).toBe(200);
      });
    },
  );
});

const ADDRESSES = [
  'http://169.254.169.254/latest/meta-data/',
  'http://[::ffff:127.0.0.1]/',
  'http://2130706433/',
  'http://0x7f.1/',
  'https://user:pass@internal.example/',
];

describe('an address in a job', () => {
  it.each(ADDRESSES)('F83: %s is taken for no endpoint and by no word of a configuration', async (url) => {
    await leavesNothing(async () => {
      for (const key of ['base_url', 'api_base', 'url', 'endpoint', 'host', 'proxy']) {
        for (const wrong of [
          { LLM_name: 'e:m', [key]: url },
          { LLM_name: 'e:m', e: { [key]: url } },
        ]) {
          const answer = await live.http.post('/jobs', { prompt: 'x', configuration: wrong });
          expect([key, answer.status]).toEqual([key, 422]);
        }
      }
    });
  });
});
