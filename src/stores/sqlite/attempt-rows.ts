/** AttemptRow to and from columns. */
import type { ReasonCode } from '../../core/reasons.ts';
import type { AttemptOutcome, AttemptRow, Charge, Cost, KeptAnswer, Timings } from '../../core/rows.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Usage } from '../../core/usage.ts';
import { fromJson, type Row } from './statement.ts';

const COLUMNS = [
  'job',
  'attempt',
  'instance',
  'started_at',
  'ended_at',
  'outcome',
  'charged_for',
  'reason_code',
  'error',
  'timings',
  'usage',
  'cost',
  'parameters_sent',
  'warnings',
  'log_file',
  'log_offset',
  'log_bytes',
  'kept_answer',
  'prompt_sha256',
] as const satisfies readonly (keyof AttemptRow)[];

export const ATTEMPT_COLUMNS = COLUMNS.join(', ');

export function attemptColumnsOf(alias: string): string {
  return COLUMNS.map((column) => `${alias}.${column}`).join(', ');
}

export function attemptOf(row: Row): AttemptRow {
  return {
    job: row[0] as number,
    attempt: row[1] as number,
    instance: row[2] as number,
    started_at: row[3] as number,
    ended_at: row[4] as number | null,
    outcome: row[5] as AttemptOutcome | null,
    charged_for: row[6] as Charge | null,
    reason_code: row[7] as ReasonCode | null,
    error: row[8] as string | null,
    timings: fromJson<Timings>(row[9]),
    usage: fromJson<Usage>(row[10]),
    cost: fromJson<Cost>(row[11]),
    parameters_sent: fromJson<JsonObject>(row[12]),
    warnings: fromJson<readonly string[]>(row[13]) ?? [],
    log_file: row[14] as string | null,
    log_offset: row[15] as number,
    log_bytes: row[16] as number,
    kept_answer: fromJson<KeptAnswer>(row[17]),
    prompt_sha256: row[18] as string | null,
  };
}
