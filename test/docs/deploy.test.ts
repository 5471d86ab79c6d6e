/** What deploy/ says of promptd is what promptd is: ports, deadlines, exit codes, paths and commands. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { GLOBAL } from '../../src/cli/command-spec.ts';
import { COMMANDS } from '../../src/cli/commands-list.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { readDoc } from './tables.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const UNIT = readDoc('deploy/promptd@.service');
const IMAGE = readDoc('deploy/Containerfile').replaceAll(/\\\n\s*/g, '');
const PACKAGE = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly engines: { readonly node: string };
};

/** What serve may take to stop: running calls, then files that are being published; requests and threads beside them. */
const STOP_MS = 2 * LIMITS.stop_deadline_ms + 20_000;

/** All values of a key of the unit. */
function setting(key: string): string {
  return [...UNIT.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value).join(' ');
}

/** What follows an instruction of the container file, one entry for each time that it stands there. */
function instructions(word: string): string[] {
  return [...IMAGE.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, rest = '']) => rest);
}

/** Words of a command line that promptd does not know. */
function unknownIn([name, ...words]: readonly string[]): string[] {
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) return [name ?? 'nothing'];
  const flags = [...command.options, ...GLOBAL].flatMap((option) => option.flags.split(/[ ,]+/));
  return words.filter((word) => word.startsWith('-') && !flags.includes(word));
}

describe('the unit for systemd', () => {
  it('starts serve by a command line that there is', () => {
    const [program, ...words] = setting('ExecStart').split(' ');
    expect(Object.keys(PACKAGE.bin)).toContain(program);
    expect(words[0]).toBe('serve');
    expect(unknownIn(words)).toEqual([]);
  });

  it('serves the folder that it may write to', () => {
    const folder = `%S/${setting('StateDirectory')}`;
    expect(setting('ExecStart')).toContain(`--workspace ${folder}`);
    expect(setting('WorkingDirectory')).toBe(folder);
  });

  it('asks serve alone to stop, and waits longer than serve takes', () => {
    expect(setting('KillMode')).toBe('mixed');
    expect(setting('KillSignal')).toBe('SIGTERM');
    expect(Number(setting('TimeoutStopSec')) * 1_000).toBeGreaterThan(STOP_MS);
  });

  it('starts it again after a failure, unless a person is needed first', () => {
    expect(setting('Restart')).toBe('on-failure');
    const { InvalidConfig, NoWorkspace, StoreRefused, DiskLow, PortTaken } = ERRORS;
    const wanted = [InvalidConfig, NoWorkspace, StoreRefused].map(({ exit }) => exit);
    const prevented = setting('RestartPreventExitStatus').split(' ').map(Number);
    expect(prevented).toEqual(wanted);
    for (const { exit } of [DiskLow, PortTaken]) expect(prevented).not.toContain(exit);
  });

  it('is installed from a package, since a link to a checkout may lead where it cannot read', () => {
    expect(setting('ProtectHome')).toBe('yes');
    const [, install] = /^npm install --global (\S+)$/m.exec(readDoc('deploy/README.md')) ?? [];
    expect(install).toMatch(/\.tgz$/);
  });

  it('has room for as many connections as serve takes', () => {
    expect(Number(setting('LimitNOFILE'))).toBeGreaterThan(4 * LIMITS.http_connections_max);
  });

  it('is one that systemd reads without a complaint', (context) => {
    const file = withSystemd(context);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('is well fenced in the judgement of systemd', (context) => {
    const file = withSystemd(context);
    const args = ['security', '--offline=true', '--no-pager', file];
    const said = execFileSync('systemd-analyze', args, { encoding: 'utf8' });
    // 0 is no access to anything, 10 all of it. What is left is the network, and files of its own.
    expect(Number(/exposure level for \S+: ([\d.]+)/.exec(said)?.[1])).toBeLessThan(2.5);
  });
});

/** The unit in a folder of its own, with the program of this checkout: promptd need not be installed here. */
function withSystemd(context: TestContext): string {
  const { stdout, error } = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
  if (error !== undefined) context.skip('systemd-analyze is not installed');
  const version = Number(/^systemd (\d+)/.exec(stdout)?.[1]);
  if (!(version >= 250)) context.skip(`systemd ${version} looks at no unit offline`);
  const folder = mkdtempSync(path.join(tmpdir(), 'promptd-unit-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'promptd@.service');
  writeFileSync(file, UNIT.replace(/^ExecStart=promptd/m, `ExecStart=${path.join(ROOT, 'bin/promptd.js')}`));
  return file;
}

describe('the container file', () => {
  it('copies what there is, and everything that the package ships', () => {
    const copied = instructions('COPY').map((rest) => rest.split(' ').slice(0, -1));
    const fromHere = copied.filter(([first]) => !first?.startsWith('--')).flat();
    expect(fromHere.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
    // All that is copied is sent to the builder, and nothing else.
    const sent = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8').match(/^!(.+)$/gm) ?? [];
    expect(sent.map((line) => line.slice(1)).toSorted()).toEqual([...new Set(fromHere)].map((file) => file.replace(/^\.\//, '')).toSorted());
    const [, last = ''] = IMAGE.split(/^FROM .*$/m).slice(1);
    const inImage = [...last.matchAll(/^COPY .* \.\/(\S+)$/gm)].map(([, to]) => to);
    const needed = PACKAGE.files.filter((file) => file !== 'README.md');
    expect(inImage).toEqual(expect.arrayContaining([...needed, 'package.json', 'node_modules']));
    // What is copied from the first part was made there: dist/ as `npm run build` makes it.
    const build = readFileSync(path.join(ROOT, 'scripts/bootstrap.mjs'), 'utf8');
    for (const step of ['tsconfig.build.json', 'dist/packages/bridge.py']) {
      expect(IMAGE).toContain(step);
      expect(build).toContain(step);
    }
  });

  it('runs on the Node that the package asks for, and the program that it ships', () => {
    const [major] = /\d+/.exec(PACKAGE.engines.node) ?? [];
    for (const from of instructions('FROM')) expect(from).toMatch(new RegExp(`^docker.io/library/node:${major}-slim`));
    const [name = '', file] = Object.entries(PACKAGE.bin)[0] ?? [];
    expect(IMAGE).toContain(`ln -s /opt/promptd/${file} /usr/local/bin/${name}`);
    const entry = JSON.parse(instructions('ENTRYPOINT')[0] ?? '[]') as string[];
    expect(entry).toEqual(['/usr/bin/tini', '--', name]);
    expect(unknownIn(JSON.parse(instructions('CMD')[0] ?? '[]') as string[])).toEqual([]);
  });

  it('tells ports, workspace, signal and a look at its health as they are', () => {
    expect(instructions('EXPOSE')).toEqual([`${LIMITS.http_port} ${LIMITS.instances_port}`]);
    const [volume] = instructions('VOLUME');
    expect(instructions('ENV').join(' ')).toContain(`PROMPTD_WORKSPACE=${volume}`);
    expect(instructions('WORKDIR').at(-1)).toBe(volume);
    expect(instructions('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(instructions('USER')).toEqual(['node']);
    const [, health = '[]'] = /^HEALTHCHECK .* CMD (.*)$/m.exec(IMAGE) ?? [];
    const [program, ...words] = JSON.parse(health) as string[];
    expect(program).toBe('promptd');
    expect(unknownIn(words)).toEqual([]);
  });
});

describe('deploy/README.md', () => {
  const page = readDoc('deploy/README.md');

  it('says what nobody has tried, and gives a container as long to stop as the unit', () => {
    expect(page).toContain('not built by our CI');
    const [, seconds] = /--stop-timeout (\d+)/.exec(page) ?? [];
    expect(seconds).toBe(setting('TimeoutStopSec'));
    expect(page).toContain(`TimeoutStopSec=${seconds}`);
  });
});
