/** Commands that look: lists, answers, logs, and why. */
import { expect, test } from 'vitest';
import { openSse, sendJson } from '../client/scripted-server.ts';
import { setup } from './cli-setup.ts';

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

test('R10, R13: result --path names the file, --render renders its Markdown', async () => {
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

test('logs says of a job without one whether it is to come', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a' });
  cli.fake.has({ name: 'b', state: 'completed' });
  for (const name of ['a', 'b'])
    cli.fake.server.on(`GET /jobs/${name}/logs`, (_asked, response) => void response.end(''));
  expect((await cli.run(['logs', 'a'])).stderr).toBe('a has no log yet. To wait for it: promptd logs -f a\n');
  expect((await cli.run(['logs', 'b'])).stderr).toMatch(/^b has ended, and no log of it is kept:/);
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
    '  1  errored (counts as an error)  instance 0  2.5s  10 in, 5 out\n      ContextTooLong: the server said no\n      warning: w',
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
    '7 failed, e.g. a: ContextTooLong: Shorten the prompt, or take a model with a larger context.\n',
  );
});

test('R14: why tells what holds each endpoint, however long the queue of another one is', async () => {
  await using cli = await setup();
  const of = (name: string, code: string): object => ({
    name,
    state: 'queued',
    reason: { code, message: `Of ${name}.` },
  });
  cli.fake.server.json('GET /jobs/counts', {
    counts: [
      { by: { state: 'queued', reason: null, endpoint: 'busy', model: 'm' }, runs: 1_000 },
      { by: { state: 'queued', reason: null, endpoint: 'away', model: 'm' }, runs: 1 },
      { by: { state: 'queued', reason: null, endpoint: 'away', model: 'n' }, runs: 1 },
    ],
  });
  cli.fake.server.on('GET /jobs', ({ url }, response) =>
    sendJson(response, {
      jobs: [url.includes('endpoint=busy') ? of('a', 'WaitingForSlot') : of('b', 'EndpointUnreachable')],
      next_cursor: null,
    }),
  );
  expect((await cli.run(['why'])).stdout).toBe(
    '1,000 queued, e.g. a: WaitingForSlot: Of a.\n2 queued, e.g. b: EndpointUnreachable: Of b.\n',
  );
  cli.fake.server.json('GET /stats', { trouble: { code: 'DiskLow', message: 'Free some disk space.' } });
  expect((await cli.run(['why'])).stderr).toBe('The server is held up: DiskLow: Free some disk space.\n');
  const [first] = (await cli.run(['why', '--json'])).stdout.split('\n');
  expect(JSON.parse(first ?? '')).toEqual({
    state: 'queued',
    reason: 'WaitingForSlot',
    runs: 1_000,
    example: 'a',
    message: 'Of a.',
  });
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
    pid: 77,
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
    cost: [{ currency: 'EUR', amount: 0.0184 }],
    cost_unknown: 1_200,
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
    [
      'BATCH   DONE  RUNNING  WAITING  FAILED  TOTAL    ETA            TOKENS                          COST',
      'x      5,000        1        4       2  5,007  1m30s  1,000 in, 20 out  0.0184 EUR and 1,200 unknown',
      '',
    ].join('\n'),
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

test('result --all puts each run under a head of its own, on a line of its own', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'completed', answer: 'one' });
  cli.fake.has({ name: 'a', run: 2, state: 'completed', answer: 'two\n' });
  cli.fake.server.on('GET /jobs/a', (_asked, response) =>
    sendJson(response, { name: 'a', run: 2, with: { runs: [{ run: 2 }, { run: 1 }] } }),
  );
  expect(await cli.run(['result', 'a', '--all'])).toEqual({
    code: 0,
    stdout: 'onetwo\n',
    stderr: '── a@1\n\n── a@2\n',
  });
});

test('R14: ls --rejected and --changed list files of jobs/ by place, and status counts them', async () => {
  await using cli = await setup();
  const counts = { watched: true, waiting: 3, rejected: 1, changed: 1, of_no_run: 1 };
  const since = '2026-01-01T00:00:00.000Z';
  const fault = { code: 'InvalidJob', path: 'prompt', line: 2, column: 3, expected: 'a text', got: '7' };
  const rejected = { file: 'a.json', since, faults: [fault], report: 'rejected/a.1.json' };
  const changed = { file: 'b.json', since, names: ['b'] };
  const ofNoRun = { file: 'results/1_c.json', since, message: 'the text does not match its sha256' };
  cli.fake.server.json('GET /folder', {
    counts,
    rejected: [rejected],
    changed: [changed],
    of_no_run: [ofNoRun],
  });
  cli.fake.server.json('GET /stats', { trouble: null, folder: counts });
  expect((await cli.run(['ls', '--rejected'])).stdout).toBe(
    'jobs/a.json:2:3: prompt: expected a text, got 7\nresults/1_c.json: the text does not match its sha256\n',
  );
  expect((await cli.run(['ls', '--changed'])).stdout).toBe('jobs/b.json  b\n');
  const json = (await cli.run(['ls', '--rejected', '--json'])).stdout.trim().split('\n');
  expect(json.map((line): unknown => JSON.parse(line))).toEqual([rejected, ofNoRun]);
  expect(JSON.parse((await cli.run(['ls', '--changed', '--json'])).stdout)).toEqual(changed);
  expect((await cli.run(['status'])).stdout).toContain(
    'files     in jobs/: 3 waiting · 1 rejected (promptd ls --rejected) · 1 changed (promptd ls --changed) · in results/ or ended/: 1 file of no run (promptd ls --rejected)\n',
  );
});

test('R14: ls --rejected of a server that does not watch says so, and not that nothing is wrong', async () => {
  await using cli = await setup();
  const counts = { watched: false, waiting: 0, rejected: 0, changed: 0, of_no_run: 0 };
  cli.fake.server.json('GET /folder', { counts, rejected: [], changed: [], of_no_run: [] });
  for (const option of ['--rejected', '--changed']) {
    const { code, stdout, stderr } = await cli.run(['ls', option]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^This server does not watch jobs\/.*promptd validate\n$/);
  }
});

test('R4: status tells what jobs, results, the database and logs take of the disk, in bytes and inodes, and how old that is', async () => {
  await using cli = await setup();
  const disk_use = {
    jobs: { bytes: 410_000_000, inodes: 100_001 },
    results: { bytes: 4_096, inodes: 1 },
    ended: { bytes: 0, inodes: 0 },
    database: { bytes: 300, inodes: 1 },
    logs: { bytes: 3_650_722_201, inodes: 2 },
    age_s: 75,
  };
  const told = async (value: object | null): Promise<string> => {
    cli.fake.server.json('GET /stats', { trouble: null, disk_use: value });
    return (await cli.run(['status'])).stdout;
  };
  expect(await told(disk_use)).toContain(
    'disk use  jobs 391 MiB in 100,001 inodes · results 4.0 KiB in 1 inode · database 300 B in 1 inode · logs 3.4 GiB in 2 inodes (1m15s ago)\n',
  );
  expect(await told(null)).toContain('disk use  being counted; ask again soon\n');
});
