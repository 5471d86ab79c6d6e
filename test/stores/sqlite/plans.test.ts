import type { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import type { RunFilter } from '../../../src/core/ports/read-store.ts';
import type { LoadKeys } from '../../../src/core/ports/store.ts';
import { BodyKeys } from '../../../src/stores/sqlite/body-keys.ts';
import { Loader } from '../../../src/stores/sqlite/load.ts';
import { openWriter } from '../../../src/stores/sqlite/open.ts';
import { SqliteReadStore } from '../../../src/stores/sqlite/read-store.ts';
import { NEXT_DUE } from '../../../src/stores/sqlite/start.ts';
import { clock, random } from './bundle.ts';

/** Every statement that is prepared over this connection, with its plan. */
function watched(): { readonly db: DatabaseSync; readonly keys: BodyKeys; plans(): readonly string[] } {
  const db = openWriter({ path: ':memory:', clock: clock(), random });
  db.exec(`INSERT INTO lanes VALUES (1, 'e', 'm', '', 0)`);
  const keys = new BodyKeys(db);
  const texts: string[] = [];
  const prepare = db.prepare.bind(db);
  db.prepare = (sql, options) => {
    texts.push(sql);
    return prepare(sql, options);
  };
  const planOf = (sql: string): string => {
    const rows = prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    return rows.map((row) => String(row['detail'])).join('; ');
  };
  return { db, keys, plans: () => texts.map(planOf) };
}

it.each([
  ['queued runs in claim order', /SEARCH jobs USING (COVERING )?INDEX jobs_to_claim \(lane=\?\)/],
  ['runs that are due', /SEARCH jobs USING (COVERING )?INDEX jobs_due \(due_at>\? AND due_at<\?\)/],
  ['the latest run of a name', /SEARCH jobs USING (COVERING )?INDEX jobs_by_name \(name=\?\)/],
  ['a run of a name', /SEARCH j USING (COVERING )?INDEX jobs_by_name \(name=\? AND run=\?\)/],
  ['the leader of a digest', /SEARCH jobs USING (COVERING )?INDEX jobs_leading \(digest=\?\)/],
  ['a late answer to a digest', /SEARCH jobs USING (COVERING )?INDEX jobs_answered_late \(digest=\?\)/],
  ['the run of a digest that ended last', /SEARCH jobs USING (COVERING )?INDEX jobs_ended \(<expr>=\?\)/],
  ['followers of a digest', /SEARCH jobs USING (COVERING )?INDEX jobs_blocked \(digest=\?\)/],
  ['runs by id', /SEARCH j USING INTEGER PRIMARY KEY \(rowid=\?\)/],
  ['attempts of a run', /SEARCH a USING PRIMARY KEY \(job=\?\)/],
])('R22: loads %s by its index, and sorts no run', (_what, expected) => {
  const { db, keys, plans } = watched();
  const loader = new Loader(db, keys);
  const nothing: LoadKeys = {};
  expect(loader.load(nothing).runs).toEqual([]);
  const found = plans();
  expect(found.filter((plan) => expected.test(plan))).not.toEqual([]);
  for (const plan of found) expect(plan).not.toMatch(/SCAN (jobs|j|a|r|s)\b/);
  const ofRuns = found.filter((plan) => /jobs_(to_claim|due|blocked|by_name)/.test(plan));
  for (const plan of ofRuns) expect(plan).not.toContain('TEMP B-TREE');
  db.close();
});

it('finds the next due time at the edge of its index', () => {
  const { db, plans } = watched();
  db.prepare(NEXT_DUE);
  expect(plans()).toEqual(['SEARCH jobs USING COVERING INDEX jobs_due (due_at>?)']);
  db.close();
});

it.each([
  [{}, 'SEARCH j USING INTEGER PRIMARY KEY (rowid<?'],
  [{ state: ['failed'] }, 'SEARCH j USING COVERING INDEX jobs_by_lane (lane=? AND state=?'],
  [{ batch: 'b' }, 'SEARCH j USING COVERING INDEX jobs_by_batch (batch=? AND state=?'],
  [{ batch: 'b', state: ['failed'] }, 'SEARCH j USING COVERING INDEX jobs_by_batch (batch=? AND state=?'],
  [{ reason: 'Backoff' }, 'SEARCH j USING COVERING INDEX jobs_by_reason (reason_code=?'],
  [{ lanes: { in: [1] } }, 'SEARCH j USING COVERING INDEX jobs_by_lane (lane=? AND state=?'],
  [{ key: 'k' }, 'SEARCH j USING COVERING INDEX jobs_by_key (key=?'],
  [{ tag: 't' }, 'SEARCH t USING PRIMARY KEY (tag=?'],
] satisfies readonly (readonly [RunFilter, string])[])(
  'lists %j by an index, in its order',
  (filter, expected) => {
    const { db, plans } = watched();
    const reads = new SqliteReadStore(db, () => undefined);
    const before = plans().length;
    reads.runs(filter, 10, 99);
    const listing = plans().slice(before);
    expect(listing.some((plan) => plan.includes(expected))).toBe(true);
    for (const plan of listing) expect(plan).not.toContain('TEMP B-TREE');
    db.close();
  },
);
