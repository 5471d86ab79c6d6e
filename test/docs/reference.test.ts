import { describe, expect, it } from 'vitest';
import { CONFIG_SCHEMA } from '../../src/app/config-file.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { marked, readDoc, section, tableRows } from './tables.ts';

const TO_MEND = 'Write the table anew with "node scripts/docs.mjs", and fill the last column of new rows.';

describe('docs/configuration.md', () => {
  const doc = readDoc('docs/configuration.md');
  const limits = tableRows(marked(doc, 'limits'));

  it('lists every limit with its value, and no other', () => {
    const shown = limits.map(([name, value]) => [name, Number((value ?? '').split(' ')[0]?.replaceAll(',', ''))]);
    expect(Object.fromEntries(shown), TO_MEND).toEqual(LIMITS);
    expect(shown.map(([name]) => name), TO_MEND).toEqual(Object.keys(LIMITS));
  });

  it('says of each limit what it is for', () => {
    expect(limits.filter((row) => row.at(-1) === '').map(([name]) => name), TO_MEND).toEqual([]);
  });

  it('describes every key of the configuration, and no other', () => {
    const keysIn = (heading: string) =>
      tableRows(section(doc, heading)).flatMap(([keys]) => (keys ?? '').split(/`, (?:or )?`/));
    const { endpoints, http, instances, instance, ...rest } = CONFIG_SCHEMA.shape;
    const top = section(doc, '## Keys').split('\n### ')[0] ?? '';
    const documented = tableRows(top).map(([key]) => key ?? '');
    expect(documented.toSorted()).toEqual(
      [...Object.keys(rest), 'endpoints', 'http', 'instances', 'instance'].toSorted(),
    );
    const shapeOf = (schema: { unwrap(): { shape: object } }) => Object.keys(schema.unwrap().shape);
    const endpointKeys = Object.keys(endpoints.unwrap().valueType.shape);
    const unticked = (keys: string[]) => keys.map((key) => key.replaceAll('`', '')).toSorted();
    expect(unticked(keysIn('### An endpoint'))).toEqual(endpointKeys.toSorted());
    const listening = new Set([...shapeOf(http), ...shapeOf(instances)]);
    expect(unticked(keysIn('### `http` and `instances`'))).toEqual([...listening].toSorted());
    expect(unticked(keysIn('### `instance`'))).toEqual(shapeOf(instance).toSorted());
  });
});

describe('docs/errors.md', () => {
  const rows = tableRows(marked(readDoc('docs/errors.md'), 'errors'));

  it('lists every error with its HTTP status, exit code and title, and no other', () => {
    const expected = Object.entries(ERRORS).map(([code, row]) => [code, String(row.status), String(row.exit), row.title]);
    expect(rows.map((row) => row.slice(0, 4)), TO_MEND).toEqual(expected);
  });

  it('says of each error what to do', () => {
    expect(rows.filter((row) => row.at(-1) === '').map(([code]) => code), TO_MEND).toEqual([]);
  });
});

describe('docs/reasons.md', () => {
  it.each(['waiting', 'ended', 'attempt'] as const)('lists every reason of the kind "%s" with its advice, and no other', (when) => {
    const rows = tableRows(marked(readDoc('docs/reasons.md'), when));
    const expected = Object.entries(REASONS).filter(([, row]) => row.when === when);
    expect(rows, TO_MEND).toEqual(expected.map(([code, row]) => [code, row.advice]));
  });
});
