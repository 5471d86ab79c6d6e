/** A data file as rows: CSV by its header, JSON lines, or a JSON document. Rows are counted from 0, a header is none. */
import { CsvError, parse } from 'csv-parse/sync';
import { anyOf, describe } from '../core/describe.ts';
import { parseJobText, splitNdjson } from '../core/job-text.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { RowChoice, RowFormat } from '../core/job.ts';
import { nearest } from '../core/vocabulary.ts';

/** Why data is not to be had, in the words of a fault. `key` is the part of the data value that it is about. */
export class DataError extends Error {
  readonly key: 'file' | 'row' | 'column';
  readonly expected: string;
  readonly got: string;
  readonly hint: string | undefined;

  constructor(key: DataError['key'], expected: string, got: string, hint?: string) {
    super(`expected ${expected}, got ${got}`);
    this.name = 'DataError';
    this.key = key;
    this.expected = expected;
    this.got = got;
    this.hint = hint;
  }
}

/** Rows that are shown where too many fit. */
const ROWS_SHOWN = 5;

export class DataTable {
  readonly #rows: readonly Json[];
  /** The whole document where it is no list of rows. */
  readonly #whole: Json;
  /** Rows by the value of a column, made when first asked for: a thousand jobs may look for their row in it. */
  readonly #indexes = new Map<string, Map<string, number[]>>();

  constructor(whole: Json) {
    this.#whole = whole;
    this.#rows = Array.isArray(whole) ? (whole as readonly Json[]) : [];
  }

  /** Throws a {@link DataError} where there is no such row or column. */
  pick(row: RowChoice | null, column: string | null): Json {
    if (row === null) return this.#whole;
    if (!Array.isArray(this.#whole))
      throw new DataError('row', 'a file with a list of rows', describe(this.#whole));
    const found = typeof row === 'number' ? this.#row(row) : this.#where(row.where);
    return column === null ? found : this.#column(found, column);
  }

  #row(index: number): Json {
    const row = this.#rows[index];
    if (row !== undefined) return row;
    const range =
      this.#rows.length === 0 ? 'there are no rows' : `rows go from 0 to ${this.#rows.length - 1}`;
    throw new DataError('row', `a row of the file (${range})`, String(index));
  }

  #column(row: Json, column: string): Json {
    const value = isJsonObject(row) && Object.hasOwn(row, column) ? row[column] : undefined;
    if (value === undefined) throw this.#noColumn(column, row);
    return value;
  }

  #where(where: Readonly<Record<string, string | number | boolean>>): Json {
    const [first, ...others] = Object.entries(where);
    if (first === undefined) throw new DataError('row', 'a column and its value', 'none');
    const sample = this.#rows[0] ?? {};
    for (const [column] of [first, ...others]) {
      if (!this.#rows.some((row) => isJsonObject(row) && Object.hasOwn(row, column)))
        throw this.#noColumn(column, sample, 'row');
    }
    const candidates = this.#index(first[0]).get(String(first[1])) ?? [];
    const found = candidates.filter((index) =>
      others.every(([column, value]) => matches(this.#rows[index], column, value)),
    );
    const wanted = Object.entries(where).map(([column, value]) => `${column} = ${describe(value)}`);
    const expected = `exactly one row with ${anyOf(wanted, 'and')}`;
    const [index] = found;
    if (index === undefined) throw new DataError('row', expected, `none of ${this.#rows.length} rows`);
    if (found.length > 1) {
      const shown = found.slice(0, ROWS_SHOWN).join(', ') + (found.length > ROWS_SHOWN ? ', …' : '');
      throw new DataError(
        'row',
        expected,
        `${found.length} rows (${shown})`,
        'Name another column, too, or give the number of the row.',
      );
    }
    return this.#row(index);
  }

  #index(column: string): Map<string, number[]> {
    let index = this.#indexes.get(column);
    if (index !== undefined) return index;
    index = new Map();
    for (const [at, row] of this.#rows.entries()) {
      if (!isJsonObject(row) || !Object.hasOwn(row, column)) continue;
      const value = cell(row[column]);
      const rows = index.get(value);
      if (rows === undefined) index.set(value, [at]);
      else rows.push(at);
    }
    this.#indexes.set(column, index);
    return index;
  }

  #noColumn(column: string, row: Json, key: DataError['key'] = 'column'): DataError {
    const known = isJsonObject(row) ? Object.keys(row) : [];
    const meant = nearest(column, known);
    const expected =
      known.length === 0
        ? 'rows with columns'
        : `one of the columns ${anyOf(known.map((name) => describe(name)))}`;
    return new DataError(
      key,
      expected,
      describe(column),
      meant === null ? undefined : `Did you mean ${meant}?`,
    );
  }
}

/** Throws a {@link DataError} that names the line where the text is not of that format. */
export function parseTable(format: RowFormat, path: string, text: string): DataTable {
  if (format === 'csv') return new DataTable(parseCsv(path, text));
  if (format === 'json') return new DataTable(parseJson(text, path, 1));
  return new DataTable(splitNdjson(text).map(({ line, text: row }) => parseJson(row, path, line)));
}

function parseCsv(path: string, text: string): JsonObject[] {
  const delimiter = path.endsWith('.tsv') ? '\t' : ',';
  const records = readRecords(path, text, delimiter);
  const [header, ...rows] = records;
  if (header === undefined)
    throw new DataError('file', `a header in the first line of ${path}`, 'an empty file');
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined)
    throw new DataError('file', `a header of distinct names in ${path}`, `${describe(twice)} twice`);
  // fromEntries defines properties, so that no column name can reach a prototype.
  return rows.map((row) => Object.fromEntries(header.map((name, index) => [name, row[index] ?? ''])));
}

function readRecords(path: string, text: string, delimiter: string): string[][] {
  try {
    return parse(text, { bom: true, delimiter, skip_empty_lines: true });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error['lines'] === 'number' ? `:${error['lines']}` : '';
    throw new DataError('file', `CSV in ${path}${line}`, error.message.replace(/\.?$/, ''));
  }
}

function parseJson(text: string, path: string, line: number): Json {
  const parsed = parseJobText(text);
  const [fault] = parsed.faults;
  if (fault === undefined) return parsed.value as Json;
  const at = `${path}:${(fault.line ?? 1) + line - 1}:${fault.column ?? 1}`;
  throw new DataError('file', `${fault.expected} at ${at}`, fault.got, fault.hint);
}

function matches(row: Json | undefined, column: string, value: string | number | boolean): boolean {
  return isJsonObject(row) && Object.hasOwn(row, column) && cell(row[column]) === String(value);
}

/** A cell as text: CSV knows no other, so `7` and `"7"` name the same row everywhere. */
function cell(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
