/** Submitting, and checking what would be submitted. */
import { expect, test } from 'vitest';
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
