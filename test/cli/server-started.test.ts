/** Commands that need a server, in a workspace whose server has ended by itself. */
import { expect, test } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { connect } from '../../src/client/client.ts';
import { sendJson } from '../client/scripted-server.ts';
import { setup, type TestCli } from './cli-setup.ts';

const STARTED =
  'Started a server in the background; it ends by itself when idle (stay with it: promptd serve).\n';

/** `connect` leads to a socket that is not there; the server that is made sure of is the fake one. */
function gone(cli: TestCli): { connect: () => Promise<ReturnType<typeof connect>> } {
  cli.starts = true;
  return { connect: () => Promise.resolve(connect({ socket: `${cli.folder}/none` })) };
}

test.each([
  ['result', ['result', 'a'], 0],
  ['show', ['show', 'a'], 0],
  ['ls', ['ls'], 0],
  ['logs', ['logs', 'a'], 0],
  ['why', ['why', 'a'], 0],
  ['batches', ['batches'], 0],
  ['wait', ['wait', 'a'], 0],
  ['cancel', ['cancel', 'a'], 6],
  ['retry', ['retry', 'a'], 6],
  ['submit', ['submit', '-m', 'm', '-p', 'x'], 0],
])('%s starts a server where none runs, and says so in one line', async (_what, argv, code) => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'completed', answer: 'yes' });
  cli.fake.server.on('GET /jobs/a/logs', (_asked, response) => void response.end('2026 info hello\n'));
  for (const verb of ['cancel', 'retry'])
    cli.fake.server.on(`POST /jobs/${verb}`, (_asked, response) =>
      sendJson(response, {
        counts: {},
        jobs: [
          {
            name: 'a',
            run: 1,
            verdict: verb === 'retry' ? 'wrong_state' : 'already_ended',
            state: 'completed',
          },
        ],
      }),
    );
  const ran = await cli.run(argv, { deps: gone(cli) });
  expect(ran.stderr.startsWith(STARTED), ran.stderr).toBe(true);
  expect(ran.stderr.split(STARTED)).toHaveLength(2);
  expect(cli.ensured).toBe(1);
  expect(ran.code).toBe(code);
});

test('a server that answers is used as it is', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'completed', answer: 'yes' });
  expect(await cli.run(['result', 'a'])).toEqual({ code: 0, stdout: 'yes', stderr: '' });
  expect(cli.ensured).toBe(0);
});

test.each([['status'], ['ps'], ['instances'], ['endpoints']])(
  '%s says that no server runs, and starts none',
  async (verb) => {
    await using cli = await setup();
    const ran = await cli.run([verb], { deps: gone(cli) });
    expect(ran.code).toBe(5);
    expect(ran.stdout + ran.stderr).toMatch(/not running|no server runs/);
    expect(cli.ensured).toBe(0);
  },
);

test('with PROMPTD_URL nothing is started', async () => {
  await using cli = await setup();
  const ran = await cli.run(['ls'], { deps: gone(cli), env: { PROMPTD_URL: 'http://127.0.0.1:1' } });
  expect(ran.code).toBe(5);
  expect(cli.ensured).toBe(0);
});

test('wrong words are said before a server is looked for', async () => {
  await using cli = await setup();
  for (const argv of [['result', 'no such'], ['cancel'], ['ls', '--state', 'x'], ['why', '--since', 'x']])
    expect((await cli.run(argv, { deps: gone(cli) })).code, argv.join(' ')).toBe(2);
  expect(cli.ensured).toBe(0);
});

test('a server that cannot be started is told in its own words', async () => {
  await using cli = await setup();
  const problem = new Problem('Unreachable', 'The server could not be started: no space left');
  const ran = await cli.run(['ls'], { deps: { ...gone(cli), ensureServer: () => Promise.reject(problem) } });
  expect(ran).toMatchObject({
    code: 5,
    stderr: 'Unreachable: The server could not be started: no space left.\n',
  });
});
