/** The small tables: lanes, ranks, instances, endpoints, keys and publications, from columns. */
import type {
  EndpointRow,
  InstanceRow,
  KeyRow,
  KeyScope,
  LaneNeeds,
  LaneRow,
  PublicationKind,
  PublicationRow,
  RankRow,
} from '../../core/rows.ts';
import { fromJson, type Row } from './statement.ts';

export const LANE_COLUMNS = 'id, endpoint, model, needs, last_rank';
export function laneOf(row: Row): LaneRow {
  return {
    id: row[0] as number,
    endpoint: row[1] as string,
    model: row[2] as string,
    needs: row[3] as LaneNeeds,
    last_rank: row[4] as number,
  };
}

export function rankOf(row: Row): RankRow {
  return { lane: row[0] as number, batch: row[1] as string, last_rank: row[2] as number };
}

export const INSTANCE_COLUMNS = 'id, name, process_id, first_seen_at, last_seen_at';
export function instanceOf(row: Row): InstanceRow {
  return {
    id: row[0] as number,
    name: row[1] as string,
    process_id: row[2] as string,
    first_seen_at: row[3] as number,
    last_seen_at: row[4] as number,
  };
}

export const ENDPOINT_COLUMNS = 'name, max_concurrent, paused';
export function endpointOf(row: Row): EndpointRow {
  return { name: row[0] as string, max_concurrent: row[1] as number | null, paused: row[2] === 1 };
}

export const KEY_COLUMNS = 'id, name, sha256, scopes, created_at, expires_at, revoked_at';
export function keyOf(row: Row): KeyRow {
  return {
    id: row[0] as string,
    name: row[1] as string,
    sha256: row[2] as string,
    scopes: fromJson<readonly KeyScope[]>(row[3]) ?? [],
    created_at: row[4] as number,
    expires_at: row[5] as number | null,
    revoked_at: row[6] as number | null,
  };
}

export const PUBLICATION_COLUMNS = 'kind, job, epoch';
export function publicationOf(row: Row): PublicationRow {
  const kind = row[0] as PublicationKind;
  return { kind, job: row[1] as number, epoch: kind === 'job' && row[2] === 0 ? null : (row[2] as number) };
}
