// The order of the house, as a test: which room may know which, how large a file may grow, what it may be called.
// A folder of src/ is a room. An import that is not in the table below is a fault, and so is a circle of imports;
// imports of types count, since they are knowledge too.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSource, type Source } from './support/source.ts';

const ROOT = path.join(import.meta.dirname, '..');
const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;

interface Room {
  readonly rooms: readonly string[];
  /** npm packages; `@scope/*` for all of a scope, `*` for all. */
  readonly packages: readonly string[];
  /** Node's own modules, with all their parts (`node:fs` is `node:fs/promises` as well). */
  readonly node: readonly string[];
}

/** Modules of Node that do nothing to the world and read neither clock nor chance. */
const PURE = [
  'node:assert',
  'node:buffer',
  'node:crypto',
  'node:events',
  'node:path',
  'node:stream',
  'node:string_decoder',
  'node:url',
  'node:util',
  'node:zlib',
];

const ROOMS: Readonly<Record<string, Room>> = {
  core: { rooms: [], packages: ['zod', 'jsonc-parser'], node: ['node:crypto'] },
  wire: { rooms: ['core'], packages: ['msgpackr', 'zod'], node: PURE },
  prompt: { rooms: ['core'], packages: ['csv-parse', 'liquidjs', 'zod'], node: PURE },
  stores: { rooms: ['core'], packages: ['zod'], node: [...PURE, 'node:fs', 'node:sqlite'] },
  providers: { rooms: ['core'], packages: ['@ai-sdk/*', 'ollama', 'undici', 'zod'], node: PURE },
  // Writing goes through the Files port; what a job links to is opened here, since only what is open can be trusted.
  workspace: { rooms: ['core'], packages: ['zod'], node: [...PURE, 'node:fs'] },
  transport: { rooms: ['core'], packages: [], node: [...PURE, 'node:fs', 'node:net', 'node:tls'] },
  platform: {
    rooms: ['core'],
    packages: [],
    node: [
      ...PURE,
      'node:child_process',
      'node:fs',
      'node:os',
      'node:perf_hooks',
      'node:process',
      'node:timers',
      'node:worker_threads',
    ],
  },
  executor: { rooms: ['core', 'prompt', 'wire'], packages: ['ajv', 'zod'], node: PURE },
  reading: { rooms: ['core'], packages: ['marked'], node: [] },
  // host.ts is a process of its own, which loads the user's module, reads its calls and writes its files.
  packages: { rooms: ['core'], packages: ['zod'], node: [...PURE, 'node:fs', 'node:readline'] },
  scheduler: { rooms: ['core', 'wire'], packages: ['zod'], node: PURE },
  instance: { rooms: ['core', 'wire'], packages: ['zod'], node: PURE },
  http: {
    rooms: ['core', 'prompt'],
    packages: ['@fastify/*', 'fastify', 'fastify-type-provider-zod', 'pino', 'prom-client', 'zod'],
    node: [...PURE, 'node:http', 'node:https'],
  },
  client: { rooms: ['core'], packages: ['undici', 'zod'], node: [...PURE, 'node:http', 'node:https'] },
  cli: {
    rooms: ['client', 'core'],
    packages: ['cli-progress', 'cli-table3', 'commander', 'jsonc-parser', 'markdansi', 'picocolors', 'zod'],
    node: [...PURE, 'node:fs', 'node:os', 'node:process', 'node:readline', 'node:timers', 'node:tty'],
  },
  app: {
    rooms: ['*'],
    packages: ['*'],
    // Everything but what belongs to one room alone: sockets to transport, SQLite to stores.
    node: [
      ...PURE,
      'node:async_hooks',
      'node:child_process',
      'node:fs',
      'node:http',
      'node:https',
      'node:module',
      'node:os',
      'node:perf_hooks',
      'node:process',
      'node:readline',
      'node:timers',
      'node:v8',
      'node:worker_threads',
    ],
  },
  /** src/index.ts, the public library; src/ai.ts, what an AI package is. */
  '.': { rooms: ['client', 'core', 'platform', 'reading', 'workspace'], packages: [], node: [] },
};

/** Everywhere else time and chance come in through ports. */
const ROOMS_WITH_TIME_AND_CHANCE = ['platform', 'app', 'cli'];

/** Names that say nothing of what a file is about. */
const EMPTY_NAMES = ['common', 'helper', 'helpers', 'misc', 'types', 'util', 'utils'];
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Tools that ask for a default export. */
const DEFAULT_EXPORTS = [/^[a-z]+\.config\.ts$/, /^test\/support\/reporter\.ts$/];

function roomOf(file: string): string {
  return path.posix.relative('src', path.posix.dirname(file)).split('/')[0] || '.';
}

function isAllowed(allowed: readonly string[], name: string): boolean {
  return allowed.some(
    (entry) =>
      entry === '*' || entry === name || (entry.endsWith('/*') && name.startsWith(entry.slice(0, -1))),
  );
}

/** The file that a relative import leads to. */
function targetOf(source: Source, from: string): string {
  return path.posix.join(path.posix.dirname(source.path), from);
}

function importFaults(source: Source): string[] {
  const name = roomOf(source.path);
  const room = ROOMS[name];
  if (room === undefined) return [`src/${name} is a room that the table of test/tidy.test.ts does not know`];
  return source.imports.flatMap(({ from, names, line }) => {
    const at = `${source.path}:${line}`;
    if (from.startsWith('.')) {
      const other = roomOf(targetOf(source, from));
      const isIn =
        targetOf(source, from).startsWith('src/') && (other === name || isAllowed(room.rooms, other));
      return isIn ? [] : [`${at} room ${name} may not know ${targetOf(source, from)}`];
    }
    if (from.startsWith('node:')) {
      const [module = ''] = from.split('/');
      if (!isAllowed(room.node, module)) return [`${at} room ${name} may not import ${from}`];
      const chance = names.filter(
        (taken) => taken === '*' || taken === 'default' || /random|generate|webcrypto/i.test(taken),
      );
      const isChance =
        module === 'node:crypto' && chance.length > 0 && !ROOMS_WITH_TIME_AND_CHANCE.includes(name);
      return isChance
        ? [`${at} randomness comes in through a port, not from node:crypto (${chance.join(', ')})`]
        : [];
    }
    const packageName = from
      .split('/')
      .slice(0, from.startsWith('@') ? 2 : 1)
      .join('/');
    return isAllowed(room.packages, packageName) ? [] : [`${at} room ${name} may not import ${from}`];
  });
}

function dateFaults({ path: file, dateReads }: Source): string[] {
  if (ROOMS_WITH_TIME_AND_CHANCE.includes(roomOf(file))) return [];
  return dateReads.map(
    (line) => `${file}:${line} takes the date from the machine; take it from the clock port`,
  );
}

function sizeFaults({ path: file, lines, functions }: Source): string[] {
  const long = functions.filter((measured) => measured.lines > FUNCTION_LINES_MAX);
  // In a test a function may be a whole group of tests.
  const tooLong = file.startsWith('test/') ? [] : long;
  return [
    ...(lines > FILE_LINES_MAX ? [`${file} has ${lines} lines, more than ${FILE_LINES_MAX}`] : []),
    ...tooLong.map(
      (it) => `${file}:${it.line} is a function of ${it.lines} lines, more than ${FUNCTION_LINES_MAX}`,
    ),
  ];
}

function nameFaults({ path: file }: Source): string[] {
  return file.split('/').flatMap((part) => {
    const name = part.replace(/(\.(config|d|test))?\.[a-z]+$/, '');
    if (EMPTY_NAMES.includes(name)) return [`${file} is named ${name}, which does not say what it is about`];
    return KEBAB_CASE.test(name) ? [] : [`${file}: ${part} is not kebab-case`];
  });
}

function contentFaults(source: Source): string[] {
  const { path: file, comments, hasDefaultExport, syntaxErrors } = source;
  const isDefaultAllowed = DEFAULT_EXPORTS.some((pattern) => pattern.test(file));
  return [
    ...(hasDefaultExport && !isDefaultAllowed ? [`${file} has a default export; name it`] : []),
    ...syntaxErrors.map((message) => `${file} does not parse: ${message}`),
    ...comments
      .filter(({ text }) => /\b(TODO|FIXME)\b/.test(text))
      .map(({ line }) => `${file}:${line} has a TODO; do it, or file it as an issue`),
  ];
}

/** Each circle once, from the file of it that is met first. */
function cycleFaults(sources: readonly Source[]): string[] {
  const next = new Map(
    sources.map((source) => [
      source.path,
      source.imports.filter(({ from }) => from.startsWith('.')).map(({ from }) => targetOf(source, from)),
    ]),
  );
  const faults: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file))
      faults.push(`imports go in a circle: ${[...trail.slice(trail.indexOf(file)), file].join(' → ')}`);
    if (done.has(file) || trail.includes(file)) return;
    for (const target of next.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const { path: file } of sources) visit(file, []);
  return faults;
}

function faults(sources: readonly Source[]): string[] {
  const inSrc = sources.filter((source) => source.path.startsWith('src/'));
  return [
    ...inSrc.flatMap(importFaults),
    ...inSrc.flatMap(dateFaults),
    ...cycleFaults(inSrc),
    ...sources.flatMap((source) => [...sizeFaults(source), ...nameFaults(source), ...contentFaults(source)]),
  ];
}

function sourcesOf(files: Readonly<Record<string, string>>): Source[] {
  return Object.entries(files).map(([file, text]) => readSource(file, text));
}

function readTree(): Source[] {
  const folders = ['src', 'test', 'scripts', 'bin', 'bench'];
  const inFolders = folders.flatMap((folder) => {
    try {
      return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        path.posix.join(folder, file),
      );
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  });
  const files = [...inFolders, 'vitest.config.ts'].filter((file) => /\.(ts|mjs|js)$/.test(file));
  return files.map((file) => readSource(file, readFileSync(path.join(ROOT, file), 'utf8')));
}

describe('the source tree', () => {
  const tree = readTree();

  it('is tidy', () => {
    expect(faults(tree)).toEqual([]);
  });

  it('has been read', () => {
    expect(tree.map((source) => source.path)).toContain('test/tidy.test.ts');
  });
});

describe('the tidy test', () => {
  const lines = (count: number): string => 'x;\n'.repeat(count);

  it.each<[string, Record<string, string>, string]>([
    [
      'a room that may not be known',
      { 'src/core/a.ts': "import { b } from '../http/b.ts';" },
      'room core may not know src/http/b.ts',
    ],
    [
      'a type of a room that may not be known',
      { 'src/wire/a.ts': "import type { B } from '../stores/sqlite/b.ts';" },
      'room wire may not know',
    ],
    [
      'an inline import of a type',
      { 'src/wire/a.ts': "export type A = import('../stores/b.ts').B;" },
      'room wire may not know',
    ],
    ['a re-export', { 'src/client/a.ts': "export * from '../http/b.ts';" }, 'room client may not know'],
    [
      'a dynamic import',
      { 'src/providers/a.ts': "await import('../stores/b.ts');" },
      'room providers may not know',
    ],
    ['siblings', { 'src/stores/a.ts': "import '../providers/b.ts';" }, 'room stores may not know'],
    ['a way out of src', { 'src/app/a.ts': "import '../../test/b.ts';" }, 'room app may not know test/b.ts'],
    [
      'a library that knows the server',
      { 'src/index.ts': "export * from './http/b.ts';" },
      'may not know src/http/b.ts',
    ],
    ['a package', { 'src/core/a.ts': "import 'undici';" }, 'room core may not import undici'],
    [
      'a part of a package',
      { 'src/http/a.ts': "import '@ai-sdk/provider/x';" },
      'may not import @ai-sdk/provider/x',
    ],
    ['a socket', { 'src/scheduler/a.ts': "import 'node:net';" }, 'room scheduler may not import node:net'],
    ['a socket in app', { 'src/app/a.ts': "import 'node:tls';" }, 'room app may not import node:tls'],
    [
      'a part of a module',
      { 'src/instance/a.ts': "import 'node:fs/promises';" },
      'may not import node:fs/promises',
    ],
    ['a database', { 'src/app/a.ts': "import 'node:sqlite';" }, 'room app may not import node:sqlite'],
    [
      'a timer',
      { 'src/scheduler/a.ts': "import 'node:timers/promises';" },
      'may not import node:timers/promises',
    ],
    [
      'chance',
      { 'src/core/a.ts': "import { randomUUID } from 'node:crypto';" },
      'randomness comes in through a port',
    ],
    [
      'all of crypto',
      { 'src/core/a.ts': "import * as crypto from 'node:crypto';" },
      'randomness comes in through a port',
    ],
    ['the date', { 'src/core/a.ts': 'x = [new Date(1),\n new Date()];' }, 'src/core/a.ts:2 takes the date'],
    ['a new room', { 'src/cellar/a.ts': '' }, 'src/cellar is a room that the table'],
    [
      'a circle',
      { 'src/core/a.ts': "import './b.ts';", 'src/core/b.ts': "import type {} from './a.ts';" },
      'imports go in a circle',
    ],
    ['a file too long', { 'test/a.test.ts': lines(501) }, 'has 501 lines'],
    [
      'a function too long',
      { 'src/core/a.ts': `const f = () => {\n${lines(69)}};` },
      'is a function of 71 lines',
    ],
    [
      'a method too long',
      { 'src/core/a.ts': `class A {\n  f() {\n${lines(69)}}}` },
      ':2 is a function of 71 lines',
    ],
    ['an empty name', { 'src/core/utils.ts': '' }, 'does not say what it is about'],
    ['an empty name of a folder', { 'src/core/helpers/a.ts': '' }, 'does not say what it is about'],
    ['a name in another case', { 'src/core/jobSpec.ts': '' }, 'is not kebab-case'],
    ['a default export', { 'src/core/a.ts': 'export default 1;' }, 'has a default export'],
    [
      'a default export by name',
      { 'src/core/a.ts': 'const a = 1; export { a as default };' },
      'has a default export',
    ],
    // Written apart, so that this file does not contain what it looks for.
    ['work left over', { 'src/core/a.ts': `x;\n// ${'TO'}DO later` }, ':2 has a TODO'],
    ['what does not parse', { 'src/core/a.ts': 'const;' }, 'does not parse'],
  ])('catches %s', (_what, files, fault) => {
    expect(faults(sourcesOf(files))).toEqual([expect.stringContaining(fault)]);
  });

  it.each<[string, Record<string, string>]>([
    [
      'what the table names',
      { 'src/http/a.ts': "import '@fastify/helmet'; import '../core/b.ts'; import './c.ts';" },
    ],
    ['app to know every room', { 'src/app/a.ts': "import '../stores/b.ts'; import 'anything';" }],
    ['a hash', { 'src/core/a.ts': "import { createHash } from 'node:crypto';" }],
    ['chance in platform', { 'src/platform/a.ts': "import { randomBytes } from 'node:crypto'; new Date();" }],
    ['a date from a number', { 'src/core/a.ts': 'new Date(now_ms);' }],
    ['faults in strings', { 'src/core/a.ts': `x = "import 'node:fs'; // ${'TO'}DO";` }],
    [
      'files at the limits',
      { 'src/core/a.ts': lines(500), 'src/core/b.ts': `function f() {\n${lines(68)}}` },
    ],
    ['a long group of tests', { 'test/core/a.test.ts': `describe('x', () => {\n${lines(100)}});` }],
    [
      'two ways to one file',
      {
        'src/core/a.ts': "import './b.ts'; import './c.ts';",
        'src/core/b.ts': "import './c.ts';",
        'src/core/c.ts': '',
      },
    ],
  ])('allows %s', (_what, files) => {
    expect(faults(sourcesOf(files))).toEqual([]);
  });
});
