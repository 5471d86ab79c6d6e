import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands-list.ts';
import { GLOBAL } from '../../src/cli/command-spec.ts';
import { EXIT, Problem } from '../../src/core/errors.ts';
import { setup } from './cli-setup.ts';

test('--version says the version alone', async () => {
  await using cli = await setup();
  expect(await cli.run(['--version'])).toEqual({ code: 0, stdout: '9.9.9\n', stderr: '' });
});

test('an unknown command is a usage error with the nearest one', async () => {
  await using cli = await setup();
  const { code, stdout, stderr } = await cli.run(['statsu']);
  expect(stderr).toContain("unknown command 'statsu'");
  expect(stderr).toContain('Did you mean status?');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect((await cli.run(['run', '--bathc', 'x'])).stderr).toContain('Did you mean --batch?');
});

test('a bare promptd is the status in a workspace, and the help elsewhere', async () => {
  await using cli = await setup();
  expect((await cli.run([])).stdout).toContain('server    promptd 9.9.9');
  const deps = { findWorkspace: () => Promise.resolve(null) };
  const help = await cli.run([], { deps });
  expect(help.stdout).toContain('Usage: promptd <command>');
  expect(help.code).toBe(0);
  expect(JSON.parse((await cli.run(['--json'])).stdout)).toMatchObject({ server: { version: '9.9.9' } });
});

test('a command outside a workspace says what is missing and what to do', async () => {
  await using cli = await setup();
  const { code, stderr } = await cli.run(['run'], { deps: { findWorkspace: () => Promise.resolve(null) } });
  expect(stderr).toContain('There is no workspace here: no promptd.config.json in');
  expect(stderr).toContain('Make one with: promptd init.');
  expect(code).toBe(3);
});

test('status without a server says so and exits with 5; other commands name what was tried', async () => {
  await using cli = await setup();
  await cli.fake.server.close();
  const status = await cli.run(['status']);
  expect(status.stdout).toContain('server    not running. Start it with: promptd serve');
  expect(status.code).toBe(5);
  const ps = await cli.run(['ps']);
  expect(ps.stderr).toBe(
    `Unreachable: ${cli.fake.server.url}: nobody listens there (connection refused). Start a server in its workspace with: promptd serve\n`,
  );
  expect(ps).toMatchObject({ code: 5, stdout: '' });
  const wait = await cli.run(['wait', '--all']);
  expect(wait.code).toBe(5);
});

test('with --json a problem is one object on stderr, and stdout stays empty', async () => {
  await using cli = await setup();
  const { stdout, stderr, code } = await cli.run(['show', 'none', '--json']);
  expect(JSON.parse(stderr)).toMatchObject({ code: 'NotFound', status: 404, hint: 'Look with: promptd ls' });
  expect({ stdout, code }).toEqual({ stdout: '', code: 3 });
});

test('colours come on a terminal only, and never with NO_COLOR or --no-color', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'failed' });
  expect((await cli.run(['ls'])).stdout).not.toContain('\u001b[');
  expect((await cli.run(['ls'], { tty: true, columns: 200 })).stdout).toContain('\u001b[31mfailed\u001b[39m');
  expect((await cli.run(['ls'], { tty: true, columns: 200, env: { NO_COLOR: '1' } })).stdout).not.toContain(
    '\u001b[',
  );
  expect((await cli.run(['ls', '--no-color'], { tty: true, columns: 200 })).stdout).not.toContain('\u001b[');
});

test('a terminal that does not know its columns cuts as one of 80 does', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a', state: 'failed' });
  const shown = async (columns: number): Promise<string> =>
    (await cli.run(['ls'], { tty: true, columns, env: { NO_COLOR: '1' } })).stdout;
  expect(await shown(0)).toBe(await shown(80));
  expect(await shown(0)).toContain('failed');
});

test('a reader that goes away ends the command quietly', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'a' });
  const running = cli.start(['wait', 'a']);
  await cli.fake.opened();
  running.stdout.breaks(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
});

test('an error of promptd itself is told as such', async () => {
  await using cli = await setup();
  const { code, stderr } = await cli.run(['ls'], {
    deps: { connect: () => Promise.reject(new TypeError('oh')) },
  });
  expect(stderr).toContain('This is an error of promptd itself; please report it');
  expect(code).toBe(EXIT.error);
});

test.each([
  ['EROFS', EXIT.error, 'Look at the permissions of that path'],
  ['EACCES', EXIT.error, 'Look at the permissions of that path'],
  ['ENOSPC', EXIT.overloaded, 'Free some space'],
])(
  'what the system refuses (%s) is no error of promptd: the path and what to do are told',
  async (code, exit, remedy) => {
    await using cli = await setup();
    const message = `${code}: refused, open '/w/.promptd/queue.db'`;
    const error = Object.assign(new Error(message), { code, syscall: 'open', path: '/w/.promptd/queue.db' });
    const ran = await cli.run(['rebuild'], { deps: { rebuild: () => Promise.reject(error) } });
    expect(ran).toMatchObject({
      code: exit,
      stderr: expect.stringContaining(`${message}. ${remedy}`) as string,
    });
    expect(ran.stderr).not.toContain('error of promptd itself');
  },
);

test('the exit code of a problem is the one of its row in the table', async () => {
  await using cli = await setup();
  for (const [problem, exit] of [
    ['Forbidden', 4],
    ['WorkspaceHeld', 6],
    ['DiskLow', 7],
    ['Corrupt', 13],
  ] as const) {
    const { code } = await cli.run(['ls'], {
      deps: { connect: () => Promise.reject(new Problem(problem, 'x')) },
    });
    expect(code).toBe(exit);
  }
});

test.each(COMMANDS.map((spec) => [spec.name, spec] as const))(
  'help of %s shows its examples and options',
  async (name, spec) => {
    await using cli = await setup();
    const { code, stdout } = await cli.run([name, '--help']);
    expect(code).toBe(0);
    expect(spec.examples.length).toBeGreaterThan(0);
    for (const [command] of spec.examples) expect(stdout).toContain(command);
    for (const { flags } of [...spec.options, ...GLOBAL]) expect(stdout).toContain(flags);
    expect(await cli.run(['help', name])).toMatchObject({ stdout });
  },
);

const REFERENCE = path.join(import.meta.dirname, '..', '..', 'docs', 'cli.md');

test('docs/cli.md names every command, option and example, and no others', async () => {
  const text = await readFile(REFERENCE, 'utf8');
  const sections = new Map(
    text
      .split(/^### `promptd /m)
      .slice(1)
      .map((section) => [section.slice(0, section.search(/[ `]/)), section.split(/^## /m)[0] ?? '']),
  );
  expect([...sections.keys()].toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted());
  for (const spec of COMMANDS) {
    const section = sections.get(spec.name) ?? '';
    const named = [...section.matchAll(/^\| `(-[^`]*)` \|/gm)].map(([, flags]) => flags);
    expect(named, `options of ${spec.name}`).toEqual(spec.options.map(({ flags }) => flags));
    for (const [command] of spec.examples) expect(section, `an example of ${spec.name}`).toContain(command);
  }
  const globals = text.slice(text.indexOf('## Options of every command'), text.indexOf('## Asking'));
  expect([...globals.matchAll(/^\| `(-[^`]*)` \|/gm)].map(([, flags]) => flags)).toEqual(
    GLOBAL.map(({ flags }) => flags),
  );
});

test('docs/cli.md and the table of exit codes agree', async () => {
  const text = await readFile(REFERENCE, 'utf8');
  const section = text.slice(text.indexOf('## Exit codes'));
  const codes = [...section.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  expect(codes).toEqual(Object.values(EXIT));
});
