import { expect, test } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { sendJson, sendProblem } from '../client/scripted-server.ts';
import { job, setup } from './cli-setup.ts';

test('R20: run submits every job of jobs/, waits for all and says how they ended', async () => {
  await using cli = await setup();
  for (const n of [1, 2, 10]) await cli.file(`jobs/faq-${n}.json`, job(`question ${n}`));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  const { code, stdout, stderr } = await cli.run(['run']);
  expect(stderr).toBe('');
  expect(stdout).toBe(`jobs      3 jobs: 3 created · 0 answered before · 0 shared
ended     completed 3
tokens    30 in, 15 out
time      0.0s
answers   results/ · look at one: promptd result faq-1 --render
`);
  expect(code).toBe(0);
  // The stream is open before anything is submitted: nothing that happens in between is missed.
  const order = cli.fake.server.asked.map(({ method, url }) => `${method} ${url}`);
  expect(order.indexOf('GET /events')).toBeLessThan(order.indexOf('POST /jobs'));
});

test('run again asks nothing and says so', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  await cli.file('jobs/b.json', job('b'));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  await cli.run(['run']);
  const { code, stdout } = await cli.run(['run']);
  expect(stdout).toBe(
    '2 of 2 answered before; nothing was asked.\nanswers   results/ · look at one: promptd result a --render\n',
  );
  expect(code).toBe(0);
});

test('run asks a job whose content has changed as its next run, and says which and where it differs', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  await cli.file('jobs/b.json', job('b'));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  await cli.run(['run']);
  await cli.file('jobs/b.json', job('another b'));
  const { stdout } = await cli.run(['run']);
  expect(stdout).toContain('2 jobs: 1 created · 1 answered before · 0 shared');
  expect(stdout).toContain('changed   b (prompt.base); asked as the next run, the answers before stay');
  expect(cli.fake.runs.map(({ name, run }) => `${name}@${run}`)).toEqual(['a@1', 'b@1', 'b@2']);
});

test('jobs of a folder are submitted in the order of their names, numbers as numbers', async () => {
  await using cli = await setup();
  for (const name of ['haiku-again', 'haiku', 'faq-10', 'faq-2'])
    await cli.file(`jobs/${name}.json`, job(name));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  await cli.run(['run']);
  expect(cli.fake.runs.map(({ name }) => name)).toEqual(['faq-2', 'faq-10', 'haiku', 'haiku-again']);
});

test('run says that it does not ask again what failed or was cancelled before, and how that is done', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b', 'c']) await cli.file(`jobs/${name}.json`, job(name));
  cli.fake.onCreated = (run) => {
    if (run.name === 'a') cli.fake.becomes(run, 'failed', 'ContextTooLong');
    else cli.fake.becomes(run, run.name === 'b' ? 'cancelled' : 'completed', null);
  };
  expect((await cli.run(['run'])).stdout).not.toContain('before, not asked again');
  const { code, stdout } = await cli.run(['run']);
  expect(stdout).toContain(`before    1 failed before, not asked again; promptd retry a
before    1 cancelled before, not asked again; promptd retry b
ended     completed 1 · failed 1 · cancelled 1
`);
  expect(stdout).not.toContain('tokens');
  expect(code).toBe(10);
});

test('run refuses a taken name where it is told to, in the words of the server', async () => {
  await using cli = await setup();
  await cli.file('jobs/b.json', job('b'));
  cli.fake.has({ name: 'b', state: 'completed', content: 'else' });
  const { code, stderr } = await cli.run(['run', '--if-exists', 'same']);
  expect(stderr).toContain(
    'jobs/b.json:1:1: name: expected a free name, or the same job, got "b", which exists with another prompt',
  );
  expect(stderr).toContain('"if_exists": "new_run"');
  expect(code).toBe(6);
});

test('run shows every wrong file with line and column and submits nothing', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  await cli.file(
    'jobs/b.json',
    '{\n  "prompt": "b",\n  "configuration": {\n    "LLM_name": "m",\n    "temprature": 1\n  }\n}',
  );
  await cli.file('jobs/c.json', '{\n  "prompt": "c"\n');
  const { code, stdout, stderr } = await cli.run(['run']);
  expect(stderr).toContain('jobs/b.json:5:5: configuration.temprature');
  expect(stderr).toContain('Did you mean temperature?');
  expect(stderr).toMatch(/jobs\/c\.json:\d+:\d+: /);
  expect(stderr).toContain('in 2 files; nothing was submitted. To leave them out: --on-invalid skip');
  expect(stdout).toBe('');
  expect(code).toBe(12);
  expect(cli.ensured).toBe(0);
});

test('run leaves wrong files out where it is told to, and its exit code still tells', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  await cli.file('jobs/b.json', { prompt: 7 });
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  const { code, stdout } = await cli.run(['run', '--on-invalid', 'skip']);
  expect(stdout).toContain('1 job: 1 created');
  expect(stdout).toContain('left out  1 wrong job');
  expect(code).toBe(12);
});

test('what the server refuses is shown where it stands in the file', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  await cli.file(
    'jobs/b.json',
    '{\n  "prompt": { "base": "{{ x }}",\n    "data": { "x": { "file": "data/gone.txt" } } },\n  "configuration": { "LLM_name": "m" }\n}',
  );
  const errors = [
    {
      code: 'DataMissing',
      path: 'jobs[1].prompt.data.x.file',
      line: 2,
      column: 60,
      expected: 'a file',
      got: 'none',
    },
  ];
  cli.fake.server.on('POST /jobs', (_asked, response) =>
    sendProblem(response, 422, 'DataMissing', 'x', { errors }),
  );
  const { code, stderr } = await cli.run(['run']);
  expect(stderr).toBe(
    'jobs/b.json:3:22: prompt.data.x.file: expected a file, got none\n1 fault in 1 file; nothing was submitted.\n',
  );
  expect(code).toBe(12);
});

test('run groups failures by reason with an example and what to do', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b', 'c', 'd']) await cli.file(`jobs/${name}.json`, job(name));
  cli.fake.onCreated = (run) => {
    run.warnings = run.name === 'a' ? ['min_p was not honoured'] : [];
    if (run.name === 'a') cli.fake.becomes(run, 'completed');
    else cli.fake.becomes(run, 'failed', run.name === 'b' ? 'ContextTooLong' : 'ProviderError');
  };
  const { code, stdout } = await cli.run(['run']);
  expect(stdout).toContain('ended     completed 1 · failed 3');
  expect(stdout).toContain(
    'failed    2 × ProviderError, e.g. c: Look at the error and at the server, then: promptd retry.',
  );
  expect(stdout).toContain(
    'failed    1 × ContextTooLong, e.g. b: Shorten the prompt, or take a model with a larger context.',
  );
  expect(stdout).toContain('warning   1 × min_p was not honoured e.g. a');
  expect(code).toBe(10);
});

test('run --json gives one object with the same figures', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  const { stdout } = await cli.run(['run', '--json']);
  expect(JSON.parse(stdout)).toEqual({
    jobs: 1,
    created: 1,
    answered_before: 0,
    shared: 0,
    known: 0,
    ended_before: [],
    next_runs: null,
    refused: 0,
    states: { completed: 1 },
    spent: {
      input_tokens: 10,
      output_tokens: 5,
      tokens_unknown: 0,
      attempts: 1,
      warnings: [],
      cost: [],
      cost_unknown: 1,
    },
    elapsed_ms: 0,
    failures: [],
    results_dir: cli.workspace.results_dir,
    example: 'a',
  });
});

test('run goes on after a lost connection: it makes sure of a server and submits again, and asks nothing twice', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b']) await cli.file(`jobs/${name}.json`, job(name));
  const running = cli.start(['run'], { passing_ms: 4_000 });
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 2);
  const { port } = cli.fake.server;
  await cli.fake.server.close();
  // What happens while nobody listens is learnt from the answer to the second submission.
  cli.fake.find('a').state = 'completed';
  const again = cli.fake.opened();
  await cli.fake.server.listen({ port });
  await again;
  await until(() => cli.fake.server.calls('POST /jobs').length === 2);
  await settled();
  cli.fake.becomes(cli.fake.find('b'), 'completed');
  const { code, stdout, stderr } = await running.ended;
  expect(stderr).toContain('The connection to the server was lost; looking for it again. Nothing is lost.');
  expect(stdout).toContain('2 jobs: 2 created');
  expect(cli.fake.runs).toHaveLength(2);
  expect(cli.ensured).toBeGreaterThan(1);
  expect(code).toBe(0);
});

test('after a lost connection run finds its own run of a name that somebody else has asked anew', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  const running = cli.start(['run'], { passing_ms: 4_000 });
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 1);
  await settled();
  const mine = cli.fake.find('a');
  cli.fake.has({ name: 'a', run: 2, content: 'of somebody else' });
  mine.state = 'failed';
  mine.reason = 'ProviderError';
  cli.fake.cutStreams();
  const { code, stdout } = await running.ended;
  expect(stdout).toContain('failed 1');
  expect(cli.fake.runs).toHaveLength(2);
  expect(code).toBe(10);
});

test('run gives up at once on a server that cannot be started', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  const problem = new Problem('Unreachable', 'The server could not be started: no space left');
  const { code, stderr } = await cli.run(['run'], { deps: { ensureServer: () => Promise.reject(problem) } });
  expect(stderr).toBe('Unreachable: The server could not be started: no space left.\n');
  expect(code).toBe(5);
});

test('Ctrl-C stops the waiting and says that nothing is lost', async () => {
  await using cli = await setup();
  cli.starts = true;
  await cli.file('jobs/a.json', job('a'));
  const running = cli.start(['run']);
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 1);
  await settled();
  running.interrupt();
  const { code, stdout, stderr } = await running.ended;
  expect(code).toBe(130);
  expect(stdout).toBe('');
  expect(stderr)
    .toBe(`Started a server in the background; it ends by itself when idle (stay with it: promptd serve).
Stopped waiting; 0 of 1 job done, 1 go on without you. Nothing is lost.
The server goes on in the background and ends by itself when idle. Look: promptd status. Wait again: promptd run. Stop them: promptd cancel NAME, or --all.
`);
});

test('run takes batches of promptd and of the OpenAI format, with the file as batch and keys by line', async () => {
  await using cli = await setup();
  await cli.file(
    'law.jsonl',
    `${JSON.stringify({ ...job('x'), key: '17' })}\n\n${JSON.stringify({ ...job('y'), name: 'own' })}\n`,
  );
  const body = {
    model: 'llama3.2:3b',
    messages: [{ role: 'user', content: 'z' }],
    max_completion_tokens: 9,
    stream: true,
  };
  await cli.file(
    'vendor.jsonl',
    JSON.stringify({ custom_id: 'r-1', method: 'POST', url: '/v1/chat/completions', body }),
  );
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  await cli.run(['run', 'law.jsonl', 'vendor.jsonl']);
  const sent = cli.fake.server
    .calls('POST /jobs')[0]
    ?.body.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  const if_exists = 'new_run';
  expect(sent).toEqual([
    { ...job('x'), key: '17', batch: 'law', if_exists },
    { ...job('y'), name: 'own', batch: 'law', if_exists },
    {
      key: 'r-1',
      batch: 'vendor',
      if_exists,
      prompt: { messages: [{ role: 'user', content: 'z' }] },
      configuration: { LLM_name: 'llama3.2:3b', max_tokens: 9 },
    },
  ]);
});

test('faults of a batch are placed in its lines, under the words of its format', async () => {
  await using cli = await setup();
  const line = (body: object) =>
    JSON.stringify({ custom_id: 'r', method: 'POST', url: '/v1/chat/completions', body });
  const good = { model: 'm', messages: [{ role: 'user', content: 'z' }] };
  await cli.file(
    'vendor.jsonl',
    `${line(good)}\n${line({ ...good, temperature: -1 })}\n{"custom_id":"a","url":"/v1/embeddings","body":{}}\n`,
  );
  const { stderr, code } = await cli.run(['run', 'vendor.jsonl']);
  expect(stderr).toMatch(/vendor\.jsonl:2:\d+: body\.temperature: expected a number of 0 or more, got -1/);
  expect(stderr).toMatch(
    /vendor\.jsonl:3:18: url: expected "\/v1\/chat\/completions", got "\/v1\/embeddings"/,
  );
  expect(code).toBe(12);
});

test('two files of one name are refused', async () => {
  await using cli = await setup();
  await cli.file('one/a.json', job('x'));
  await cli.file('two/a.json', job('y'));
  const { stderr, code } = await cli.run(['run', 'one', 'two']);
  expect(stderr).toContain(
    'two/a.json:1:1: name: expected a name that is used once, got "a". It is also in one/a.json. Rename one of them.',
  );
  expect(code).toBe(12);
});

test('--batch, --limit, --tag and --priority hold for every job; --fresh is a draw of its batch', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b', 'c'])
    await cli.file(`jobs/${name}.json`, { ...job(name), options: { tags: ['own'], priority: 1 } });
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  await cli.run([
    'run',
    '--batch',
    'again',
    '--limit',
    '2',
    '--tag',
    't1',
    '--tag',
    't2',
    '--priority',
    '-3',
    '--fresh',
  ]);
  const [call] = cli.fake.server.calls('POST /jobs');
  const sent = call?.body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(sent).toHaveLength(2);
  expect(sent?.[0]).toMatchObject({
    name: 'a',
    batch: 'again',
    options: { tags: ['own', 't1', 't2'], priority: -3 },
  });
  expect(call?.url).toBe('/jobs?fresh=again');
});

test('R20: -m and -p ask one prompt without a file and print its answer alone', async () => {
  await using cli = await setup();
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  const first = await cli.run(['run', '-m', 'ollama:llama3.2:3b', '-p', 'Say hello'], {
    deps: { findWorkspace: () => Promise.resolve(null) },
  });
  expect(first).toEqual({
    code: 0,
    stdout: 'The answer of d1ge57.\n',
    stderr:
      '1 created · 0 answered before · 0 shared\n' +
      `Kept as d1ge57 in ${cli.folder}. Show it: promptd result d1ge57 --workspace ${cli.folder}\n`,
  });
  const inside = await cli.run(['run', '-m', 'ollama:llama3.2:3b', '-p', 'Say hi', '--batch', 'b']);
  expect(inside.stderr).toBe('1 created · 0 answered before · 0 shared\nKept as b.d1ge57.\n');
  const second = await cli.run(['run', '-m', 'ollama:llama3.2:3b', '-p', '-'], { stdin: 'Say hello' });
  expect(second.stderr).toBe(
    '0 created · 1 answered before · 0 shared\nAnswered before as d1ge57; nothing was asked.\n',
  );
  const wrong = await cli.run(['run', '-p', 'x']);
  expect(wrong.stderr).toContain('Which model? Give it with -m');
  expect(wrong.code).toBe(2);
});

test('R20: -m and -p say what became of the prompt where it has no answer, and beside JSON, too', async () => {
  await using cli = await setup();
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'failed');
  const failed = await cli.run(['run', '-m', 'ollama:llama3.2:3b', '-p', 'Say hello']);
  expect(failed).toMatchObject({ code: 10, stdout: '' });
  expect(failed.stderr).toMatch(/^1 created · 0 answered before · 0 shared\nd1ge57 failed/);
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  const json = await cli.run(['run', '-m', 'ollama:llama3.2:3b', '-p', 'Say hi', '--batch', 'b', '--json']);
  expect(json.stderr).toBe('1 created · 0 answered before · 0 shared\n');
  expect(JSON.parse(json.stdout)).toMatchObject({ result: 'The answer of b.d1ge57.' });
});

test('run waits until the result files are written', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  let asked = 0;
  cli.fake.server.on('GET /stats', (_asked, response) =>
    sendJson(response, { unpublished: asked++ < 3 ? 1 : 0 }),
  );
  const { code, stderr } = await cli.run(['run'], { passing_ms: 4_000 });
  expect(asked).toBe(4);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('a server that goes away right after the last answer does not take the summary with it', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  cli.fake.onCreated = (run) => cli.fake.becomes(run, 'completed');
  let asked = 0;
  cli.fake.server.on('GET /stats', (_asked, response) => {
    if (asked++ < 2) response.socket?.destroy();
    else sendJson(response, { unpublished: 0 });
  });
  const { code, stdout } = await cli.run(['run'], { passing_ms: 4_000 });
  expect(stdout).toContain('completed 1');
  expect(code).toBe(0);
  expect(cli.ensured).toBe(2);
});

/** Waits for what happens in other turns of the loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets what is on its way over local sockets arrive. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}
