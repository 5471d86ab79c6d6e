/** What tells a reader to type a command names one that there is: messages, hints, examples, documentation. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands-list.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { blocksOf } from './blocks.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const KNOWN = new Set([...COMMANDS.map(({ name }) => name), 'help']);

/** Words that follow the name of the program in sentences of messages. None of them may become a command. */
const PROSE = new Set(
  'always and brings decides demo does in itself jobs keeps knows may must needs promptd reads serves sets that then'.split(' '),
);

it.each(['src', 'bin', 'scripts', 'examples'])('%s/: messages name commands that there are', (folder) => {
  const named = filesIn(folder, /\.(ts|mjs|js|jsonc?|d\.ts)$/).flatMap((file) => wordsIn(file, withoutComments(read(file))));
  expect(named.filter(({ word }) => !KNOWN.has(word) && !PROSE.has(word))).toEqual([]);
  if (folder === 'src') expect(named.filter(({ word }) => KNOWN.has(word)).length).toBeGreaterThan(80);
});

it('documentation shows commands that there are', () => {
  const pages = [...filesIn('.', /^[A-Z]+\.md$/, false), ...filesIn('docs', /\.md$/), 'examples/README.md', 'deploy/README.md'];
  const shown = pages.flatMap((page) => wordsIn(page, codeOf(read(page))));
  expect(shown.filter(({ word }) => !KNOWN.has(word))).toEqual([]);
  expect(shown.length).toBeGreaterThan(100);
});

it('no word of sentences is a command', () => {
  expect([...PROSE].filter((word) => KNOWN.has(word))).toEqual([]);
});

it('advice for reasons names commands by `promptd …`', () => {
  const told = Object.values(REASONS).flatMap(({ advice }) => wordsIn('reasons', advice));
  expect(told.map(({ word }) => word)).toEqual(expect.arrayContaining(['retry', 'show', 'logs', 'instance']));
});

function wordsIn(file: string, text: string): { readonly file: string; readonly word: string }[] {
  return [...text.matchAll(/(?<![\w./"-])promptd ([a-z][a-z-]*)/g)].map(([, word = '']) => ({ file, word }));
}

/** Inline code and blocks, without the remarks in them. */
function codeOf(page: string): string {
  const blocks = blocksOf(page).map(({ text }) => text.replaceAll(/(^|\s)(#|\/\/) .*$/gm, ''));
  const prose = page.replaceAll(/^```[\s\S]*?^```$/gm, '');
  const inline = [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
  return [...blocks, ...inline].join('\n');
}

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/ .*$/gm, '');
}

function filesIn(folder: string, name: RegExp, isDeep = true): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: isDeep, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name) && !entry.parentPath.includes('.promptd'))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));
}

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}
