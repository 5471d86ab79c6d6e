import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/core/errors.ts';
import { digestHex, digestOf, sha256 } from '../../src/core/identity.ts';
import { type Message, textOf } from '../../src/core/messages.ts';
import { LinkError, type LinkReader } from '../../src/core/ports/link-reader.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { createPrepare, type Prepare, type PrepareFrom } from '../../src/prompt/prepare.ts';

const FILES: Readonly<Record<string, string>> = {
  'data/article.txt': 'Grün ist die Hoffnung. 😀\n',
  'data/questions.csv': '\uFEFFid,question,answer\n1,"What, now?",a\n2,Why?,b\n\n3,Why?,"c ""quoted"""\n',
  'data/questions.tsv': 'id\tquestion\n1\tTab?\n',
  'data/rows.jsonl': '{"id": 7, "text": "seven"}\n\n{"id": 8, "text": "eight", "tags": ["x", "y"]}\n',
  'data/settings.json': '{"tone": "kind", "limits": {"words": 50}}',
  'data/list.json': '[{"a": 1}, {"a": 2}]',
  'data/uneven.csv': 'a,b\n1,2\n1,2,3\n',
  'data/twice.csv': 'a,a\n1,2\n',
  'data/broken.jsonl': '{"a": 1}\n{"a": }\n',
  'data/digits.json': '{"id": 12345678901234567890}',
};

function setup(files: Record<string, string | Uint8Array> = { ...FILES }): {
  prepare: Prepare;
  files: typeof files;
  reads: string[];
} {
  const reads: string[] = [];
  const links: LinkReader = {
    async read(path) {
      reads.push(path);
      await Promise.resolve();
      const content = files[path];
      if (content === undefined) throw new LinkError('missing', 'there is no such file');
      return typeof content === 'string' ? new TextEncoder().encode(content) : content;
    },
    script: () => Promise.reject(new LinkError('missing', 'there is no such file')),
  };
  const endpoints = new Map([
    ['ollama', { name: 'ollama', kind: 'ollama' as const }],
    ['simulator', { name: 'simulator', kind: 'simulator' as const }],
  ]);
  return { prepare: createPrepare({ endpoints, default_endpoint: 'ollama', links }), files, reads };
}

const configuration = { LLM_name: 'ollama:llama3.2:3b' };
const socket: PrepareFrom = { via: 'socket' };

async function accepted(
  job: object,
  from: PrepareFrom = socket,
  prepare = setup().prepare,
): Promise<PreparedJob> {
  const prepared = await prepare({ configuration, ...job }, from);
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
  return prepared.job;
}

async function sent(prompt: unknown): Promise<readonly Message[]> {
  return JSON.parse((await accepted({ prompt })).prompt) as Message[];
}

async function refused(prompt: unknown, from: PrepareFrom = socket): Promise<readonly Fault[]> {
  const prepared = await setup().prepare({ prompt, configuration }, from);
  return prepared.ok ? [] : prepared.faults;
}

/** The text that a template gives with some data. */
async function rendered(base: string, data: object): Promise<string> {
  const [message] = await sent({ base, data });
  return message === undefined ? '' : textOf(message);
}

describe('R2: building a prompt', () => {
  it('makes one user message of a text, which is no template', async () => {
    expect(await sent('Say {{ hello }}.')).toEqual([{ role: 'user', content: 'Say {{ hello }}.' }]);
  });

  it('sends messages as they are given', async () => {
    const messages = [
      { role: 'system', content: 'Be {{ kind }}.' },
      { role: 'user', content: 'Hello.' },
    ];
    expect(await sent({ messages })).toEqual(messages);
  });

  it('joins prepended text, base and appended text by blank lines, and leaves out empty ones', async () => {
    expect(await sent({ prepend: 'P', base: 'B', append: 'A' })).toEqual([
      { role: 'user', content: 'P\n\nB\n\nA' },
    ]);
    expect(await sent({ prepend: '', base: 'B\n', append: 'A' })).toEqual([
      { role: 'user', content: 'B\n\n\nA' },
    ]);
    expect(
      await sent({ prepend: '{% if no %}x{% endif %}', base: 'B', data: { no: { value: false } } }),
    ).toEqual([{ role: 'user', content: 'B' }]);
  });

  it('reads data from texts, values, files and rows', async () => {
    expect(await rendered('{{ a }}', { a: 'text' })).toBe('text');
    expect(await rendered('{{ a.b[1] }}', { a: { value: { b: [1, 2] } } })).toBe('2');
    expect(await rendered('{{ a }}', { a: { file: 'data/article.txt' } })).toBe(FILES['data/article.txt']);
    expect(await rendered('{{ q.question }}', { q: { csv: 'data/questions.csv', row: 0 } })).toBe(
      'What, now?',
    );
    expect(await rendered('{{ q.answer }}', { q: { csv: 'data/questions.csv', row: 2 } })).toBe('c "quoted"');
    expect(
      await rendered('{{ q }}', {
        q: { csv: 'data/questions.csv', row: { where: { id: 2 } }, column: 'answer' },
      }),
    ).toBe('b');
    expect(
      await rendered('{{ q }}', {
        q: { csv: 'data/questions.csv', row: { where: { question: 'Why?', id: '3' } }, column: 'id' },
      }),
    ).toBe('3');
    expect(await rendered('{{ q.question }}', { q: { csv: 'data/questions.tsv', row: 0 } })).toBe('Tab?');
    expect(
      await rendered('{{ r.text }}', { r: { jsonl: 'data/rows.jsonl', row: { where: { id: 8 } } } }),
    ).toBe('eight');
    expect(await rendered('{{ r }}', { r: { jsonl: 'data/rows.jsonl', row: 1, column: 'tags' } })).toBe(
      '["x","y"]',
    );
    expect(await rendered('{{ s.limits.words }}', { s: { json: 'data/settings.json' } })).toBe('50');
    expect(await rendered('{{ s.a }}', { s: { json: 'data/list.json', row: 1 } })).toBe('2');
    expect(
      await rendered('{% for q in all %}{{ q.id }} {% endfor %}', { all: { csv: 'data/questions.csv' } }),
    ).toBe('1 2 3 ');
  });

  it('renders the contents of messages where there is data', async () => {
    const messages = [
      { role: 'system', content: 'Be {{ tone }}.' },
      { role: 'user', content: '{{ q }}' },
    ];
    expect(await sent({ messages, data: { tone: 'kind', q: { file: 'data/article.txt' } } })).toEqual([
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: FILES['data/article.txt'] },
    ]);
  });

  it('does not take what stands in data for a template', async () => {
    expect(await rendered('{{ a }}', { a: '{{ b }}{% raw %}' })).toBe('{{ b }}{% raw %}');
  });
});

describe('R2: a prompt that cannot be built', () => {
  it.each([
    [
      '{{ artcle }}',
      { article: 'x' },
      'a variable of "data" (article)',
      '"artcle" in line 1, column 4 of the template',
      'Did you mean article?',
    ],
    [
      'x\n{{ q.questin }}',
      { q: { csv: 'data/questions.csv', row: 0 } },
      'a field of q (id, question or answer)',
      '"q.questin" in line 2, column 4 of the template',
      'Did you mean question?',
    ],
    [
      '{{ q.constructor }}',
      { q: 'x' },
      'a field of q; there are none',
      '"q.constructor" in line 1, column 4 of the template',
      undefined,
    ],
    [
      '{{ a | shout }}',
      { a: 'x' },
      'a template in Liquid',
      'undefined filter: shout, line:1, col:1',
      undefined,
    ],
    ['{% if %}', { a: 'x' }, 'a template in Liquid', expect.stringMatching(/line:1/), undefined],
    [
      '{% include "secret" %}',
      { a: 'x' },
      'a template without includes',
      'one that includes another',
      expect.any(String),
    ],
    [
      '{% if false %}x{% endif %}',
      {},
      'a prompt that is not blank',
      'a template that gave nothing',
      expect.any(String),
    ],
  ])('says what is wrong with the template %j', async (base, data, expected, got, hint) => {
    const [fault, ...others] = await refused({ base, data });
    expect(others).toEqual([]);
    const code = /^a (variable|field) of/.test(expected) ? 'VariableMissing' : 'TemplateError';
    expect(fault).toMatchObject({ code, expected, got });
    expect(fault?.hint).toEqual(hint);
  });

  it.each([
    [{ file: 'data/none.txt' }, 'file', 'a file that exists', '"data/none.txt"'],
    [{ csv: 'data/questions.csv', row: 3 }, 'row', 'a row of the file (rows go from 0 to 2)', '3'],
    [
      { csv: 'data/questions.csv', row: 0, column: 'anwser' },
      'column',
      'one of the columns "id", "question" or "answer"',
      '"anwser"',
    ],
    [
      { csv: 'data/questions.csv', row: { where: { idd: 1 } } },
      'row',
      'one of the columns "id", "question" or "answer"',
      '"idd"',
    ],
    [
      { csv: 'data/questions.csv', row: { where: { id: 9 } } },
      'row',
      'exactly one row with id = 9',
      'none of 3 rows',
    ],
    [
      { csv: 'data/questions.csv', row: { where: { question: 'Why?' } } },
      'row',
      'exactly one row with question = "Why?"',
      '2 rows (1, 2)',
    ],
    [
      { csv: 'data/uneven.csv', row: 0 },
      'csv',
      'CSV in data/uneven.csv:3',
      'Invalid Record Length: expect 2, got 3 on line 3',
    ],
    [{ csv: 'data/twice.csv', row: 0 }, 'csv', 'a header of distinct names in data/twice.csv', '"a" twice'],
    [{ jsonl: 'data/broken.jsonl', row: 0 }, 'jsonl', 'a JSON value at data/broken.jsonl:2:7', '}'],
    [
      { json: 'data/digits.json' },
      'json',
      'an integer within ±9007199254740991 at data/digits.json:1:8',
      '12345678901234567890',
    ],
    [{ json: 'data/settings.json', row: 0 }, 'row', 'a file with a list of rows', 'an object'],
  ])('says what is wrong with the data %j', async (source, key, expected, got) => {
    expect(await refused({ base: '{{ x }}', data: { x: source } })).toMatchObject([
      { code: 'DataMissing', path: `prompt.data.x.${key}`, expected, got },
    ]);
  });

  it('says everything at once', async () => {
    const faults = await refused({
      base: '{{ x }}',
      data: { a: { file: 'data/1' }, b: { file: 'data/2' }, c: 'fine' },
    });
    expect(faults.map(({ path }) => path)).toEqual(['prompt.data.a.file', 'prompt.data.b.file']);
  });

  it('says which bytes of a file are no text', async () => {
    const { prepare } = setup({ 'data/latin1.txt': new Uint8Array([0x67, 0x72, 0xfc, 0x6e]) });
    const prepared = await prepare(
      { prompt: { base: '{{ x }}', data: { x: { file: 'data/latin1.txt' } } }, configuration },
      socket,
    );
    expect(prepared).toMatchObject({
      ok: false,
      faults: [
        { code: 'DataMissing', expected: 'text in UTF-8 in data/latin1.txt:1:3', got: 'the byte 0xfc' },
      ],
    });
  });

  it('refuses links that come over TCP, with a way out', async () => {
    const prompt = { base: '{{ a }}{{ b }}', data: { a: 'text', b: { csv: 'data/questions.csv', row: 0 } } };
    expect(await refused(prompt, { via: 'tcp' })).toMatchObject([
      { code: 'LinkOverTcp', path: 'prompt.data.b.csv' },
    ]);
    expect(await refused({ base: '{{ a }}', data: { a: 'text' } }, { via: 'tcp' })).toEqual([]);
  });

  it('refuses links where there is no workspace', async () => {
    const prepare = createPrepare({ endpoints: new Map(), default_endpoint: 'ollama', links: null });
    const prepared = await prepare(
      { prompt: { base: '{{ x }}', data: { x: { file: 'data/x' } } }, configuration: { LLM_name: 'a' } },
      socket,
    );
    expect(prepared).toMatchObject({
      ok: false,
      faults: [{ code: 'LinkRefused', path: 'prompt.data.x.file' }],
    });
  });

  it('refuses a prompt that is too large once it is built', async () => {
    const { prepare } = setup({ 'data/large.txt': 'x'.repeat(9 * 1024 * 1024) });
    const prompt = {
      messages: [
        { role: 'system', content: '{{ x }}' },
        { role: 'user', content: '{{ x }}' },
      ],
      data: { x: { file: 'data/large.txt' } },
    };
    expect(await prepare({ prompt, configuration }, socket)).toMatchObject({
      ok: false,
      faults: [{ code: 'TooLarge', path: 'prompt' }],
    });
  });
});

describe('a prepared job', () => {
  it('carries its request, specification and prompt as canonical JSON, each with its hash', async () => {
    const job = await accepted({
      type: 'llm',
      prompt: { base: 'B {{ x }}', data: { x: 'X' } },
      metadata: { a: 1 },
      options: { priority: 2 },
    });
    expect(JSON.parse(job.spec)).toEqual({
      type: 'llm',
      prompt: { base: 'B {{ x }}', data: { x: 'X' } },
      configuration,
    });
    expect(job.prompt).toBe('[{"content":"B X","role":"user"}]');
    expect(job.prompt_sha256).toBe(sha256(job.prompt));
    expect(job.spec_sha256).toBe(sha256(job.spec));
    expect(job.digest).toBe(digestOf(job.request));
    expect(JSON.parse(job.request)).toMatchObject({ prompt: job.prompt_sha256, model: 'llama3.2:3b' });
    expect(job).toMatchObject({
      needs: '',
      if_exists: 'same',
      metadata: { a: 1 },
      options: { priority: 2 },
      endpoint: 'ollama',
      model: 'llama3.2:3b',
    });
  });

  it('R6: is the same work however its prompt came about', async () => {
    const { prepare, files } = setup({ 'data/x.txt': 'Say hello.' });
    const ways = [
      'Say hello.',
      { base: 'Say hello.' },
      { messages: [{ role: 'user', content: 'Say hello.' }] },
      { base: 'Say {{ w }}.', data: { w: 'hello' } },
      { base: '{{ f }}', data: { f: { file: 'data/x.txt' } } },
    ];
    const jobs = await Promise.all(ways.map((prompt) => accepted({ prompt }, socket, prepare)));
    expect(new Set(jobs.map(({ digest }) => digest)).size).toBe(1);
    files['data/x.txt'] = 'Say bye.';
    expect((await accepted({ prompt: ways[4] }, socket, prepare)).digest).not.toBe(jobs[0]?.digest);
  });

  it('R6: is other work by any change of what is sent', async () => {
    const { prepare } = setup();
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), async (a, b) => {
        fc.pre(a.trim() !== '' && b.trim() !== '');
        const [one, other] = await Promise.all([a, b].map((prompt) => accepted({ prompt }, socket, prepare)));
        expect(one?.digest === other?.digest).toBe(a === b);
      }),
    );
  });

  it.each([
    [{}, {}, /^[0-9a-f]{12}$/],
    [{ name: 'given' }, { name: 'file' }, /^given$/],
    [{}, { name: 'file' }, /^file$/],
    [{ batch: 'b', key: 'law/17' }, {}, /^b\.law-17$/],
    [{ batch: 'b' }, {}, /^b\.[0-9a-f]{12}$/],
    [{ key: 'k' }, { batch: 'night' }, /^night\.k$/],
  ])('is named by %j and the defaults %j', async (more, defaults, name) => {
    const job = await accepted({ prompt: 'x', ...more }, { via: 'folder', defaults });
    expect(job.name).toMatch(name);
    if (/[0-9a-f]{12}$/.test(job.name))
      expect(job.name.endsWith(digestHex(job.digest).slice(0, 12))).toBe(true);
  });

  it.each<[PrepareFrom, object, string, string]>([
    [{ via: 'socket' }, { name: 'a' }, 'a.json', 'http'],
    [{ via: 'tcp' }, { name: 'a' }, 'a.json', 'http'],
    [{ via: 'socket', link: 'a.json', defaults: { name: 'a' } }, {}, 'a.json', 'folder'],
    [{ via: 'folder', link: 'a.json', defaults: { name: 'a' } }, {}, 'a.json', 'folder'],
    [
      { via: 'folder', link: 'b.jsonl', defaults: { batch: 'b' } },
      { key: 'law/17' },
      'b.jsonl#law/17',
      'batch_file',
    ],
    [{ via: 'folder', link: 'b.jsonl#3' }, {}, 'b.jsonl#3', 'batch_file'],
  ])('of %j remembers where it stands', async (from, more, link, source) => {
    expect(await accepted({ prompt: 'x', ...more }, from)).toMatchObject({ link, source });
  });

  it('of a file whose name is none is refused', async () => {
    const prepared = await setup().prepare(
      { prompt: 'x', configuration },
      { via: 'folder', defaults: { name: 'my job' } },
    );
    expect(prepared).toMatchObject({
      ok: false,
      faults: [{ code: 'InvalidJob', path: 'name', got: '"my job"' }],
    });
  });

  it('comes with warnings about what will not be used, or was meant otherwise', async () => {
    const job = {
      name: 'a',
      prompt: 'x',
      configuration: { ...configuration, openai: { store: true } },
      options: { timeout: 30 },
    };
    const prepared = await setup().prepare(job, { via: 'folder', defaults: { name: 'b' } });
    expect(prepared.ok && prepared.warnings).toEqual([
      'configuration.openai is not used: the endpoint ollama is of kind ollama.',
      'options.timeout is 30 ms, which is short for a model. For seconds, write "30s".',
      'The job is called a, its file b: results go by the name of the job.',
    ]);
  });

  it('can be a fresh draw', async () => {
    const [plain, fresh, again] = await Promise.all(
      [socket, { ...socket, fresh: 'x' }, { ...socket, fresh: 'x' }].map((from) =>
        accepted({ prompt: 'x' }, from),
      ),
    );
    expect(fresh?.digest).not.toBe(plain?.digest);
    expect(again?.digest).toBe(fresh?.digest);
  });
});

describe('data files', () => {
  it('are read once for all who ask meanwhile, and anew by those who come later', async () => {
    const { prepare, files, reads } = setup();
    const ask = (row: number): Promise<PreparedJob> =>
      accepted(
        { prompt: { base: '{{ q.id }}', data: { q: { csv: 'data/questions.csv', row } } } },
        socket,
        prepare,
      );
    const jobs = await Promise.all(Array.from({ length: 300 }, (_, index) => ask(index % 3)));
    expect(reads).toEqual(['data/questions.csv']);
    expect(new Set(jobs.map(({ prompt }) => prompt)).size).toBe(3);
    files['data/questions.csv'] = 'id\nedited\n';
    expect((await ask(0)).prompt).toContain('edited');
    expect(reads).toHaveLength(2);
  });

  it('that failed once are tried again', async () => {
    const { prepare, files } = setup({});
    const job = { prompt: { base: '{{ x }}', data: { x: { file: 'data/late.txt' } } }, configuration };
    expect((await prepare(job, socket)).ok).toBe(false);
    files['data/late.txt'] = 'here';
    expect((await prepare(job, socket)).ok).toBe(true);
  });
});
