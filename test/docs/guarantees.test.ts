/** docs/guarantees.md names the tests that prove what it says: they must be there, and nothing may stand there unproved. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CRASH_POINTS } from '../../src/core/ports/crashpoint.ts';
import { readDoc, section, tableRows } from './tables.ts';
import { titlesIn } from './test-titles.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const DOCUMENT = readDoc('docs/guarantees.md');

interface Row {
  readonly ids: readonly string[];
  readonly says: readonly string[];
  readonly proof: string;
}

interface Proof {
  readonly file: string;
  readonly title: string;
}

/** Rows of all tables below a heading: ids first, proof last. */
function rowsBelow(heading: string, text = DOCUMENT): Row[] {
  return tableRows(section(text, heading)).map((cells) => ({
    ids: (cells[0] ?? '').split(/[ ,]+/),
    says: cells.slice(1, -1),
    proof: cells.at(-1) ?? '',
  }));
}

const NAMED = /`(test\/[^`]+)`: (“[^”]+”(?:; “[^”]+”)*)/g;
/** Why no test is named, or what of the row none of them shows. */
const REASON = /^\*(?:Not built|Not tested|Out of reach)\*: \S/;

function proofsIn(text: string): Proof[] {
  return [...text.matchAll(NAMED)].flatMap(([, file = '', titles = '']) =>
    [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => ({ file, title })),
  );
}

/** What is neither a test nor a reason, or everything where there is neither. */
function unproved({ proof }: Row): string[] {
  if (proof === '') return ['nothing'];
  const parts = proof.split('<br>').map((part) => part.trim());
  return parts.filter((part) => part.replaceAll(NAMED, '') !== '' && !REASON.test(part));
}

const read = new Map<string, readonly string[]>();

function titlesOf(file: string): readonly string[] {
  const known = read.get(file);
  if (known !== undefined) return known;
  const at = path.join(ROOT, file);
  const titles = existsSync(at) ? titlesIn(file, readFileSync(at, 'utf8')) : [];
  read.set(file, titles);
  return titles;
}

function isThere({ file, title }: Proof): boolean {
  return titlesOf(file).some((full) => full === title || full.endsWith(` › ${title}`));
}

const numbered = (letter: string, count: number, digits: number): string[] =>
  Array.from({ length: count }, (_, i) => `${letter}${String(i + 1).padStart(digits, '0')}`);

const PROMISES = rowsBelow('## What is promised');
const FAULTS = rowsBelow('## What becomes of each fault');

describe('docs/guarantees.md', () => {
  it('has every promise once', () => {
    expect(PROMISES.flatMap(({ ids }) => ids)).toEqual(numbered('G', 33, 1));
  });

  it('has every fault once', () => {
    expect(FAULTS.flatMap(({ ids }) => ids).toSorted()).toEqual(numbered('F', 90, 2));
  });

  it('says something in every row, and proves it by a test or says why there is none', () => {
    const rows = [...PROMISES, ...FAULTS];
    expect(rows.filter(({ says }) => says.includes('')).map(({ ids }) => ids)).toEqual([]);
    expect(
      rows.map((row) => [row.ids.join(' '), ...unproved(row)]).filter(({ length }) => length > 1),
    ).toEqual([]);
  });

  it('names crash points that there are', () => {
    const rooms = new Set(CRASH_POINTS.map((point) => point.split('.')[0]));
    const named = FAULTS.flatMap(({ says }) => [...says.join(' ').matchAll(/`(([a-z]+)\.[a-z_]+)`/g)]);
    const points = named.filter(([, , room]) => rooms.has(room ?? '')).map(([, point]) => point);
    expect(points.length).toBeGreaterThan(20);
    expect(points.filter((point) => !(CRASH_POINTS as readonly unknown[]).includes(point))).toEqual([]);
  });

  it('proves every promise by a test', () => {
    expect(PROMISES.filter(({ proof }) => proofsIn(proof).length === 0).map(({ ids }) => ids)).toEqual([]);
  });

  it('names tests that are there, word for word', () => {
    const proofs = proofsIn(DOCUMENT);
    expect(proofs.length).toBeGreaterThan(100);
    expect(proofs.filter((proof) => !isThere(proof))).toEqual([]);
    // Nothing that looks like a test is passed over for the way in which it is written.
    expect(DOCUMENT.replaceAll(NAMED, '')).not.toMatch(/`test\/[^`]*`:|“|”/);
  });
});

describe('the check of docs/guarantees.md', () => {
  const rowOf = (proof: string): Row => ({ ids: ['F01'], says: ['x'], proof });
  const HERE = 'test/docs/guarantees.test.ts';

  it('finds a test by its title, with what it stands in or without', () => {
    expect(isThere({ file: HERE, title: 'has every fault once' })).toBe(true);
    expect(isThere({ file: HERE, title: 'docs/guarantees.md › has every fault once' })).toBe(true);
    expect(isThere({ file: HERE, title: 'the check of docs/guarantees.md › has every fault once' })).toBe(
      false,
    );
    expect(isThere({ file: HERE, title: 'every fault once' })).toBe(false);
    expect(isThere({ file: 'test/docs/none.test.ts', title: 'has every fault once' })).toBe(false);
  });

  it('reads titles however a test is made, with … for what a template fills in', () => {
    const text =
      'describe.concurrent.for([1])(`a ${b} c`, () => { it.skipIf(x)("d %s", () => {}); }); other("e");';
    expect(titlesIn('a.test.ts', text)).toEqual(['a … c', 'a … c › d %s']);
  });

  it('accuses a row that is neither proved nor says why', () => {
    expect(unproved(rowOf(''))).toEqual(['nothing']);
    expect(unproved(rowOf('surely'))).toEqual(['surely']);
    expect(unproved(rowOf('*Not tested*: '))).toEqual(['*Not tested*:']);
    expect(unproved(rowOf('`test/a.test.ts`: “b”<br>and more'))).toEqual(['and more']);
    expect(unproved(rowOf('`test/a.test.ts`: “b”; “c”<br>*Not built*: commands.'))).toEqual([]);
  });
});
