// Writes the tables of the documentation that repeat tables of the source: limits, errors, reasons.
//
//   node scripts/docs.mjs            rewrites them between their marks in docs/*.md
//   node scripts/docs.mjs --check    says which of them no longer agree
//
// The last column of limits and errors is written by hand and kept, row by row; a new row begins with the comment of
// the source. test/docs/ holds the result to the source.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatDuration } from '../src/core/durations.ts';
import { ERRORS } from '../src/core/errors.ts';
import { LIMITS } from '../src/core/limits.ts';
import { REASONS } from '../src/core/reasons.ts';

const ROOT = path.join(import.meta.dirname, '..');

const TABLES = [
  {
    file: 'docs/configuration.md',
    name: 'limits',
    head: ['limit', 'value', 'what it is for'],
    rows: () => Object.entries(LIMITS).map(([key, value]) => [code(key), valueOf(key, value), undefined]),
    begin: commentsOf('src/core/limits.ts'),
  },
  {
    file: 'docs/errors.md',
    name: 'errors',
    head: ['code', 'HTTP', 'exit', 'what it says', 'what to do'],
    rows: () =>
      Object.entries(ERRORS).map(([key, row]) => [code(key), row.status, row.exit, row.title, undefined]),
    begin: new Map(),
  },
  ...['waiting', 'ended', 'attempt'].map((when) => ({
    file: 'docs/reasons.md',
    name: when,
    head: ['code', 'what to do'],
    rows: () =>
      Object.entries(REASONS)
        .filter(([, row]) => row.when === when)
        .map(([key, row]) => [code(key), row.advice]),
    begin: new Map(),
  })),
];

function code(text) {
  return `\`${text}\``;
}

/** `600,000 (10m)`, `16,777,216 (16 MiB)`, `4`; a port is no quantity. */
function valueOf(key, value) {
  if (key.endsWith('_port')) return String(value);
  const exact = value.toLocaleString('en-US');
  if (key.endsWith('_ms') && value >= 1_000) return `${exact} (${formatDuration(value)})`;
  if (!key.includes('bytes')) return exact;
  const [unit, size] =
    value >= 2 ** 30 ? ['GiB', 2 ** 30] : value >= 2 ** 20 ? ['MiB', 2 ** 20] : ['KiB', 2 ** 10];
  return `${exact} (${value / size} ${unit})`;
}

/** The comment right above each key. */
function commentsOf(file) {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const found = text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+): /g);
  return new Map(
    [...found].map(([, words, key]) => [code(key), words.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim()]),
  );
}

function cells(line) {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The table as it should stand, with the hand-written last column of the one that stands. */
function render({ head, rows, begin }, before) {
  const kept = new Map(
    before
      .split('\n')
      .slice(2)
      .map(cells)
      .map((row) => [row[0], row.at(-1)]),
  );
  const lines = rows().map((row) =>
    row
      .map((cell) => cell ?? kept.get(row[0]) ?? begin.get(row[0]) ?? '')
      .map((cell) => String(cell).replaceAll(/(?<!\\)\|/g, '\\|')),
  );
  return [head, head.map(() => '---'), ...lines].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const disagreeing = [];
for (const table of TABLES) {
  const file = path.join(ROOT, table.file);
  const text = readFileSync(file, 'utf8');
  const parts = new RegExp(`(<!-- ${table.name} -->\n)([\\s\\S]*?)\n?(<!-- /${table.name} -->)`).exec(text);
  if (parts === null)
    throw new Error(
      `${table.file}: expected a table between <!-- ${table.name} --> and <!-- /${table.name} -->`,
    );
  const [whole, open, before, close] = parts;
  const after = render(table, before);
  if (after === before) continue;
  disagreeing.push(`${table.file}: ${table.name}`);
  if (!process.argv.includes('--check'))
    writeFileSync(
      file,
      text.replace(whole, () => `${open}${after}\n${close}`),
    );
}

if (process.argv.includes('--check') && disagreeing.length > 0) {
  console.error(
    `These tables differ from the source:\n  ${disagreeing.join('\n  ')}\nWrite them anew: node scripts/docs.mjs`,
  );
  process.exitCode = 1;
}
