import type { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { BODY_TAIL_MAX } from '../../../src/stores/sqlite/body-keys.ts';
import { accepted, anAttempt, aRun, aSpec, BODIES, body, sha256 } from '../rows.ts';
import { folder } from './folder.ts';

function counts(db: DatabaseSync): { readonly bodies: number; readonly filed: number } {
  const count = (table: string): number =>
    Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
  return { bodies: count('bodies'), filed: count('body_keys') };
}

it('files the keys of bodies when idle; writer and readers find all of them before, across and after', async () => {
  const { open, openReads, raw, clock } = folder();
  const store = open();
  const [early, late, db] = [openReads(), openReads(), raw()];
  await store.commit([body('one'), body('two')]);
  expect(early.body(sha256('one'))).toBe('one');
  clock.advance(1_000);
  await store.tidy();
  expect(counts(db)).toEqual({ bodies: 2, filed: 2 });
  await store.commit([body('two'), body('three')]);
  expect(counts(db)).toEqual({ bodies: 3, filed: 2 });
  for (const reads of [early, late]) {
    for (const text of ['one', 'two', 'three']) expect(reads.body(sha256(text))).toBe(text);
    expect(reads.body(sha256('four'))).toBeNull();
  }
  clock.advance(1_000);
  await store.tidy();
  await store.tidy();
  expect(counts(db)).toEqual({ bodies: 3, filed: 3 });
  expect(late.body(sha256('three'))).toBe('three');
});

it('stores no body twice after a restart, whether its key was filed or not', async () => {
  const { open, raw, clock } = folder();
  const first = open();
  await first.commit([body('filed')]);
  clock.advance(1_000);
  await first.tidy();
  await first.commit([body('not filed')]);
  await first.close();
  const second = open();
  await second.commit([body('filed'), body('not filed'), body('new'), body('new')]);
  expect(counts(raw())).toEqual({ bodies: 3, filed: 1 });
});

it('R22: forgets the bodies of a commit that came to nothing', async () => {
  const { open, openReads } = folder();
  const store = open();
  const reads = openReads();
  const taken = aRun(1);
  await store.commit(accepted(taken));
  const refused = await store.commit([
    body('lost'),
    { do: 'insert_run', run: { ...taken, id: 2 }, spec: aSpec() },
  ]);
  expect(refused).toHaveLength(1);
  const broken = anAttempt(1, { outcome: 'won' as 'lost', ended_at: 1 });
  await expect(store.commit([body('lost too'), { do: 'insert_attempt', attempt: broken }])).rejects.toThrow();
  // These take the row ids that the lost ones had.
  await store.commit([body('kept'), body('kept too')]);
  expect([reads.body(sha256('lost')), reads.body(sha256('lost too'))]).toEqual([null, null]);
  const spec = aSpec({ spec_sha256: sha256('lost') });
  await expect(store.commit([{ do: 'insert_run', run: aRun(3), spec }])).rejects.toThrow(
    /no body with the SHA-256/,
  );
  await store.commit([body('lost'), { do: 'insert_run', run: aRun(3), spec }]);
  expect(reads.spec(3)?.spec_sha256).toBe(sha256('lost'));
});

it('takes texts for the same only where the whole hash is', async () => {
  const { open, openReads, clock } = folder();
  const store = open();
  const reads = openReads();
  const [one, other] = [`${'ab'.repeat(6)}${'01'.repeat(26)}`, `${'ab'.repeat(6)}${'02'.repeat(26)}`];
  for (const [hash, text] of [
    [one, 'one'],
    [other, 'other'],
  ] as const) {
    await store.commit([{ do: 'put_body', sha256: hash, body: text }]);
    clock.advance(1_000);
    await store.tidy();
  }
  expect([reads.body(one), reads.body(other)]).toEqual(['one', 'other']);
});

it('names bodies that another writer put', async () => {
  const { open, openReads, clock } = folder();
  const [one, other] = [open(), open()];
  await one.commit(BODIES);
  expect(await other.commit([{ do: 'insert_run', run: aRun(1), spec: aSpec() }])).toEqual([]);
  clock.advance(1_000);
  await other.tidy();
  expect(await one.commit([{ do: 'insert_run', run: aRun(2), spec: aSpec() }])).toEqual([]);
  expect(openReads().spec(2)).toEqual(aSpec());
});

it('does not wait for idleness once there are many, and then files them in one go', async () => {
  const { open, raw } = folder();
  const store = open();
  const many = Array.from({ length: BODY_TAIL_MAX }, (_, at) => body(`body ${at}`));
  await store.commit(many.slice(1));
  await store.tidy();
  expect(counts(raw()).filed).toBe(0);
  await store.commit(many.slice(0, 1));
  await store.tidy();
  expect(counts(raw()).filed).toBe(BODY_TAIL_MAX);
});

it('R27: leaves tidying for later while another program writes', async () => {
  const { open, raw, clock } = folder();
  const store = open();
  const other = raw();
  await store.commit([body('one')]);
  clock.advance(1_000);
  other.exec('BEGIN IMMEDIATE');
  await store.tidy();
  expect(counts(other).filed).toBe(0);
  other.exec('ROLLBACK');
  await store.tidy();
  expect(counts(other).filed).toBe(1);
});
