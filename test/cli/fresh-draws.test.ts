/** Fresh draws by command, and what makes two jobs different. */
import { expect, test } from 'vitest';
import { canonicalRequest, digestOf, requestOf, sha256 } from '../../src/core/identity.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { sendJson } from '../client/scripted-server.ts';
import { job, setup, type TestCli } from './cli-setup.ts';

const NOW = Date.parse('2026-11-22T10:00:00.000Z');

function answersRerun(cli: TestCli, jobs: readonly object[]): void {
  cli.fake.server.on('POST /jobs/rerun', (_asked, response) => sendJson(response, { counts: {}, jobs }));
}

const bodyOfRerun = (cli: TestCli): unknown =>
  JSON.parse(cli.fake.server.calls('POST /jobs/rerun').at(-1)?.body ?? '');

test('R9: rerun asks named jobs once more and prints the next run of each', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b', 'c', 'd']) cli.fake.has({ name, state: 'completed' });
  answersRerun(cli, [
    { name: 'a', run: 2, verdict: 'created', state: 'queued' },
    { name: 'b', run: 2, verdict: 'shared', state: 'blocked' },
    { name: 'c', run: 1, verdict: 'wrong_state', state: 'running' },
    { name: 'd', run: 1, verdict: 'wrong_state', state: 'completed' },
  ]);
  const ran = await cli.run(['rerun', 'a', 'b', 'c', 'd', '--priority', '3', '--timeout', '20m']);
  expect(ran).toEqual({
    code: 0,
    stdout: 'a@2 created\nb@2 shared\nc wrong state\nd wrong state\n',
    stderr:
      '1 created · 1 shared · 1 under way, and not asked again · 1 of which nobody knows any more what was asked: submit the job itself\n',
  });
  expect(bodyOfRerun(cli)).toEqual({
    names: ['a', 'b', 'c', 'd'],
    options: { priority: 3, attempt_timeout_ms: 1_200_000 },
  });
});

test('R20: rerun of a selection shows the count and asks, or takes --yes; what has not ended is not meant', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', batch: 'x', state: 'completed' });
  cli.fake.has({ name: 'b', batch: 'x', state: 'running' });
  answersRerun(cli, [{ name: 'a', run: 2, verdict: 'created', state: 'queued' }]);
  const silent = await cli.run(['rerun', '--batch', 'x']);
  expect(silent).toMatchObject({
    code: 2,
    stderr:
      'InvalidRequest: Ask again 1 job of batch x (1 completed)? Nobody can be asked here: add --yes.\n',
  });
  expect(cli.fake.server.calls('POST /jobs/rerun')).toHaveLength(0);
  expect((await cli.run(['rerun', '--batch', 'x', '--yes'])).code).toBe(0);
  expect(bodyOfRerun(cli)).toEqual({ batch: 'x', state: ['completed', 'failed', 'cancelled'], latest: true });
});

test.each([
  ['none of them has ended', 'wrong_state', 6],
  ['there is none', 'not_found', 3],
])('rerun ends with its own code where %s', async (_title, verdict, code) => {
  await using cli = await setup();
  cli.fake.has({ name: 'a' });
  answersRerun(cli, [{ name: 'a', run: 1, verdict, state: null }]);
  expect((await cli.run(['rerun', 'a'])).code).toBe(code);
});

test('R9: --fresh is the word of its batch, or one of its own, for submit as for run', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  await cli.run(['submit', 'jobs/a.json', '--fresh', '--batch', 'again']);
  await cli.run(['run', '--fresh']);
  await cli.run(['run']);
  expect(cli.fake.server.calls('POST /jobs').map(({ url }) => url)).toEqual([
    '/jobs?fresh=again',
    `/jobs?fresh=fresh-${NOW}`,
    '/jobs',
  ]);
});

test('R6: submit says which names have a next run, what was shared, and what the server warns of', async () => {
  await using cli = await setup();
  const names = Array.from({ length: 7 }, (_, i) => `j${i}`);
  for (const name of names) {
    await cli.file(`${name}.json`, job(name));
    cli.fake.has({ name, state: 'completed', content: 'else' });
  }
  cli.fake.warnings = ['2 jobs are the same work'];
  const files = names.map((name) => `${name}.json`);
  const { stderr } = await cli.run(['submit', ...files, '--if-exists', 'new_run']);
  expect(stderr).toBe(
    `warning: 2 jobs are the same work
changed, and asked as the next run: j0 (prompt.base), j1 (prompt.base), j2 (prompt.base), j3 (prompt.base), j4 (prompt.base) and 2 more
7 created · 0 answered before · 0 shared
`,
  );
});

/** What a server, or the checks without one, make of a job of this test. */
function workOf(prompt: string, seed: number) {
  const text = canonicalJson([{ role: 'user', content: prompt }]);
  const request = canonicalRequest(
    requestOf(
      {
        type: 'llm',
        endpoint: 'ollama',
        model: 'm',
        parameters: { seed },
        extra: {},
        drawers: {},
        sample: null,
        argv: null,
      },
      { prompt_sha256: sha256(text), endpoint_kind: 'ollama' },
    ),
  );
  const spec = canonicalJson({ type: 'llm', prompt, configuration: { LLM_name: 'ollama:m', seed } });
  return { digest: digestOf(request), work: { request, spec, prompt: text } };
}

/** The job in a file, prepared as far as it goes here: its prompt and its seed. */
const LOCALLY = {
  workOf: (_workspace: unknown, given: unknown) => {
    const { prompt, configuration } = given as { prompt: string; configuration: { seed: number } };
    return Promise.resolve({ ok: true, ...workOf(prompt, configuration.seed) } as const);
  },
};

const seeded = (prompt: string, seed: number): object => ({ prompt, configuration: { LLM_name: 'm', seed } });

test('R6: explain of two files says in what they differ, with both values, and needs no server', async () => {
  await using cli = await setup();
  await cli.file('a.json', seeded('hello', 1));
  await cli.file(
    'b.jsonl',
    `${JSON.stringify({ ...seeded('good\nbye', 2), key: 'x' })}\n${JSON.stringify(seeded('z', 1))}\n`,
  );
  await cli.fake.server.close();
  const told = await cli.run(['explain', 'a.json', 'b.jsonl#x'], { deps: LOCALLY });
  expect(told).toEqual({
    code: 0,
    stderr: '',
    stdout: `Different work. What differs:
  prompt
    A hello
    B good\\nbye
  configuration.seed
    A 1
    B 2
`,
  });
  expect(cli.ensured).toBe(0);
  const json = await cli.run(['explain', 'a.json', 'b.jsonl#x', '--json'], { deps: LOCALLY });
  expect(JSON.parse(json.stdout)).toEqual({
    same: false,
    a: { job: 'a.json', digest: workOf('hello', 1).digest },
    b: { job: 'b.jsonl#x', digest: workOf('good\nbye', 2).digest },
    differs: [
      { path: 'prompt', a: 'hello', b: 'good\nbye' },
      { path: 'configuration.seed', a: 1, b: 2 },
    ],
  });
});

test('R6: explain of a job and a file that ask the same says so', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', seeded('hello', 1));
  const { digest, work } = workOf('hello', 1);
  cli.fake.has({ name: 'a', state: 'completed' });
  const parts = { request: work.request, spec: work.spec, prompt: work.prompt };
  const given = Object.fromEntries(
    Object.entries(parts).map(([key, text]) => [key, JSON.parse(text) as unknown]),
  );
  cli.fake.server.json('GET /jobs/a', { name: 'a', run: 3, digest, with: given });
  const { code, stdout } = await cli.run(['explain', 'a', 'jobs/a.json'], { deps: LOCALLY });
  expect(stdout).toBe(`The same work: ${digest}\nIt is asked once, and both have that answer.\n`);
  expect(code).toBe(0);
});

test('explain refuses what is wrong with its place, and what names no job or several', async () => {
  await using cli = await setup();
  await cli.file('a.json', seeded('hello', 1));
  await cli.file('many.jsonl', `${JSON.stringify(seeded('x', 1))}\n${JSON.stringify(seeded('y', 1))}\n`);
  await cli.file('cut.json', '{"prompt": ');
  const refused = { code: 'InvalidJob', path: 'prompt', expected: 'a text', got: 'a number' } as const;
  const deps = { workOf: () => Promise.resolve({ ok: false, faults: [refused] } as const) };
  const wrong = await cli.run(['explain', 'a.json', 'cut.json'], { deps });
  expect(wrong.code).toBe(12);
  expect(wrong.stderr).toContain('a.json:1:2: prompt: expected a text, got a number');
  expect(wrong.stderr).toMatch(/cut\.json:1:\d+: /);
  const many = await cli.run(['explain', 'a.json', 'many.jsonl'], { deps: LOCALLY });
  expect(many.stderr).toContain('many.jsonl: expected one job, got 2. Name one line of a batch by its key');
  expect(many.code).toBe(2);
  const none = await cli.run(['explain', 'a.json', 'many.jsonl#k'], { deps: LOCALLY });
  expect(none.stderr).toContain('many.jsonl: expected one job with the key "k", got 0');
  expect((await cli.run(['explain', 'a.json', 'gone.json'], { deps: LOCALLY })).code).toBe(3);
});
