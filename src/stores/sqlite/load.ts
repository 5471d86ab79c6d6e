/** What a turn wants to know, in one pass: keys to ids first, each list in one statement, then every row once. */
import type { DatabaseSync } from 'node:sqlite';
import type { Loaded, LoadKeys } from '../../core/ports/store.ts';
import type { BodyKeys } from './body-keys.ts';
import { loadDetails } from './load-details.ts';
import { runColumnsOf, runOf } from './run-rows.ts';
import { query, type Row } from './statement.ts';

type Id = number | null;

/** Lists travel into a statement as one JSON array: one call for a thousand keys. `k.value` is a key, in the order given. */
const KEYS = 'json_each(?) k';
/** The first half is the expression of the indexes, the second makes sure. */
const OF_DIGEST = 'substr(digest, 1, 14) = substr(k.value, 1, 14) AND digest = k.value';

export class Loader {
  readonly #latest;
  readonly #numbered;
  readonly #asked;
  readonly #digests;
  readonly #best;
  readonly #any;
  readonly #due;
  readonly #claims;
  readonly #runs;
  readonly #details;
  readonly #keys;
  readonly #body;

  constructor(db: DatabaseSync, keys: BodyKeys) {
    this.#keys = keys;
    this.#body = query(db, 'SELECT body FROM bodies WHERE id = ?');
    // By jobs_by_name, from its end.
    this.#latest = query(
      db,
      `SELECT k.value, (SELECT id FROM jobs WHERE name = k.value ORDER BY run DESC LIMIT 1) FROM ${KEYS}`,
    );
    // By jobs_by_name.
    this.#numbered = query(
      db,
      `SELECT j.id FROM ${KEYS} CROSS JOIN jobs j
       ON j.name = json_extract(k.value, '$[0]') AND j.run = json_extract(k.value, '$[1]')`,
    );
    // By jobs_by_name, from its end; asked only where the latest run of the name asks something else.
    this.#asked = query(
      db,
      `SELECT json_extract(k.value, '$[0]'), json_extract(k.value, '$[1]'),
        (SELECT id FROM jobs WHERE name = json_extract(k.value, '$[0]') AND digest = json_extract(k.value, '$[1]')
          ORDER BY run DESC LIMIT 1)
       FROM ${KEYS}`,
    );
    // By jobs_leading, where the state says whether it leads or has answered; jobs_answered_late; and jobs_ended.
    this.#digests = query(
      db,
      `SELECT k.value,
        (SELECT id FROM jobs WHERE digest = k.value AND leads = 1 AND state <> 'completed'),
        coalesce(
          (SELECT id FROM jobs WHERE digest = k.value AND completed = 1 AND leads = 0 AND answered_by IS NULL LIMIT 1),
          (SELECT id FROM jobs WHERE digest = k.value AND leads = 1 AND state = 'completed')),
        (SELECT id FROM jobs WHERE ${OF_DIGEST} AND (state = 'failed' OR state = 'cancelled')
          ORDER BY finished_at DESC LIMIT 1)
       FROM ${KEYS}`,
    );
    // Both by jobs_blocked.
    const blocked = `SELECT id FROM jobs WHERE digest = ? AND state = 'blocked'`;
    this.#best = query(db, `${blocked} ORDER BY priority DESC, rank, id LIMIT ?`);
    this.#any = query(db, `${blocked} LIMIT ?`);
    // By jobs_due.
    this.#due = query(
      db,
      'SELECT id FROM jobs WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at, id LIMIT ?',
    );
    // By jobs_to_claim, which is in this order.
    this.#claims = query(
      db,
      `SELECT id FROM jobs WHERE lane = ? AND state = 'queued' ORDER BY priority DESC, rank, id LIMIT ?`,
    );
    // By row id.
    this.#runs = query(db, `SELECT ${runColumnsOf('j')} FROM ${KEYS} CROSS JOIN jobs j ON j.id = k.value`);
    this.#details = loadDetails(db);
  }

  load(keys: LoadKeys): Loaded {
    const ids = new Set<number>(keys.ids);
    const add = (id: Id): Id => {
      if (id !== null) ids.add(id);
      return id;
    };
    const addAll = (rows: readonly Row[]): readonly number[] =>
      rows.map((row) => add(row[0] as number) as number);

    const latest = new Map<string, number>();
    for (const row of this.#each(this.#latest, keys.names)) put(latest, row[0] as string, add(row[1] as Id));
    const runs = keys.runs?.map(({ name, run }) => [name, run]);
    addAll(this.#each(this.#numbered, runs));
    const asked = new Map<string, number>();
    const pairs = keys.asked?.map(({ name, digest }) => [name, digest]);
    for (const row of this.#each(this.#asked, pairs))
      put(asked, `${row[0] as string} ${row[1] as string}`, add(row[2] as Id));
    const digests = this.#byDigest(keys.digests, add);
    const followers = new Map<string, readonly number[]>();
    for (const { digest, limit, best } of keys.followers ?? []) {
      followers.set(digest, addAll((best ? this.#best : this.#any).all(digest, limit)));
    }
    const claims = new Map<number, readonly number[]>();
    for (const { lane, limit } of keys.claims ?? []) claims.set(lane, addAll(this.#claims.all(lane, limit)));
    const due = keys.due === undefined ? [] : addAll(this.#due.all(keys.due.before, keys.due.limit));

    return {
      latest,
      asked,
      ...digests,
      followers,
      claims,
      due,
      ...this.#details(keys),
      bodies: this.#bodies(keys.bodies),
      runs: this.#each(this.#runs, [...ids]).map(runOf),
    };
  }

  #byDigest(
    digests: readonly string[] | undefined,
    add: (id: Id) => Id,
  ): Pick<Loaded, 'leaders' | 'completed' | 'last_ended'> {
    const leaders = new Map<string, number>();
    const completed = new Map<string, number>();
    const last_ended = new Map<string, number>();
    for (const row of this.#each(this.#digests, digests)) {
      const digest = row[0] as string;
      put(leaders, digest, add(row[1] as Id));
      put(completed, digest, add(row[2] as Id));
      put(last_ended, digest, add(row[3] as Id));
    }
    return { leaders, completed, last_ended };
  }

  #bodies(hashes: readonly string[] | undefined): ReadonlyMap<string, string> {
    const bodies = new Map<string, string>();
    if (hashes === undefined || hashes.length === 0) return bodies;
    this.#keys.catchUp();
    for (const [sha256, id] of this.#keys.lookUpAll(hashes)) {
      const body = this.#body.one(id)?.[0];
      if (typeof body === 'string') bodies.set(sha256, body);
    }
    return bodies;
  }

  #each(statement: ReturnType<typeof query>, keys: readonly unknown[] | undefined): readonly Row[] {
    return keys === undefined || keys.length === 0 ? [] : statement.all(JSON.stringify(keys));
  }
}

function put<K>(map: Map<K, number>, key: K, id: Id): void {
  if (id !== null) map.set(key, id);
}
