/**
 * Rows of a run from its result or ended file, and from its job where that can still be made as it was. The inverse of
 * result-file.ts and ended-file.ts, as far as they tell.
 */
import { type Adoption, UNVERIFIED } from '../core/adoption.ts';
import { Problem } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import { DEFAULT_OPTIONS } from '../core/job.ts';
import { canonicalJson, type Json } from '../core/json.ts';
import { parseRunRef } from '../core/names.ts';
import { FULL_BUDGETS } from '../core/retry.ts';
import { REASONS, type ReasonCode } from '../core/reasons.ts';
import type { AnswerMeta, JobType, ResultFileRef, RunRow, SpecRow } from '../core/rows.ts';
import type { PreparedJob } from '../core/submission.ts';
import { unknownRequest } from '../core/unknown-work.ts';
import { parseEndedFile, type EndedFile } from './ended-file.ts';
import { parseResultFile, type ResultFile } from './result-file.ts';

/** A file of a run, read and checked against its own hash. */
export type RestoredFile =
  | { readonly kind: 'result'; readonly record: ResultFile & { readonly result: string } }
  | { readonly kind: 'ended'; readonly record: EndedFile };

/** A file of an answer that is there and fits, with its base64 text. */
export interface RestoredAttachment {
  readonly ref: ResultFileRef;
  readonly body: string;
}

/** What a run is made of besides its file. */
export interface RestoredParts {
  readonly epoch: number;
  /** In its file; of the bare pair in the name of the file. */
  readonly name: string;
  readonly run: number;
  readonly digest: string;
  /** What determines its answer, made again of its job file; null where that is gone or another. */
  readonly job: PreparedJob | null;
  readonly attachments: readonly RestoredAttachment[];
  /** Where the file does not say. */
  readonly submitted_at: number;
}

/** Throws Problem `Corrupt` where it is no such file, or was changed. Null for the null result, which is of no run. */
export function readRestored(kind: 'result' | 'ended', text: string): RestoredFile | null {
  if (kind === 'ended') return { kind, record: parseEndedFile(text) };
  const record = parseResultFile(text);
  const { result, run, digest } = record;
  if (result === null) return null;
  if (typeof run === 'number' && !(Number.isInteger(run) && run > 0))
    throw new Problem('Corrupt', `expected "run" as a number from 1 on, got ${run}`);
  if (digest !== undefined && !/^\d+:[0-9a-f]{64}$/.test(digest))
    throw new Problem('Corrupt', 'expected "digest" as a scheme and a SHA-256');
  return { kind, record: { ...record, result } };
}

/** Where the work went, as the file or the job says. */
export function laneOfRestored(
  { record }: RestoredFile,
  job: PreparedJob | null,
): { readonly endpoint: string; readonly model: string; readonly needs: PreparedJob['needs'] } {
  return {
    endpoint: job?.endpoint ?? record.endpoint ?? 'unknown',
    model: job?.model ?? record.model ?? 'unknown',
    needs: job?.needs ?? '',
  };
}

/** The run as far as its file and its job tell of it. */
export function adoptionOf(file: RestoredFile, parts: RestoredParts): Adoption {
  const { bodies: texts, spec } = specOf(file, parts);
  const bodies = texts.map((body) => ({ sha256: sha256(body), body }));
  for (const { ref, body } of parts.attachments) bodies.push({ sha256: ref.body_sha256, body });
  const needs = laneOfRestored(file, parts.job).needs;
  const common = { row: rowOf(file, parts, spec), needs, spec, is_certain: file.record.digest !== undefined };
  if (file.kind === 'ended') return { ...common, bodies, result: null, answered_by: null };
  const { result, attempt, answered_by } = file.record;
  const made = madePrompt(file.record, parts.job);
  if (made !== null) bodies.push({ sha256: sha256(made), body: made });
  const text_sha256 = sha256(result);
  bodies.push({ sha256: text_sha256, body: result });
  return {
    ...common,
    bodies,
    result: {
      epoch: parts.epoch,
      attempt: attempt ?? 0,
      text_sha256,
      text_bytes: Buffer.byteLength(result),
      meta: metaOf(file.record, parts),
      accepted_at: endedAt(file, parts),
    },
    answered_by: sourceOf(answered_by),
  };
}

function sourceOf(ref: string | undefined): Adoption['answered_by'] {
  const parsed = ref === undefined ? null : parseRunRef(ref);
  return parsed === null || parsed.run === null ? null : { name: parsed.name, run: parsed.run };
}

function specOf(file: RestoredFile, { job, name }: RestoredParts): { bodies: string[]; spec: SpecRow } {
  const { record } = file;
  const metadata = record.metadata ?? undefined;
  if (job !== null) {
    const { spec_sha256, prompt_sha256, request, options } = job;
    const bodies = [job.spec, job.prompt, ...Object.values(job.attachments)];
    return { bodies, spec: { spec_sha256, prompt_sha256, request, options, metadata, link: record.job } };
  }
  const { endpoint, model } = laneOfRestored(file, null);
  const messages = (record.prompt ?? []) as unknown as Json;
  const prompt = canonicalJson(messages);
  const spec = canonicalJson({
    type: 'llm',
    prompt: { messages },
    configuration: { LLM_name: `${endpoint}:${model}` },
  });
  const request = unknownRequest({
    type: 'llm',
    endpoint,
    model,
    prompt: record.prompt_sha256 ?? sha256(`${name}\0`),
  });
  return {
    bodies: [spec, prompt],
    spec: {
      spec_sha256: sha256(spec),
      prompt_sha256: sha256(prompt),
      request,
      options: DEFAULT_OPTIONS,
      metadata,
      link: record.job,
    },
  };
}

function rowOf(file: RestoredFile, parts: RestoredParts, { options }: SpecRow): Adoption['row'] {
  const { record } = file;
  const { endpoint, model } = laneOfRestored(file, parts.job);
  const type: JobType = parts.job?.type ?? 'llm';
  return {
    name: parts.name,
    run: parts.run,
    type,
    source: record.job.includes('#') ? 'batch_file' : 'folder',
    endpoint,
    model,
    digest: parts.digest,
    batch: record.batch ?? null,
    key: record.key ?? null,
    max_attempts: options.max_attempts,
    attempt_timeout_ms: options.attempt_timeout_ms,
    submitted_at: submittedAt(file, parts),
    state: file.kind === 'result' ? 'completed' : file.record.state,
    priority: options.priority,
    due_at: null,
    attempt: attemptOf(file),
    instance: null,
    ...FULL_BUDGETS,
    ...reasonOf(file),
    started_at: null,
    finished_at: endedAt(file, parts),
    epoch: parts.epoch,
  };
}

/** The number of its latest attempt: what comes after it counts on from there. */
function attemptOf(file: RestoredFile): number {
  if (file.kind === 'result') return file.record.answered_by === undefined ? (file.record.attempt ?? 0) : 0;
  const numbers = (file.record.attempts ?? []).map(({ attempt }) =>
    typeof attempt === 'number' ? attempt : 0,
  );
  return Math.max(0, ...numbers);
}

function reasonOf(file: RestoredFile): Pick<RunRow, 'reason_code' | 'reason_message'> {
  const reason = file.kind === 'ended' ? file.record.reason : null;
  if (reason === null || !(reason.code in REASONS)) return { reason_code: null, reason_message: null };
  return { reason_code: reason.code as ReasonCode, reason_message: reason.message };
}

function metaOf(record: ResultFile, { job, attachments }: RestoredParts): AnswerMeta {
  const { reasoning, promptd_version, sha256: own } = record;
  const made = madePrompt(record, job);
  return {
    model: record.model ?? 'unknown',
    model_answered: record.model_answered ?? null,
    endpoint: record.endpoint ?? 'unknown',
    endpoint_kind: record.endpoint_kind ?? 'unknown',
    parameters_sent: record.parameters_sent ?? {},
    finish_reason: record.finish_reason ?? 'unknown',
    warnings: [...(record.warnings ?? []), ...(own === undefined ? [UNVERIFIED] : [])],
    usage: record.usage ?? null,
    timings: record.timings ?? { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: null },
    cost: record.cost ?? null,
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(attachments.length === 0 ? {} : { files: attachments.map(({ ref }) => ref) }),
    ...(made === null ? {} : { prompt_sha256: sha256(made) }),
    ...(promptd_version === undefined ? {} : { promptd_version }),
  };
}

/** The prompt that scripts made for the answer, as its file shows it; null where it was built at acceptance, or is not shown. */
function madePrompt({ prompt, prompt_sha256 }: ResultFile, job: PreparedJob | null): string | null {
  if (job === null || prompt === undefined || prompt_sha256 === job.prompt_sha256) return null;
  const body = canonicalJson(prompt as unknown as Json);
  return sha256(body) === prompt_sha256 ? body : null;
}

export function submittedAt(
  { record }: RestoredFile,
  { submitted_at }: Pick<RestoredParts, 'submitted_at'>,
): number {
  return timeOf(record.submitted_at) ?? submitted_at;
}

function endedAt(file: RestoredFile, { epoch }: RestoredParts): number {
  return timeOf(file.kind === 'ended' ? file.record.ended_at : file.record.accepted_at) ?? epoch;
}

function timeOf(text: unknown): number | null {
  const at = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}
