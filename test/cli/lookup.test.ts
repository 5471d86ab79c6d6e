/** Results and jobs by file names, with a server and without one. */
import { expect, test } from 'vitest';
import { sendProblem } from '../client/scripted-server.ts';
import { setup, type TestCli } from './cli-setup.ts';

async function withResults(cli: TestCli, ...files: readonly string[]): Promise<void> {
  for (const file of files) await cli.file(`results/${file}`, 'not even JSON');
}

/** A workspace that nobody serves. */
function alone(cli: TestCli): { deps: object } {
  const workspace = { ...cli.workspace, server: () => Promise.resolve(null) };
  return { deps: { findWorkspace: () => Promise.resolve(workspace) } };
}

test('R10: results lists the files of a job without a server, the oldest first, and those of no other', async () => {
  await using cli = await setup();
  await withResults(cli, '20_b.json', '9_b.json', '9_a_b.json', '9_5_job.json', 'notes.json');
  const listed = await cli.run(['results', 'b', '--json'], alone(cli));
  expect(listed).toEqual({
    code: 0,
    stdout:
      '{"file":"9_b.json","epoch":9,"name":"b","run":null}\n{"file":"20_b.json","epoch":20,"name":"b","run":null}\n',
    stderr: '',
  });
  const { stdout } = await cli.run(['results', '5_job'], alone(cli));
  expect(stdout).toMatch(/^FILE +RUN +PUBLISHED\n9_5_job\.json +- +19\d\d-\d\d-\d\d \d\d:\d\d:\d\d\n$/);
  expect(cli.fake.server.asked).toEqual([]);
  expect(cli.ensured).toBe(0);
});

test('R10: results says which run a file is of where a server runs, and lists the files where that does not answer', async () => {
  await using cli = await setup();
  await withResults(cli, '9_b.json', '20_b.json');
  const results = [{ file: '20_b.json', epoch: 20, name: 'b', run: 1 }];
  cli.fake.server.json('GET /jobs/b/results', { job: 'b.json', results });
  const lines = (text: string): { run: number | null }[] =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { run: number | null });
  const known = await cli.run(['results', 'b', '--json']);
  expect(lines(known.stdout).map(({ run }) => run)).toEqual([null, 1]);
  cli.fake.server.on('GET /jobs/b/results', (_asked, response) =>
    sendProblem(response, 404, 'NotFound', 'no such job'),
  );
  const unknown = await cli.run(['results', 'b', '--json']);
  expect(lines(unknown.stdout).map(({ run }) => run)).toEqual([null, null]);
});

test('R10: results asks the server alone where that is elsewhere', async () => {
  await using cli = await setup();
  await withResults(cli, '9_b.json');
  const results = [{ file: '20_b.json', epoch: 20, name: 'b', run: 1 }];
  cli.fake.server.json('GET /jobs/b/results', { job: 'b.json', results });
  const env = { PROMPTD_URL: cli.fake.server.url };
  expect((await cli.run(['results', 'b', '--json'], { env })).stdout).toBe(`${JSON.stringify(results[0])}\n`);
});

test('R12: results of a job without any is the null result, and no error', async () => {
  await using cli = await setup();
  await withResults(cli, '9_a_b.json');
  expect(await cli.run(['results', 'b', '--json'], alone(cli))).toEqual({
    code: 0,
    stdout: '{"job":"b.json","result":null}\n',
    stderr: '',
  });
  expect(await cli.run(['results', 'b'], alone(cli))).toEqual({
    code: 0,
    stdout: '',
    stderr: 'b has no result.\n',
  });
  expect((await cli.run(['results', 'no name'], alone(cli))).code).toBe(2);
});

test('R11: job-of names the job of each result by its name or path, and needs no workspace', async () => {
  await using cli = await setup();
  const nowhere = { deps: { findWorkspace: () => Promise.resolve(null) } };
  const files = ['/w/results/7_x_1_2.json', '7_a.b.json', '7_5_job.json'];
  expect(await cli.run(['job-of', ...files], nowhere)).toEqual({
    code: 0,
    stdout: 'x_1_2.json\na.b.json\n5_job.json\n',
    stderr: '',
  });
  expect(await cli.run(['job-of', 'my_job.json', '7_a.json'], nowhere)).toEqual({
    code: 3,
    stdout: 'a.json\n',
    stderr: 'my_job.json is not named as a result is: expected <EPOCH>_<name>.json.\n',
  });
  const { stdout } = await cli.run(['job-of', '7_a.files/8_b.json', '--json'], nowhere);
  expect(stdout).toBe('{"file":"7_a.files/8_b.json","job":null}\n');
});
