/** What is said while somebody waits. */
import { expect, test } from 'vitest';
import { sendJson } from '../client/scripted-server.ts';
import { job, setup } from './cli-setup.ts';

test('without a terminal, progress is a whole line every 5 s', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b', 'c', 'd']) await cli.file(`jobs/${name}.json`, job(name));
  const running = cli.start(['run']);
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 4);
  const [a, b, c, d] = cli.fake.runs;
  running.timers.advance(2_000);
  expect(running.stderr.text).toBe('');
  cli.fake.becomes(a!, 'completed');
  cli.fake.becomes(b!, 'failed', 'ProviderError');
  cli.fake.becomes(c!, 'running');
  await settled();
  running.timers.advance(3_000);
  expect(running.stderr.text).toBe('2 of 4 done · 1 running · 1 failed · 0.4/s · ETA 5.0s\n');
  cli.fake.becomes(c!, 'completed');
  cli.fake.becomes(d!, 'completed');
  expect((await running.ended).code).toBe(10);
});

test('on a terminal, progress is a bar that leaves nothing behind', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  const running = cli.start(['run'], { tty: true, columns: 100 });
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 1);
  await settled();
  cli.fake.becomes(cli.fake.find('a'), 'completed');
  const { stderr, stdout } = await running.ended;
  expect(stderr).toContain('0/1 · 0 running · 0 failed');
  expect(stderr).not.toContain('ETA');
  expect(stdout).toContain('completed 1');
});

test('where nothing ends, the commonest reason is said: once in a sentence, then by its code, without an ETA', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b', 'c']) await cli.file(`jobs/${name}.json`, job(name));
  cli.fake.has({ name: 'of-others', state: 'queued', reason: 'BeginTime' });
  cli.fake.has({ name: 'of-others-too', state: 'queued', reason: 'BeginTime' });
  cli.fake.has({ name: 'of-others-as-well', state: 'queued', reason: 'BeginTime' });
  const running = cli.start(['run']);
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 6);
  await settled();
  for (const name of ['a', 'b']) cli.fake.find(name).reason = 'EndpointUnreachable';
  cli.fake.find('c').reason = 'Paused';
  running.timers.advance(5_000);
  await running.stderr.shows('\n');
  const sentence = 'Start the server of the endpoint, or mend its base_url; it goes on by itself.';
  const first = `0 of 3 done · 0 running · 2 wait: EndpointUnreachable — ${sentence}\n`;
  expect(running.stderr.text).toBe(first);
  running.timers.advance(5_000);
  const second = '0 of 3 done · 0 running · 2 wait: EndpointUnreachable\n';
  await running.stderr.shows(second);
  expect(running.stderr.text).toBe(first + second);
  cli.fake.becomes(cli.fake.find('a'), 'completed');
  await settled();
  running.timers.advance(5_000);
  expect(running.stderr.text).toBe(`${first}${second}1 of 3 done · 0 running · 0.1/s · ETA 30s\n`);
  for (const name of ['b', 'c']) cli.fake.becomes(cli.fake.find(name), 'completed');
  expect((await running.ended).code).toBe(0);
});

test('an ETA is said only while something ended recently', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b']) await cli.file(`jobs/${name}.json`, job(name));
  const running = cli.start(['run']);
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 2);
  await settled();
  running.timers.advance(1_000);
  cli.fake.becomes(cli.fake.find('a'), 'completed');
  cli.fake.becomes(cli.fake.find('b'), 'running');
  await settled();
  running.timers.advance(4_000);
  running.timers.advance(5_000);
  running.timers.advance(5_000);
  expect(running.stderr.text).toBe(
    '1 of 2 done · 1 running · 0.2/s · ETA 5.0s\n1 of 2 done · 1 running · 0.1/s · ETA 10s\n1 of 2 done · 1 running\n',
  );
  cli.fake.becomes(cli.fake.find('b'), 'completed');
  await running.ended;
});

test('that every slot is taken is said only where none of the jobs runs', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b']) await cli.file(`jobs/${name}.json`, job(name));
  const running = cli.start(['run']);
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 2);
  cli.fake.becomes(cli.fake.find('a'), 'running');
  cli.fake.find('b').reason = 'WaitingForSlot';
  await settled();
  running.timers.advance(5_000);
  await running.stderr.shows('\n');
  expect(running.stderr.text).toBe('0 of 2 done · 1 running\n');
  cli.fake.becomes(cli.fake.find('a'), 'retrying', 'Backoff');
  cli.fake.find('a').reason = 'WaitingForSlot';
  await settled();
  running.timers.advance(5_000);
  await running.stderr.shows('2 wait: WaitingForSlot — Every slot that fits is taken.');
  for (const name of ['a', 'b']) cli.fake.becomes(cli.fake.find(name), 'completed');
  await running.ended;
});

test('of more jobs than one question tells, the number is reckoned', async () => {
  await using cli = await setup();
  for (const name of ['a', 'b', 'c', 'd']) await cli.file(`jobs/${name}.json`, job(name));
  const running = cli.start(['run']);
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 4);
  await settled();
  const reason = { code: 'ModelMissing', message: 'No model.' };
  cli.fake.server.on('GET /jobs', (_asked, response) =>
    sendJson(response, { jobs: [{ name: 'd', run: 1, reason }], next_cursor: 'more' }),
  );
  running.timers.advance(5_000);
  await running.stderr.shows('about 4 wait: ModelMissing — No model.');
  for (const run of cli.fake.runs) cli.fake.becomes(run, 'completed');
  await running.ended;
});

test('on a terminal, the reason is said above the bar and stays in it by its code', async () => {
  await using cli = await setup();
  await cli.file('jobs/a.json', job('a'));
  const running = cli.start(['run'], { tty: true, columns: 200 });
  await cli.fake.opened();
  await until(() => cli.fake.runs.length === 1);
  await settled();
  cli.fake.find('a').reason = 'ModelMissing';
  running.timers.advance(5_000);
  await running.stderr.shows('1 waits: ModelMissing — Make the model available');
  running.timers.advance(5_000);
  await settled();
  expect(running.stderr.text.split('Make the model available')).toHaveLength(2);
  cli.fake.becomes(cli.fake.find('a'), 'completed');
  const { stderr } = await running.ended;
  expect(stderr).toMatch(/1\/1 · 0 running · 0 failed · 0\.1\/s · ETA 0\.0s(?! · 1 waits)/);
});

/** Waits for what happens in other turns of the loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets what is on its way over local sockets arrive. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}
