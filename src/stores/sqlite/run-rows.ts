/** RunRow to and from columns. */
import type { ReasonCode } from '../../core/reasons.ts';
import type { JobSource, JobType, RunRow } from '../../core/rows.ts';
import type { RunState } from '../../core/states.ts';
import type { Row } from './statement.ts';

/** Never changed after insertion; the triggers hold it. */
const FIXED = [
  'id',
  'name',
  'run',
  'type',
  'source',
  'lane',
  'endpoint',
  'model',
  'digest',
  'batch',
  'key',
  'submitted_at',
] as const satisfies readonly (keyof RunRow)[];

const CHANGING = [
  'max_attempts',
  'attempt_timeout_ms',
  'state',
  'priority',
  'rank',
  'due_at',
  'attempt',
  'instance',
  'errors',
  'lost',
  'interrupted',
  'rate_limited_since',
  'last_error',
  'same_errors',
  'cancel_requested_at',
  'reason_code',
  'reason_message',
  'started_at',
  'finished_at',
  'epoch',
  'answered_by',
] as const satisfies readonly (keyof RunRow)[];

/** `leads` stands last: most updates leave it alone, and with it the index over it. */
const COLUMNS = [...FIXED, ...CHANGING, 'leads'] as const;

export const RUN_COLUMNS = COLUMNS.join(', ');
export const RUN_INSERT_COLUMNS = `${RUN_COLUMNS}, last_epoch, completed`;
export const RUN_PLACES = [...COLUMNS, 'last_epoch', 'completed'].map(() => '?').join(', ');
/** Takes the values of {@link changingValues}. */
export const RUN_ASSIGNMENTS = `${CHANGING.map((column) => `${column} = ?`).join(', ')}, last_epoch = max(last_epoch, ?)`;

/** A column list of the same order with a table's alias in front. */
export function runColumnsOf(alias: string): string {
  return COLUMNS.map((column) => `${alias}.${column}`).join(', ');
}

/** In the order of the columns; spread into a statement. */
export function fixedValues(run: RunRow): readonly (string | number | null)[] {
  return [
    run.id,
    run.name,
    run.run,
    run.type,
    run.source,
    run.lane,
    run.endpoint,
    run.model,
    run.digest,
    run.batch,
    run.key,
    run.submitted_at,
  ];
}

/** In the order of the columns, without `leads` and `last_epoch`. */
export function changingValues(run: RunRow): readonly (string | number | null)[] {
  return [
    run.max_attempts,
    run.attempt_timeout_ms,
    run.state,
    run.priority,
    run.rank,
    run.due_at,
    run.attempt,
    run.instance,
    run.errors,
    run.lost,
    run.interrupted,
    run.rate_limited_since,
    run.last_error,
    run.same_errors,
    run.cancel_requested_at,
    run.reason_code,
    run.reason_message,
    run.started_at,
    run.finished_at,
    run.epoch,
    run.answered_by,
  ];
}

export function runOf(row: Row): RunRow {
  return {
    id: row[0] as number,
    name: row[1] as string,
    run: row[2] as number,
    type: row[3] as JobType,
    source: row[4] as JobSource,
    lane: row[5] as number,
    endpoint: row[6] as string,
    model: row[7] as string,
    digest: row[8] as string,
    batch: row[9] as string | null,
    key: row[10] as string | null,
    submitted_at: row[11] as number,
    max_attempts: row[12] as number,
    attempt_timeout_ms: row[13] as number,
    state: row[14] as RunState,
    priority: row[15] as number,
    rank: row[16] as number,
    due_at: row[17] as number | null,
    attempt: row[18] as number,
    instance: row[19] as number | null,
    errors: row[20] as number,
    lost: row[21] as number,
    interrupted: row[22] as number,
    rate_limited_since: row[23] as number | null,
    last_error: row[24] as string | null,
    same_errors: row[25] as number,
    cancel_requested_at: row[26] as number | null,
    reason_code: row[27] as ReasonCode | null,
    reason_message: row[28] as string | null,
    started_at: row[29] as number | null,
    finished_at: row[30] as number | null,
    epoch: row[31] as number | null,
    answered_by: row[32] as number | null,
    leads: row[33] === 1 && row[14] !== 'completed',
  };
}
