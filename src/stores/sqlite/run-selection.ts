/**
 * Turns a filter into legs: parts of statements that each walk one index from its newest end, so that a page costs what is
 * on it. A filter by states has a leg for each state, since one index cannot be in the order of ids across them.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { RunFilter } from '../../core/ports/read-store.ts';
import { RUN_STATES, type RunState } from '../../core/states.ts';
import { numberOf, query } from './statement.ts';

const HOUR_MS = 3_600_000;
/** More lanes and states than this at once are found by walking all runs instead. */
const LEGS_MAX = 64;

/** A piece of SQL and the values of its places. */
interface Part {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** `FROM … WHERE …` over `jobs j`; in the order of `id` where an index is walked. */
export interface Leg extends Part {
  readonly id: 'j.id' | 't.job';
}

export class RunSelection {
  readonly #lanes;
  readonly #firstSince;

  constructor(db: DatabaseSync) {
    // A few hundred rows.
    this.#lanes = query(db, 'SELECT id, endpoint, model FROM lanes');
    // By row id.
    this.#firstSince = query(db, 'SELECT min(first_job) FROM submission_hours WHERE hour >= ?');
  }

  /** Each run of the filter is in exactly one leg. `before`: only runs with smaller ids. */
  legs(filter: RunFilter, before: number | null): readonly Leg[] {
    let first: number | null = null;
    if (filter.since !== undefined) {
      first = numberOf(this.#firstSince.one(Math.floor(filter.since / HOUR_MS)));
      if (first === null) return [];
    }
    const rest = conditions(filter);
    return this.#starts(filter).map((start) => {
      const parts = [start, ...bounds(start.id, before, first), ...rest];
      return {
        id: start.id,
        sql: parts.map(({ sql }) => sql).join(' AND '),
        values: parts.flatMap(({ values }) => values),
      };
    });
  }

  #starts(filter: RunFilter): readonly Leg[] {
    const { tag, key, prefix, batch, reason, state, endpoint, model, lanes } = filter;
    if (tag !== undefined) {
      return [
        { id: 't.job', sql: 'FROM tags t CROSS JOIN jobs j ON j.id = t.job WHERE t.tag = ?', values: [tag] },
      ];
    }
    if (key !== undefined) return [by('jobs_by_key', 'j.key = ?', key)];
    if (prefix !== undefined && prefix !== '') {
      return [by('jobs_by_name', 'j.name >= ? AND j.name < ?', prefix, after(prefix))];
    }
    if (batch !== undefined) {
      return (state ?? RUN_STATES).map((one) =>
        by('jobs_by_batch', 'j.batch = ? AND j.state = ?', batch, one),
      );
    }
    if (reason !== undefined) return [by('jobs_by_reason', 'j.reason_code = ?', reason)];
    if (state === undefined && endpoint === undefined && model === undefined && lanes === undefined)
      return [ALL];
    return this.#byLane(filter, state ?? RUN_STATES);
  }

  #byLane(filter: RunFilter, states: readonly RunState[]): readonly Leg[] {
    const { endpoint, model } = filter;
    const lanes = this.#lanes
      .all()
      .filter((row) => endpoint === undefined || row[1] === endpoint)
      .filter((row) => model === undefined || row[2] === model)
      .filter(([lane]) => isIn(filter.lanes, Number(lane)));
    // What waits in some lanes may be few of very many runs, so those are walked however many lanes they are.
    if (filter.lanes === undefined && lanes.length * states.length > LEGS_MAX) return [ALL];
    return lanes.flatMap(([lane = null]) =>
      states.map((state) => by('jobs_by_lane', 'j.lane = ? AND j.state = ?', lane, state)),
    );
  }

  /**
   * The endpoints and models of which all lanes are meant, as tallies count them; null where one is meant in parts: lanes
   * differ also by what their jobs need.
   */
  wholeModels({ lanes }: RunFilter): readonly (readonly [endpoint: string, model: string])[] | null {
    const models = new Map<string, { readonly of: readonly [string, string]; meant: number; all: number }>();
    for (const [lane, endpoint, model] of this.#lanes.all()) {
      const of = [endpoint as string, model as string] as const;
      const known = models.get(JSON.stringify(of)) ?? { of, meant: 0, all: 0 };
      known.all += 1;
      if (isIn(lanes, Number(lane))) known.meant += 1;
      models.set(JSON.stringify(of), known);
    }
    const meant = [...models.values()].filter((one) => one.meant > 0);
    return meant.some((one) => one.meant < one.all) ? null : meant.map(({ of }) => of);
  }
}

function isIn(lanes: RunFilter['lanes'], lane: number): boolean {
  if (lanes === undefined) return true;
  return 'in' in lanes ? lanes.in.includes(lane) : !lanes.not_in.includes(lane);
}

/** By row id. */
const ALL: Leg = { id: 'j.id', sql: 'FROM jobs j NOT INDEXED WHERE true', values: [] };

function by(index: string, condition: string, ...values: readonly SQLInputValue[]): Leg {
  return { id: 'j.id', sql: `FROM jobs j INDEXED BY ${index} WHERE ${condition}`, values };
}

function bounds(id: Leg['id'], before: number | null, first: number | null): readonly Part[] {
  const parts: Part[] = [];
  if (before !== null) parts.push({ sql: `${id} < ?`, values: [before] });
  if (first !== null) parts.push({ sql: `${id} >= ?`, values: [first] });
  return parts;
}

/**
 * Every field once more, looked at row by row: that costs little, and no leg can forget one. The plus keeps them from
 * being taken for another index than the one that was chosen.
 */
function conditions(filter: RunFilter): readonly Part[] {
  const { state, batch, reason, endpoint, model, lanes, key, since, prefix, latest } = filter;
  const parts: Part[] = [];
  const add = (sql: string, ...values: readonly SQLInputValue[]): void => void parts.push({ sql, values });
  if (state !== undefined) add('+j.state IN (SELECT value FROM json_each(?))', JSON.stringify(state));
  if (batch !== undefined) add('+j.batch = ?', batch);
  if (reason !== undefined) add('+j.reason_code = ?', reason);
  if (endpoint !== undefined) add('+j.endpoint = ?', endpoint);
  if (model !== undefined) add('+j.model = ?', model);
  if (lanes !== undefined) {
    const [not, ids] = 'in' in lanes ? ['', lanes.in] : ['NOT ', lanes.not_in];
    add(`+j.lane ${not}IN (SELECT value FROM json_each(?))`, JSON.stringify(ids));
  }
  if (key !== undefined) add('+j.key = ?', key);
  if (since !== undefined) add('+j.submitted_at >= ?', since);
  if (prefix !== undefined && prefix !== '') add('+j.name >= ? AND +j.name < ?', prefix, after(prefix));
  if (latest === true) add('+j.superseded = 0');
  return parts;
}

/** The least text that is greater than all that begin with `prefix`: names are ASCII. */
function after(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
