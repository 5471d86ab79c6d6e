import { expect, test } from 'vitest';
import { openSse, sendJson } from '../client/scripted-server.ts';
import { job, setup } from './cli-setup.ts';

test('R20: submit prints a name a line, and on stderr what was new', async () => {
  await using cli = await setup();
  await cli.file('a.json', job('a'));
  await cli.file('b.json', job('b'));
  cli.fake.has({
    name: 'b',
    state: 'completed',
    content: JSON.stringify(['b', { LLM_name: 'llama3.2:3b' }]),
  });
  const ran = await cli.run(['submit', 'a.json', 'b.json']);
  expect(ran).toEqual({ code: 0, stdout: 'a\nb\n', stderr: '1 created · 1 answered before · 0 shared\n' });
});

test('R20: submit packs every option into the JSON of the job', async () => {
  await using cli = await setup();
  const options = [
    '--priority',
    '5',
    '--timeout',
    '2m',
    '--max-attempts',
    '2',
    '--run-at',
    '2h',
    '--tag',
    'x',
  ];
  await cli.run([
    'submit',
    '-m',
    'm',
    '-p',
    'Hello',
    ...options,
    '--batch',
    'b',
    '--key',
    'k',
    '--name',
    'n',
  ]);
  expect(JSON.parse(cli.fake.server.calls('POST /jobs')[0]?.body ?? '')).toEqual({
    name: 'n',
    batch: 'b',
    key: 'k',
    prompt: 'Hello',
    configuration: { LLM_name: 'm' },
    options: { priority: 5, timeout: '2m', max_attempts: 2, run_at: '2026-11-22T12:00:00.000Z', tags: ['x'] },
  });
});

test.each([
  ['one object', JSON.stringify(job('a')), 1],
  ['an array', JSON.stringify([job('a'), { ...job('b'), name: 'b' }]), 2],
  ['one a line', `${JSON.stringify(job('a'))}\n${JSON.stringify({ ...job('b'), name: 'b' })}\n`, 2],
])('submit - reads %s from stdin', async (_what, stdin, jobs) => {
  await using cli = await setup();
  const { code } = await cli.run(['submit', '-'], { stdin });
  expect(code).toBe(0);
  expect(cli.fake.runs).toHaveLength(jobs);
});

test('submit refuses a name that stands for other work with the words of the server, and exit code 6', async () => {
  await using cli = await setup();
  await cli.file('b.json', job('b'));
  cli.fake.has({ name: 'b', state: 'completed', content: 'else' });
  const { code, stdout, stderr } = await cli.run(['submit', 'b.json']);
  expect(stdout).toBe('');
  expect(stderr).toBe(
    '409 NameTaken: "b" exists with another prompt. To ask again under this name: "if_exists": "new_run". Its first answer stays.\n',
  );
  expect(code).toBe(6);
  expect((await cli.run(['submit', 'b.json', '--if-exists', 'new_run'])).stdout).toBe('b@2\n');
});

test('submit --wait ends with the code of the worst end', async () => {
  await using cli = await setup();
  await cli.file('a.json', job('a'));
  await cli.file('b.json', job('b'));
  cli.fake.onCreated = (run) =>
    cli.fake.becomes(
      run,
      run.name === 'a' ? 'completed' : 'cancelled',
      run.name === 'a' ? null : 'Cancelled',
    );
  const { code, stderr } = await cli.run(['submit', 'a.json', 'b.json', '--wait']);
  expect(stderr).toContain('completed 1 · cancelled 1');
  expect(code).toBe(11);
});

test('ls shows the newest first and says how many more', async () => {
  await using cli = await setup();
  for (let n = 1; n <= 60; n++) cli.fake.has({ name: `faq-${n}`, state: 'completed' });
  cli.fake.has({ name: 'evil', state: 'failed', reason: 'ProviderError' });
  const { stdout, stderr } = await cli.run(['ls']);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toBe(
    'NAME    STATE      REASON         LANE                ATTEMPTS    AGE  TIME  INSTANCE',
  );
  expect(lines[1]).toBe(
    'evil    failed     ProviderError  ollama:llama3.2:3b         1  1h00m  2.5s         0',
  );
  expect(lines).toHaveLength(51);
  expect(stderr).toBe('11 more. All of them: --all; fewer: --state, --batch, --since, …\n');
  expect((await cli.run(['ls', '--all'])).stdout.trimEnd().split('\n')).toHaveLength(62);
});

test('ls --json gives every job, one object a line, and nothing else on stdout', async () => {
  await using cli = await setup();
  for (let n = 1; n <= 60; n++) cli.fake.has({ name: `faq-${n}` });
  const { stdout, stderr } = await cli.run(['ls', '--json', '--state', 'queued']);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string });
  expect(lines).toHaveLength(60);
  expect(lines[0]).toMatchObject({ name: 'faq-60', state: 'queued', endpoint: 'ollama' });
  expect(stderr).toBe('');
});

test('names and texts of others cannot steer the terminal', async () => {
  await using cli = await setup();
  const run = cli.fake.has({
    name: 'a',
    state: 'completed',
    answer: 'bold \u001b[1m and \u001b]52;c;ZXZpbA==\u0007 clip\u009b2J',
  });
  const onTerminal = await cli.run(['result', 'a'], { tty: true });
  expect(onTerminal.stdout).toBe('bold \\x1b[1m and \\x1b]52;c;ZXZpbA==\\x07 clip\\x9b2J\n');
  const rendered = await cli.run(['result', 'a', '--render'], { tty: true, env: { NO_COLOR: '1' } });
  expect(rendered.stdout).not.toContain('\u001b]52');
  // Into a file it goes as the model gave it.
  expect((await cli.run(['result', 'a'])).stdout).toBe(run.answer);
});

test('result tells why there is none by sentence and exit code', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'q', state: 'queued' });
  cli.fake.has({ name: 'f', state: 'failed', reason: 'ContextTooLong' });
  expect(await cli.run(['result', 'q'])).toEqual({
    code: 6,
    stdout: '',
    stderr: 'q has no result; it is queued\nWait for it: promptd wait q\n',
  });
  const failed = await cli.run(['result', 'f', '--json']);
  expect(JSON.parse(failed.stdout)).toMatchObject({ job: 'f.json', result: null });
  expect(failed.code).toBe(10);
});

test('result --path names the file, --render renders its Markdown', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'completed', answer: '# Title\n\n- one\n- **two**\n' });
  expect((await cli.run(['result', 'a', '--path'])).stdout).toBe(
    `${cli.folder}/results/1700000000000_a.json\n`,
  );
  const { stdout } = await cli.run(['result', 'a', '--render']);
  expect(stdout).toContain('Title');
  expect(stdout).toContain('two');
  expect(stdout).not.toContain('**');
});

test('a unique beginning of a name stands for it, and is said', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'faq-17', state: 'completed', answer: 'yes' });
  cli.fake.has({ name: 'law-1', state: 'completed' });
  cli.fake.has({ name: 'law-2', state: 'completed' });
  expect(await cli.run(['result', 'faq'])).toEqual({ code: 0, stdout: 'yes', stderr: 'faq → faq-17\n' });
  const several = await cli.run(['result', 'law']);
  expect(several).toMatchObject({
    code: 3,
    stderr: 'NotFound: "law" fits several jobs: law-2, law-1. Give more of the name.\n',
  });
  const none = await cli.run(['result', 'xyz']);
  expect(none).toMatchObject({
    code: 3,
    stderr: 'NotFound: There is no job "xyz", and none whose name begins so. Look with: promptd ls\n',
  });
  expect((await cli.run(['result', 'no such'])).code).toBe(2);
});

test('a name that is the beginning of others stands for itself', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'law', state: 'completed', answer: 'law' });
  cli.fake.has({ name: 'law-2', state: 'completed' });
  expect(await cli.run(['result', 'law'])).toEqual({ code: 0, stdout: 'law', stderr: '' });
});

function answersCancel(cli: Awaited<ReturnType<typeof setup>>): void {
  cli.fake.server.on('POST /jobs/cancel', (_asked, response) =>
    sendJson(response, {
      counts: {},
      jobs: [
        { name: 'a', run: 1, verdict: 'cancelled', state: 'cancelled' },
        { name: 'b', run: 1, verdict: 'cancelling', state: 'running' },
      ],
    }),
  );
}

test('a bulk change shows the count and asks; without a terminal it changes nothing without --yes', async () => {
  await using cli = await setup();
  answersCancel(cli);
  cli.fake.has({ name: 'a', batch: 'x' });
  cli.fake.has({ name: 'b', batch: 'x', state: 'running' });
  cli.fake.has({ name: 'c', batch: 'x', state: 'completed' });
  const silent = await cli.run(['cancel', '--batch', 'x']);
  expect(silent.stderr).toBe(
    'InvalidRequest: Cancel 2 jobs of batch x (1 running, 1 queued)? Nobody can be asked here: add --yes.\n',
  );
  expect(silent.code).toBe(2);
  const no = await cli.run(['cancel', '--batch', 'x'], { tty: true, stdin: 'n\n', env: { NO_COLOR: '1' } });
  expect(no).toMatchObject({
    code: 1,
    stderr: 'Cancel 2 jobs of batch x (1 running, 1 queued)? [y/N] Nothing was changed.\n',
  });
  expect(cli.fake.server.calls('POST /jobs/cancel')).toHaveLength(0);
  const yes = await cli.run(['cancel', '--batch', 'x'], {
    tty: true,
    stdin: 'yes\n',
    env: { NO_COLOR: '1' },
  });
  expect(yes.stdout).toBe('a cancelled\nb cancelling\n');
  expect(yes.code).toBe(0);
  const told = await cli.run(['cancel', '--batch', 'x', '--yes', '--json']);
  expect(
    told.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([{ verdict: 'cancelled' }, { verdict: 'cancelling' }]);
  expect(JSON.parse(cli.fake.server.calls('POST /jobs/cancel').at(-1)?.body ?? '')).toEqual({
    batch: 'x',
    state: ['scheduled', 'queued', 'blocked', 'running', 'retrying'],
    latest: true,
  });
});

test('R20: cancel of named jobs asks nothing and tells what runs on until its instance confirms', async () => {
  await using cli = await setup();
  answersCancel(cli);
  cli.fake.has({ name: 'a' });
  cli.fake.has({ name: 'b', state: 'running' });
  const { code, stderr } = await cli.run(['cancel', 'a', 'b']);
  expect(stderr).toBe('1 cancelled · 1 cancelling (they end when their instance confirms)\n');
  expect(code).toBe(0);
  expect(JSON.parse(cli.fake.server.calls('POST /jobs/cancel')[0]?.body ?? '')).toEqual({
    names: ['a', 'b'],
  });
});

test('a verb without a selection asks which jobs, and changes nothing', async () => {
  await using cli = await setup();
  for (const verb of ['cancel', 'retry', 'wait']) {
    const { code, stderr } = await cli.run([verb]);
    expect(stderr).toContain('Which jobs? Name them, or select them: --batch');
    expect(code).toBe(2);
  }
  expect((await cli.run(['cancel', 'a', '--batch', 'x'])).stderr).toContain(
    'Name jobs, or select them by options; not both.',
  );
});

test('a bulk change of nothing says so and is no error', async () => {
  await using cli = await setup();
  const { code, stderr } = await cli.run(['retry', '--batch', 'x', '--yes']);
  expect(stderr).toContain('Nothing to do: no job of batch x is failed, cancelled.');
  expect(code).toBe(0);
});

test('retry takes new options', async () => {
  await using cli = await setup();
  cli.fake.server.json('POST /jobs/retry', {
    counts: {},
    jobs: [{ name: 'a', run: 1, verdict: 'queued', state: 'queued' }],
  });
  cli.fake.has({ name: 'a', state: 'failed', reason: 'TotalTimeout' });
  const { code, stdout } = await cli.run([
    'retry',
    'a',
    '--timeout',
    '20m',
    '--priority',
    '7',
    '--max-attempts',
    '9',
  ]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'a queued\n' });
  expect(JSON.parse(cli.fake.server.calls('POST /jobs/retry')[0]?.body ?? '')).toEqual({
    names: ['a'],
    options: { priority: 7, attempt_timeout_ms: 1_200_000, max_attempts: 9 },
  });
});

test('wait ends when all selected have ended, with the code of the worst', async () => {
  await using cli = await setup();
  const a = cli.fake.has({ name: 'a', batch: 'x' });
  const b = cli.fake.has({ name: 'b', batch: 'x' });
  cli.fake.has({ name: 'other' });
  const running = cli.start(['wait', '--batch', 'x', '--json']);
  await cli.fake.opened();
  while (cli.fake.server.calls('GET /jobs').length === 0)
    await new Promise((resolve) => setImmediate(resolve));
  cli.fake.becomes(a, 'completed');
  cli.fake.becomes(b, 'failed', 'ProviderError');
  const { code, stdout } = await running.ended;
  expect(JSON.parse(stdout)).toEqual({ jobs: 2, states: { completed: 1, failed: 1 } });
  expect(code).toBe(10);
});

test('wait --timeout ends with 124, Ctrl-C with 130; the jobs go on', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a' });
  const timed = cli.start(['wait', 'a', '--timeout', '90s']);
  await cli.fake.opened();
  while (cli.fake.server.calls('GET /jobs/a').length === 0)
    await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  timed.timers.advance(90_000);
  expect(await timed.ended).toMatchObject({ code: 124 });
  const interrupted = cli.start(['wait', 'a']);
  await cli.fake.opened();
  interrupted.interrupt();
  expect((await interrupted.ended).code).toBe(130);
});

test('R24: logs -f follows a job to its end and exits with the code of that end', async () => {
  await using cli = await setup();
  const run = cli.fake.has({ name: 'a', state: 'running' });
  cli.fake.server.on('GET /jobs/a/logs', (_asked, response) => {
    const send = openSse(response);
    send('log', { attempt: 1, offset: 10, stream: 'info', at: 0, text: 'asked \u001b[31m' }, '1:10');
    send('gap', { attempt: 1, offset: 10, message: 'Some is gone.' }, '1:10');
    run.state = 'failed';
    run.reason = 'StallTimeout';
    send('end', { state: 'failed' });
  });
  const { code, stdout, stderr } = await cli.run(['logs', '-f', 'a']);
  expect(stdout).toBe('1970-01-01T00:00:00.000Z info asked \\x1b[31m\n');
  expect(stderr).toContain('(Some is gone.)');
  expect(stderr).toContain('a failed: StallTimeout: ');
  expect(code).toBe(10);
});

test('logs prints what was logged so far', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'running' });
  cli.fake.server.on('GET /jobs/a/logs', (_asked, response) => void response.end('2026 info hello\n'));
  expect((await cli.run(['logs', 'a'])).stdout).toBe('2026 info hello\n');
  expect(JSON.parse((await cli.run(['logs', 'a', '--json'])).stdout)).toEqual({
    name: 'a',
    run: null,
    text: '2026 info hello\n',
  });
});

test('show tells everything about a job, and the prompt where it is asked for', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'failed', reason: 'ContextTooLong', content: 'What?', warnings: ['w'] });
  const { stdout } = await cli.run(['show', 'a', '--prompt']);
  expect(stdout).toContain('reason      ContextTooLong: Shorten the prompt');
  expect(stdout).toContain('options     priority 0 · timeout 10m00s · max_attempts 4');
  expect(stdout).toContain(
    '  1  errored  instance 0  2.5s  10 in, 5 out\n      ContextTooLong: the server said no\n      warning: w',
  );
  expect(stdout).toContain('[user]\nWhat?');
  expect(JSON.parse((await cli.run(['show', 'a', '--json'])).stdout)).toMatchObject({
    name: 'a',
    with: { attempts: [{ attempt: 1 }] },
  });
});

test('why answers for one job in a sentence, for many by reason', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'failed', reason: 'ContextTooLong' });
  expect((await cli.run(['why', 'a'])).stdout).toBe(
    'a failed: ContextTooLong: Shorten the prompt, or take a model with a larger context.\n',
  );
  cli.fake.server.json('GET /jobs/counts', {
    counts: [
      { by: { state: 'failed', reason: 'ContextTooLong' }, runs: 7 },
      { by: { state: 'completed', reason: null }, runs: 90 },
    ],
  });
  expect((await cli.run(['why'])).stdout).toBe(
    '7 failed (ContextTooLong), e.g. a: ContextTooLong: Shorten the prompt, or take a model with a larger context.\n',
  );
});

test('ps, instances, endpoints and batches are tables for people and JSON for programs', async () => {
  await using cli = await setup();
  const running = [
    {
      name: 'a',
      run: 2,
      attempt: 1,
      endpoint: 'gpu',
      model: 'm',
      elapsed_ms: 61_000,
      timeout_ms: 600_000,
      pid: null,
    },
  ];
  const instance = {
    id: 0,
    name: 'local',
    state: 'connected',
    slots: 4,
    endpoints: ['gpu'],
    address: '127.0.0.1',
    version: '1',
    silent_ms: 1_200,
    running,
  };
  const reason = { code: 'EndpointAuth', message: 'Mend the key.' };
  const endpoint = {
    name: 'gpu',
    kind: 'ollama',
    max_concurrent: 2,
    running: 1,
    paused: false,
    gate: 'closed',
    reason,
  };
  const counts = {
    scheduled: 0,
    queued: 3,
    blocked: 1,
    running: 1,
    retrying: 0,
    completed: 5_000,
    failed: 2,
    cancelled: 0,
  };
  const batch = {
    batch: 'x',
    created_at: '',
    counts,
    total: 5_007,
    ended: 5_002,
    tokens: { input: 1_000, output: 20 },
    eta_s: 90,
  };
  cli.fake.server.json('GET /instances', { instances: [instance] });
  cli.fake.server.json('GET /endpoints', { endpoints: [endpoint] });
  cli.fake.server.json('GET /batches', { batches: [batch] });
  expect((await cli.run(['ps'])).stdout).toBe(
    'NAME  ATTEMPT  INSTANCE  LANE   PID  ELAPSED  TIMEOUT\na@2         1  local     gpu:m    -    1m01s   10m00s\n',
  );
  expect((await cli.run(['instances'])).stdout).toBe(
    'ID  NAME   STATE      SLOTS  ENDPOINTS  HEARTBEAT  ADDRESS\n 0  local  connected    1/4  gpu        1.2s ago   127.0.0.1\n',
  );
  expect((await cli.run(['endpoints'])).stdout).toBe(
    'ENDPOINT  KIND    RUNNING  GATE    REASON\ngpu       ollama      1/2  closed  EndpointAuth: Mend the key.\n',
  );
  expect((await cli.run(['batches'])).stdout).toBe(
    'BATCH   DONE  RUNNING  WAITING  FAILED  TOTAL    ETA            TOKENS\nx      5,000        1        4       2  5,007  1m30s  1,000 in, 20 out\n',
  );
  expect(JSON.parse((await cli.run(['ps', '--json'])).stdout)).toMatchObject({ name: 'a', instance: 0 });
  expect(JSON.parse((await cli.run(['instances', '--json'])).stdout)).toEqual({ instances: [instance] });
  expect(JSON.parse((await cli.run(['batches', '--json'])).stdout)).toEqual(batch);
  const status = await cli.run(['status']);
  expect(status.stdout).toContain('server    promptd 9.9.9 at http://127.0.0.1:7433 (pid 4242, since ');
  expect(status.stdout).toContain('instances 1 connected, 1 of 4 slots busy');
  expect(status.stdout).toContain('x      5,000');
  expect(status.stdout).toContain('EndpointAuth: Mend the key.');
});

test('validate shows faults as file:line:column and needs no server', async () => {
  await using cli = await setup();
  await cli.fake.server.close();
  await cli.file('jobs/a.json', job('a'));
  const fault = {
    code: 'InvalidJob',
    path: 'prompt',
    line: 2,
    column: 3,
    expected: 'a text',
    got: '7',
    hint: 'Mend it.',
  } as const;
  cli.validated = [{ file: '/x', faults: [fault], jobs: 0 }];
  const wrong = await cli.run(['validate']);
  expect(wrong).toEqual({
    code: 12,
    stdout: '',
    stderr: 'jobs/a.json:2:3: prompt: expected a text, got 7. Mend it.\n1 fault in 1 file.\n',
  });
  cli.validated = [{ file: '/x', faults: [], jobs: 1 }];
  expect(await cli.run(['validate'])).toEqual({
    code: 0,
    stdout: '',
    stderr: '1 job in 1 file, all right.\n',
  });
});

test('schema prints the JSON Schema of a job file', async () => {
  await using cli = await setup();
  const { stdout } = await cli.run(['schema']);
  expect(JSON.parse(stdout)).toMatchObject({ title: 'A job of promptd', properties: { configuration: {} } });
});

test('env prints what eval takes', async () => {
  await using cli = await setup();
  expect((await cli.run(['env'])).stdout).toBe(
    'export PROMPTD_URL=http://127.0.0.1:7433 PROMPTD_KEY=pd_admin_x\n',
  );
  expect(JSON.parse((await cli.run(['env', '--json'])).stdout)).toEqual({
    PROMPTD_URL: 'http://127.0.0.1:7433',
    PROMPTD_KEY: 'pd_admin_x',
  });
});

test('init says what was made, what was kept and what to do next', async () => {
  await using cli = await setup();
  const report = {
    root: `${cli.folder}/q`,
    written: ['promptd.config.json'],
    kept: ['.gitignore'],
    model: 'simulator:demo',
    simulated: true,
    notes: ['No Ollama answered.'],
  };
  const { stdout, stderr } = await cli.run(['init', 'q'], { deps: { init: () => Promise.resolve(report) } });
  expect(stdout).toBe('');
  expect(stderr).toBe(`A workspace of promptd in q
  made  promptd.config.json
  kept  .gitignore (it was there)
No Ollama answered.
The example asks simulator:demo, a stand-in that needs no model and says so in its answers.
Next: cd q && promptd run
`);
});

test('serve and instance hand over what was said, checked', async () => {
  await using cli = await setup();
  let served: unknown;
  let joined: unknown;
  const deps = {
    serve: (options: unknown) => Promise.resolve(((served = options), 0)),
    instance: (options: unknown) => Promise.resolve(((joined = options), 3)),
  };
  await cli.run(['serve', '--port', '7500', '--slots', '0'], { deps });
  expect(served).toEqual({ workspace: cli.workspace, detached: false, port: 7500, slots: 0 });
  const { code } = await cli.run(['instance', '--connect', 'gpu1:7434', '--endpoints', 'gpu, ollama'], {
    deps,
  });
  expect(joined).toEqual({ connect: 'gpu1:7434', workspace: cli.workspace, endpoints: ['gpu', 'ollama'] });
  expect(code).toBe(3);
  expect((await cli.run(['serve', '--port', 'x'], { deps })).stderr).toContain(
    '--port: expected a whole number from 0 to 65535, got "x".',
  );
  expect((await cli.run(['instance'], { deps })).stderr).toContain('--connect: expected host:port');
});
