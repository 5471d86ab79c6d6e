/** What commands say of files in `jobs/` that nobody asked. */
import { expect, test } from 'vitest';
import { sendProblem } from '../client/scripted-server.ts';
import { setup } from './cli-setup.ts';

test('R14: ls, why and status say on stderr how many files nobody asked, where the server does not watch', async () => {
  await using cli = await setup();
  const counts = { watched: false, enabled: true, waiting: 3, rejected: 0, changed: 0, of_no_run: 0 };
  cli.fake.server.json('GET /folder/counts', counts);
  cli.fake.server.json('GET /stats', { trouble: null, folder: counts });
  const notice =
    '3 files in jobs/ are by their names new to the queue, and this server does not watch the folder. Ask what is in them once: promptd run; or have files taken by themselves: promptd serve\n';
  for (const command of [
    ['ls'],
    ['why'],
    ['status'],
    ['ls', '--batch', 'none'],
    ['why', '--batch', 'none'],
  ]) {
    const { code, stdout, stderr } = await cli.run(command);
    expect({ code, said: stderr.endsWith(notice) }).toEqual({ code: 0, said: true });
    expect(stdout).not.toContain('jobs/');
  }
  expect(JSON.parse((await cli.run(['status', '--json'])).stdout)).toMatchObject({
    stats: { folder: counts },
  });
  for (const command of [
    ['ls', '--json'],
    ['why', '--json'],
    ['status', '--json'],
  ])
    expect((await cli.run(command)).stderr).not.toContain('jobs/');
  // Who has found what was selected did not look for files.
  cli.fake.has({ name: 'a' });
  expect((await cli.run(['ls', '--state', 'queued'])).stderr).toBe('');
  expect((await cli.run(['ls'])).stderr).toBe(notice);
});

test.each([
  ['watched', { watched: true, enabled: true, waiting: 3 }, ''],
  ['nothing new', { watched: false, enabled: true, waiting: 0 }, ''],
  [
    'watching is off',
    { watched: false, enabled: false, waiting: 1 },
    '1 file in jobs/ is by its name new to the queue, and this server does not watch the folder. Ask what is in them: promptd run ("watch" is off in the configuration)\n',
  ],
  [
    'a large folder is counted for the first time',
    { watched: false, enabled: true, waiting: null },
    'Files in jobs/ are still being counted; ask again soon.\n',
  ],
])('R14: what ls says of files in jobs/ where %s', async (_where, counts, notice) => {
  await using cli = await setup();
  cli.fake.has({ name: 'a' });
  cli.fake.server.json('GET /folder/counts', { ...counts, rejected: 0, changed: 0, of_no_run: 0 });
  expect((await cli.run(['ls'])).stderr).toBe(notice);
});

test('R14: whoever asks for a name that is not known hears what the server says of its file', async () => {
  await using cli = await setup();
  const hint = 'jobs/a.json stands there and is not asked.';
  cli.fake.server.on('GET /jobs/a', (_asked, response) =>
    sendProblem(response, 404, 'NotFound', 'There is no job "a"', { hint }),
  );
  for (const command of ['why', 'show', 'logs', 'result', 'wait', 'cancel']) {
    expect(await cli.run([command, 'a'])).toEqual({
      code: 3,
      stdout: '',
      stderr: `NotFound: There is no job "a", and none whose name begins so. ${hint}\n`,
    });
  }
});
