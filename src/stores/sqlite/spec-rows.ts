/** SpecRow and ResultRow from columns. Both name bodies by row id in SQL and by hash outside, so both are read by a join. */
import type { Json } from '../../core/json.ts';
import type { AnswerMeta, ResultRow, RunOptions, SpecRow } from '../../core/rows.ts';
import { fromJson, hexOf, type Row } from './statement.ts';

/** Columns for {@link specOf}; `specs s`, `bodies sb` (spec) and `bodies pb` (prompt) are joined by {@link SPEC_JOINS}. */
export const SPEC_COLUMNS = 's.job, sb.sha256, pb.sha256, s.request, s.options, s.metadata, s.link';
export const SPEC_JOINS = 'JOIN bodies sb ON sb.id = s.spec JOIN bodies pb ON pb.id = s.prompt';

export function specOf(row: Row): SpecRow {
  return {
    spec_sha256: hexOf(row[1]),
    prompt_sha256: hexOf(row[2]),
    request: row[3] as string,
    options: JSON.parse(row[4] as string) as RunOptions,
    metadata: typeof row[5] === 'string' ? (JSON.parse(row[5]) as Json) : undefined,
    link: row[6] as string,
  };
}

/** Columns for {@link resultOf}; `results r` and `bodies tb` (text) are joined by {@link RESULT_JOIN}. */
export const RESULT_COLUMNS = 'r.job, r.epoch, r.attempt, tb.sha256, r.text_bytes, r.meta, r.accepted_at';
export const RESULT_JOIN = 'JOIN bodies tb ON tb.id = r.text';

export function resultOf(row: Row): ResultRow {
  return {
    job: row[0] as number,
    epoch: row[1] as number,
    attempt: row[2] as number,
    text_sha256: hexOf(row[3]),
    text_bytes: row[4] as number,
    meta: fromJson<AnswerMeta>(row[5]) as AnswerMeta,
    accepted_at: row[6] as number,
  };
}
