/** G20, G22: every route of a live server refuses who is not meant, and no name, link or reference leads out of the workspace. */
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawing, PATIENCE_MS } from '../core/drawing.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { LiveServer } from './live-server.ts';

const CANARY = 'what stands outside of the workspace';

/** A URL that a route matches. */
function urlOf(route: string): string {
  return route.replace(':ref', 'a').replace(':batch', 'b').replace(':id', '0').replace('*', 'index.html');
}

describe('a route', () => {
  it(
    'G20: refuses a wrong Host, a wrong Origin and a missing key, whatever route it is, and does nothing',
    { timeout: PATIENCE_MS },
    async () => {
      await using live = await LiveServer.open();
      const { port } = await live.server.listenTcp({ host: '127.0.0.1', port: 0 });
      const host = `localhost:${port}`;
      const job = { name: 'intruder', prompt: 'x', configuration: { LLM_name: 'e:m' } };
      const refusals = [
        [{ host: `evil.example:${port}` }, 'WrongHost'],
        [{ host: 'localhost' }, 'WrongHost'],
        [{ host, origin: 'https://evil.example' }, 'WrongOrigin'],
        [{ host, origin: 'null' }, 'WrongOrigin'],
        [{ host }, 'Unauthorized'],
        [{ host, authorization: 'Bearer pd_admin_x_y' }, 'Unauthorized'],
      ] as const;
      const routes = live.server.routes();
      expect(routes.length).toBeGreaterThan(20);
      for (const { method, url, scope } of routes) {
        for (const [headers, code] of refusals) {
          if (scope === 'open' && code === 'Unauthorized') continue;
          const body = method === 'POST' ? { body: job } : {};
          const answer = await live.http.ask(urlOf(url), { method, port, headers, ...body });
          expect([method, url, answer.status]).toEqual([method, url, ERRORS[code].status]);
          if (method !== 'HEAD') expect([url, answer.json['code']]).toEqual([url, code]);
        }
      }
      expect(live.reads.counts([], {})).toEqual([]);
    },
  );
});

const PIECES = [
  '..',
  '.',
  '',
  'data',
  'prompts',
  'jobs',
  'results',
  '.promptd',
  'admin.key',
  'canary.txt',
  'up',
  '~',
];
const SPELLINGS: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => `/${path}`,
  (path) => path.replaceAll('/', '\\'),
  (path) => path.replaceAll('..', '%2e%2e').replaceAll('/', '%2f'),
  (path) => path.replaceAll('.', '\uFF0E'),
  (path) => `${path}\0.txt`,
  (path) => `file://${path}`,
  (path) => `data/${path}`,
];
/** Paths that lead anywhere: upwards, absolute, encoded, through a symlink, with odd characters in them. */
const path = fc
  .tuple(fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }), fc.constantFrom(...SPELLINGS))
  .map(([parts, spell]) => spell(parts.join('/')));

/** Those that must be among them. */
const KNOWN_TRICKS = [
  '../../outside/canary.txt',
  'data/../canary.txt',
  'data/../../outside/canary.txt',
  'data/up/canary.txt',
  '.promptd/admin.key',
  'data/../.promptd/admin.key',
  '/etc/passwd',
  'canary.txt',
];

const ROWS = '{% for row in a %}{{ row.a }}{% endfor %}';
/** Every way in which a prompt names a file. */
const DOORS: readonly ((path: string) => object)[] = [
  (file) => ({ base: '{{ a }}', data: { a: { file } } }),
  (csv) => ({ base: ROWS, data: { a: { csv } } }),
  (jsonl) => ({ base: ROWS, data: { a: { jsonl } } }),
  (json) => ({ base: ROWS, data: { a: { json } } }),
];
/** Files that they may read, in the same order. */
const ALLOWED = [
  ['data/ok.txt', 'what jobs may read'],
  ['data/ok.csv', 'a,b\n1,2\n'],
  ['data/ok.jsonl', '{"a":2}\n'],
  ['data/ok.json', '[{"a":3}]'],
] as const;

/** Every file beneath a folder, with its size. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
}

describe('a path in a request', () => {
  it(
    'G22: leads to nothing outside of data/, prompts/ and commands/, by whichever door it comes',
    { timeout: PATIENCE_MS },
    async () => {
      await using live = await LiveServer.open();
      const { root, state, data } = live.layout;
      const outside = join(live.folder, 'outside');
      mkdirSync(outside);
      writeFileSync(join(outside, 'canary.txt'), CANARY);
      writeFileSync(join(state, 'admin.key'), CANARY);
      writeFileSync(join(root, 'canary.txt'), CANARY);
      symlinkSync(outside, join(data, 'up'));
      live.models.by_itself = () => 'answer';
      const { http } = live;
      const configuration = { LLM_name: 'e:m' };
      const before = filesIn(outside);
      for (const [at, [allowed, text]] of ALLOWED.entries()) {
        writeFileSync(join(root, allowed), text);
        const answer = await http.post('/jobs', { prompt: DOORS[at]?.(allowed), configuration });
        expect(answer, 'the same words with a good path are taken').toMatchObject({ status: 201 });
      }
      await fc.assert(
        fc.asyncProperty(path, async (given) => {
          const jobs = [
            ...DOORS.map((prompt) => ({ prompt: prompt(given), configuration })),
            { name: given, prompt: 'x', configuration },
            { batch: given, key: given, prompt: 'x', configuration },
            { link: given, prompt: 'x', configuration },
            { prompt: 'x', configuration: { LLM_name: given } },
          ];
          const answers = await Promise.all(jobs.map((job) => http.post('/jobs', job)));
          const ref = encodeURIComponent(given);
          for (const url of ['', '/result', '/logs']) answers.push(await http.ask(`/jobs/${ref}${url}`));
          answers.push(await http.ask(`/batches/${ref}`), await http.delete(`/jobs/${ref}`));
          for (const answer of answers) {
            expect(answer.status).toBeLessThan(500);
            expect(answer.text).not.toContain(CANARY);
          }
        }),
        { ...drawing(60), examples: KNOWN_TRICKS.map((trick): [string] => [trick]) },
      );
      expect(live.models.calls.filter(({ question }) => question.includes(CANARY))).toEqual([]);
      await live.published();
      expect(filesIn(outside)).toEqual(before);
      expect(readdirSync(live.folder).toSorted()).toEqual(['http.sock', 'outside', 'workspace']);
      for (const folder of [live.layout.jobs, live.layout.results, live.layout.ended])
        for (const file of readdirSync(folder))
          expect(statSync(join(folder, file)).isFile(), file).toBe(true);
      expect(readFileSync(join(state, 'admin.key'), 'utf8')).toBe(CANARY);
    },
  );
});
