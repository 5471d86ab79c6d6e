import { describe, expect, it } from 'vitest';
import { basename } from 'node:path';
import { endedFileText } from '../../src/workspace/ended-file.ts';
import { jobFileText } from '../../src/workspace/job-file.ts';
import { foldersOf, layoutOf } from '../../src/workspace/layout.ts';
import { rejectedFileText } from '../../src/workspace/rejected-file.ts';
import { parseResultFile, resultFileText } from '../../src/workspace/result-file.ts';
import { NOON, publicationBody, PublicationRows } from '../workspace/publication-rows.ts';
import { sha256 } from '../../src/core/identity.ts';
import { canonicalJson, type Json } from '../../src/core/json.ts';
import { blocksOf } from './blocks.ts';
import { readDoc, section, tableRows } from './tables.ts';

const DOC = readDoc('docs/folders.md');

/** The keys that a section's table describes, in its order; a cell may name several. */
function documented(heading: string): string[] {
  return tableRows(section(DOC, heading)).flatMap(([keys]) => (keys ?? '').split(', ').map((key) => key.replaceAll('`', '')));
}

/** An answer of a platform, as the promptd of today writes it down. */
function withVersion() {
  const { result } = publicationBody();
  return { ...result!.meta, promptd_version: '0.1.0' };
}

function keysOf(text: string): string[] {
  return Object.keys(JSON.parse(text));
}

describe('docs/folders.md', () => {
  it('names every folder and file of a workspace', () => {
    const layout = layoutOf('/w');
    const inState = [layout.database, layout.server, layout.socket, layout.admin_key, layout.instance_token];
    const paths = [...foldersOf(layout).filter((path) => path !== layout.root), ...inState, layout.config];
    const tree = DOC.split('```')[1] ?? '';
    expect(paths.map((path) => basename(path)).filter((name) => !tree.includes(name))).toEqual([]);
  });

  it('describes the keys of a result file, in their order', () => {
    const { result } = publicationBody();
    const rows = new PublicationRows();
    const meta = { ...result!.meta, files: [rows.addFile('chart.png', 'png')], reasoning: 'Hm.', promptd_version: '0.1.0', cost: { amount: 1, currency: 'USD', as_of: '2026-11-02' } };
    const body = publicationBody({ result: { meta }, answered_by: { name: 'faq-3', run: 2 } });
    expect(documented('## Result files').toSorted()).toEqual(keysOf(resultFileText(body)).toSorted());
  });

  it('R9: shows a result file whose keys and hashes are as it says', () => {
    const text = blocksOf(section(DOC, '## Result files')).find(({ info }) => info === 'json result')?.text ?? '';
    const shown = JSON.parse(text) as { result: string; prompt: Json; prompt_sha256: string; sha256: string };
    expect(sha256(shown.result)).toBe(shown.sha256);
    expect(sha256(canonicalJson(shown.prompt))).toBe(shown.prompt_sha256);
    const written = keysOf(resultFileText(publicationBody({ result: { meta: withVersion() } })));
    expect(Object.keys(shown)).toEqual(written);
    expect(parseResultFile(text)).toEqual(shown);
  });

  it('describes the keys of an ended file', () => {
    expect(documented('## Ended files').toSorted()).toEqual(keysOf(endedFileText(publicationBody({ kind: 'ended' }))).toSorted());
  });

  it('describes the keys of a report about a rejected file', () => {
    const version = { kind: 'file', bytes: 1, modified_at: null, sha256: null } as const;
    const text = rejectedFileText({ file: 'a.json', version, faults: [] }, NOON);
    expect(documented('## Dropping files into jobs/').toSorted()).toEqual(keysOf(text).toSorted());
  });

  it('describes the keys of a job file, and of its options', () => {
    const { spec } = publicationBody();
    const options = { ...spec.options, run_at: NOON, tags: ['nightly'] };
    const body = publicationBody({ kind: 'job', run: { key: 'k', batch: 'b' }, spec: { metadata: 1, options } });
    const text = jobFileText(body);
    expect(documented('## Job files').toSorted()).toEqual(keysOf(text).toSorted());
    const row = tableRows(section(DOC, '## Job files')).find(([key]) => key === 'options');
    expect(Object.keys(JSON.parse(text).options).filter((key) => !row?.[1]?.includes(`\`${key}\``))).toEqual([]);
  });
});
