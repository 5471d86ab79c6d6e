/** The small tables: each `put` makes a row or replaces what may change of it. All by the primary key of the table. */
import type { DatabaseSync } from 'node:sqlite';
import type { EndpointRow, InstanceRow, KeyRow, LaneRow, RankRow } from '../../core/rows.ts';
import { write } from './statement.ts';

export interface FleetWriter {
  putLane(lane: LaneRow): void;
  putRank(rank: RankRow): void;
  /** No effect where it is there: a batch keeps the time at which it began. */
  putBatch(batch: string, createdAt: number): void;
  putInstance(instance: InstanceRow): void;
  putEndpoint(endpoint: EndpointRow): void;
  putKey(key: KeyRow): void;
}

export function fleetWriter(db: DatabaseSync): FleetWriter {
  const lane = write(
    db,
    `INSERT INTO lanes (id, endpoint, model, needs, last_rank) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET last_rank = excluded.last_rank`,
  );
  const rank = write(
    db,
    `INSERT INTO ranks (lane, batch, last_rank) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET last_rank = excluded.last_rank`,
  );
  const batch = write(db, 'INSERT INTO batches (batch, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const instance = write(
    db,
    `INSERT INTO instances (id, name, process_id, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, process_id = excluded.process_id, last_seen_at = excluded.last_seen_at`,
  );
  const endpoint = write(
    db,
    `INSERT INTO endpoints (name, max_concurrent, paused) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET max_concurrent = excluded.max_concurrent, paused = excluded.paused`,
  );
  const key = write(
    db,
    `INSERT INTO keys (id, name, sha256, scopes, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes,
       expires_at = excluded.expires_at, revoked_at = excluded.revoked_at`,
  );
  return {
    putLane: (row) => void lane.run(row.id, row.endpoint, row.model, row.needs, row.last_rank),
    putRank: (row) => void rank.run(row.lane, row.batch, row.last_rank),
    putBatch: (name, createdAt) => void batch.run(name, createdAt),
    putInstance: (row) =>
      void instance.run(row.id, row.name, row.process_id, row.first_seen_at, row.last_seen_at),
    putEndpoint: (row) => void endpoint.run(row.name, row.max_concurrent, row.paused ? 1 : 0),
    putKey({ id, name, sha256, scopes, created_at, expires_at, revoked_at }) {
      key.run(id, name, sha256, JSON.stringify(scopes), created_at, expires_at, revoked_at);
    },
  };
}
