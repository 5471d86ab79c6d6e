/** Commands that change many runs, and waiting for them. */
import { expect, test } from 'vitest';
import { sendJson } from '../client/scripted-server.ts';
import { setup } from './cli-setup.ts';

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

test('retry says of runs that it leaves alone why it does', async () => {
  await using cli = await setup();
  const states = { a: 'completed', b: 'failed', c: 'cancelled' } as const;
  const answers = Object.entries(states).map(([name, state]) => {
    cli.fake.has({ name, state });
    return { name, run: 1, verdict: 'wrong_state', state };
  });
  cli.fake.server.json('POST /jobs/retry', { counts: {}, jobs: answers });
  const { code, stderr } = await cli.run(['retry', 'a', 'b', 'c']);
  expect({ code, stderr }).toEqual({
    code: 6,
    stderr:
      '0 queued again · 1 had neither failed nor been cancelled · 2 of which nobody knows any more what was asked: submit the job itself\n',
  });
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
  expect(await timed.ended).toMatchObject({
    code: 124,
    stderr: 'The time is up; 1 of 1 job has not ended.\n',
  });
  const interrupted = cli.start(['wait', 'a']);
  await cli.fake.opened();
  interrupted.interrupt();
  expect((await interrupted.ended).code).toBe(130);
});

test.each(['cancel', 'retry', 'rerun'])(
  'R20: %s refuses to select by a reason that holds an endpoint at the moment, before it asks or changes anything',
  async (verb) => {
    await using cli = await setup();
    cli.fake.has({ name: 'a' });
    expect(await cli.run([verb, '--reason', 'EndpointThrottled', '--yes'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'InvalidRequest: EndpointThrottled holds whatever is queued for an endpoint and a model, and may be over by now: it is no selection for a change. Select by --endpoint and --model, with --state queued. Who waits for it now: promptd why\n',
    });
    expect(cli.fake.server.asked).toEqual([]);
  },
);
