/** What a newcomer reads first: its links lead somewhere, its commands exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { GLOBAL } from '../../src/cli/command-spec.ts';
import { COMMANDS } from '../../src/cli/commands-list.ts';
import { blocksOf } from './blocks.ts';
import { readDoc } from './tables.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PAGES = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
  'examples/README.md',
  'deploy/README.md',
];
const TO_TYPE = [
  ...['README.md', 'CONTRIBUTING.md', 'docs/getting-started.md', 'docs/http.md'],
  ...['docs/daemon.md', 'docs/backup.md', 'deploy/README.md'],
];

describe('the documentation', () => {
  it.each(PAGES)('%s: links lead to files and headings that there are', (page) => {
    const text = withoutBlocks(readDoc(page));
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const broken = links.filter((link) => !/^https?:/.test(link) && !leads(page, link));
    expect(broken).toEqual([]);
  });

  it('shows npm scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const shown = PAGES.flatMap((page) => [...readDoc(page).matchAll(/npm run (?:--?\S+ )*([a-z]+)/g)].map(([, name = '']) => name));
    expect(shown.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
    expect(shown).toContain('demo');
    expect(readDoc('README.md')).toContain('npm test');
  });

  it.each(TO_TYPE)('%s: shows commands and options that there are', (page) => {
    const unknown = commandLines(readDoc(page)).filter((words) => !isKnown(words));
    expect(unknown.map((words) => words.join(' '))).toEqual([]);
  });

  it('lists every page in the index', () => {
    const index = readDoc('docs/README.md');
    const pages = readdirSync(path.join(ROOT, 'docs')).filter((file) => file.endsWith('.md') && file !== 'README.md');
    expect(pages.filter((file) => !index.includes(`](${file})`))).toEqual([]);
  });

  it('names in the changes every command that there is', () => {
    const listed = readDoc('CHANGELOG.md');
    expect(COMMANDS.map(({ name }) => name).filter((name) => !listed.includes(`\`${name}\``))).toEqual([]);
  });
});

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

function leads(page: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? path.join(ROOT, page) : path.join(ROOT, path.dirname(page), file);
  if (!existsSync(target)) return false;
  if (anchor === undefined) return true;
  return headings(readFileSync(target, 'utf8')).includes(anchor);
}

/** Anchors as GitHub makes them of headings. */
function headings(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** Every `promptd …` of shell blocks and of code in the text, as words. */
function commandLines(text: string): string[][] {
  const inBlocks = blocksOf(text)
    .filter(({ info }) => info.startsWith('sh'))
    .flatMap((block) => block.text.split('\n'));
  const inText = [...withoutBlocks(text).matchAll(/`(promptd [^`]+)`/g)].map(([, code = '']) => code);
  return [...inBlocks, ...inText].flatMap((line) => {
    const [, command] = /(?:^|[;&|$(] *|-- )promptd ([^#;&|>)]+)/.exec(line.replaceAll(/"[^"]*"/g, 'TEXT')) ?? [];
    return command === undefined || line.startsWith('alias') ? [] : [command.trim().split(/\s+/)];
  });
}

function isKnown([name, ...words]: readonly string[]): boolean {
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) return false;
  const flags = [...command.options, ...GLOBAL].flatMap((option) => option.flags.split(/[ ,]+/));
  return words.every((word) => !/^--?[a-z]/i.test(word) || flags.includes(word));
}
