/** What a scheduler knows when it starts. Runs once, so these statements are not kept. */
import type { DatabaseSync } from 'node:sqlite';
import type { StoreStart } from '../../core/ports/store.ts';
import {
  ENDPOINT_COLUMNS,
  endpointOf,
  INSTANCE_COLUMNS,
  instanceOf,
  LANE_COLUMNS,
  laneOf,
} from './fleet-rows.ts';
import { RUN_COLUMNS, runOf } from './run-rows.ts';
import { numberOf, query, type Row } from './statement.ts';

// By jobs_due. The condition is that of the index.
export const NEXT_DUE = 'SELECT min(due_at) FROM jobs WHERE due_at IS NOT NULL';

export function readStart(db: DatabaseSync): StoreStart {
  const all = (sql: string): readonly Row[] => query(db, sql).all();
  const one = (sql: string): number | null => numberOf(query(db, sql).one());
  const used = lanesInUse(db);
  return {
    store_id: storeId(db),
    next_job_id: (one('SELECT max(id) FROM jobs') ?? 0) + 1,
    next_lane_id: (one('SELECT max(id) FROM lanes') ?? 0) + 1,
    lanes: all(`SELECT ${LANE_COLUMNS} FROM lanes ORDER BY id`).map(laneOf),
    instances: all(`SELECT ${INSTANCE_COLUMNS} FROM instances ORDER BY id`).map(instanceOf),
    endpoints: all(`SELECT ${ENDPOINT_COLUMNS} FROM endpoints ORDER BY name`).map(endpointOf),
    running: running(db, used),
    lanes_with_work: lanesWithWork(db, used),
    next_due_at: one(NEXT_DUE),
    orphaned_digests: orphanedDigests(db),
    // By jobs_blocked.
    followed_digests: all(`SELECT DISTINCT digest FROM jobs WHERE state = 'blocked'`).map(
      (row) => row[0] as string,
    ),
    unpublished: one('SELECT count(*) FROM to_publish') ?? 0,
  };
}

export function storeId(db: DatabaseSync): string {
  const row = query(db, `SELECT value FROM meta WHERE key = 'store_id'`).one();
  return row?.[0] as string;
}

/** Lanes of which there are runs, each found by a jump in jobs_by_lane. */
function lanesInUse(db: DatabaseSync): readonly number[] {
  const lanes = query(
    db,
    `WITH RECURSIVE used (lane) AS (
       SELECT min(lane) FROM jobs
       UNION ALL SELECT (SELECT min(lane) FROM jobs WHERE lane > used.lane) FROM used WHERE used.lane IS NOT NULL
     ) SELECT lane FROM used WHERE lane IS NOT NULL`,
  );
  return lanes.all().map((row) => row[0] as number);
}

function running(db: DatabaseSync, lanes: readonly number[]): StoreStart['running'] {
  // By jobs_by_lane.
  const ofLane = query(
    db,
    `SELECT ${RUN_COLUMNS} FROM jobs WHERE lane = ? AND state = 'running' ORDER BY id`,
  );
  return lanes.flatMap((lane) => ofLane.all(lane).map(runOf)).toSorted((a, b) => a.id - b.id);
}

function lanesWithWork(db: DatabaseSync, lanes: readonly number[]): readonly number[] {
  // By jobs_to_claim.
  const first = query(db, `SELECT 1 FROM jobs WHERE lane = ? AND state = 'queued' LIMIT 1`);
  return lanes.filter((lane) => first.one(lane) !== undefined);
}

function orphanedDigests(db: DatabaseSync): readonly string[] {
  // By jobs_blocked, and jobs_leading for each.
  const orphaned = query(
    db,
    `SELECT DISTINCT digest FROM jobs b WHERE state = 'blocked'
     AND NOT EXISTS (SELECT 1 FROM jobs l WHERE l.digest = b.digest AND l.leads = 1 AND l.state <> 'completed')`,
  );
  return orphaned.all().map((row) => row[0] as string);
}
