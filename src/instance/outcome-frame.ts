/** From what a runner brings to the frame that is spooled and sent: complete, of the right shape, its files under plain names, and not too large. */
import { plainFiles } from '../core/answer-files.ts';
import {
  refusedAnswer,
  type AnswerFile,
  type AttemptAnswer,
  type AttemptRef,
  type AttemptReport,
} from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import { encodeFrame } from '../wire/frame.ts';
import { FRAME_LIMITS, FROM_INSTANCE } from '../wire/messages.ts';

/** What a runner gives; see AttemptRunner. */
export type RunnerReport = Omit<AttemptReport, 'log' | 'store_id'>;

const NO_TIMINGS = { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: null };
const HEAD_BYTES = 4;

interface OutcomeLimits {
  readonly result_bytes_max: number;
  readonly frame_bytes_max: number;
}

const OUTCOME_LIMITS: OutcomeLimits = {
  result_bytes_max: LIMITS.result_bytes_max,
  frame_bytes_max: FRAME_LIMITS.after,
};

export interface OutcomeFrame {
  readonly report: AttemptReport;
  readonly frame: Uint8Array;
}

/**
 * An outcome that the scheduler would refuse would be sent for ever, so it is replaced here: one of a wrong shape by an
 * error of ours, one that is too large by AnswerTooLarge, after its log and the prompt that scripts made were left out.
 */
export function outcomeFrame(given: AttemptReport, limits: Partial<OutcomeLimits> = {}): OutcomeFrame {
  const { result_bytes_max, frame_bytes_max } = { ...OUTCOME_LIMITS, ...limits };
  const report = withPlainFiles(given);
  const crowd = report.answer?.files?.length ?? 0;
  const isCrowded = crowd > LIMITS.answer_files_max;
  const looked_at = isCrowded ? { ...report, answer: { ...report.answer, files: [] } } : report;
  const checked = FROM_INSTANCE.safeParse({ t: 'outcome', report: looked_at });
  if (!checked.success) {
    const issue = checked.error.issues[0];
    const where = issue?.path.slice(1).join('.') ?? '';
    const message = `The executor brought an outcome that is not valid: ${where}: ${issue?.message ?? 'wrong shape'}`;
    return encode({ ...failedReport(report, report.store_id, message), log: textOf(report.log) });
  }
  if (isCrowded) {
    const what = `The answer has ${crowd} files, and at most ${LIMITS.answer_files_max} are taken`;
    return tooLarge(report, what, frame_bytes_max);
  }
  const bytes = report.answer === null ? 0 : bytesOf(report.answer);
  if (bytes > result_bytes_max) {
    const what = `The answer and its files have ${bytes} bytes, and at most ${result_bytes_max} (result_bytes_max) are taken`;
    return tooLarge(report, what, frame_bytes_max);
  }
  const whole = encode(report);
  if (fits(whole, frame_bytes_max)) return whole;
  const without_log = encode({ ...report, log: '' });
  if (fits(without_log, frame_bytes_max)) return without_log;
  const { prompt: _prompt, ...rest } = report;
  const alone = encode({ ...rest, log: '' });
  if (fits(alone, frame_bytes_max)) return alone;
  const got = alone.frame.length - HEAD_BYTES;
  const what = `The answer and its head have ${got} bytes, and a frame takes ${frame_bytes_max}`;
  return tooLarge(report, what, frame_bytes_max);
}

/** What the answer took is told with it, unless that is what is too large. */
function tooLarge(report: AttemptReport, message: string, frame_bytes_max: number): OutcomeFrame {
  const { prompt: _prompt, spent: _spent, ...rest } = report;
  const failed: AttemptReport = {
    ...rest,
    outcome: 'errored',
    answer: null,
    log: '',
    failure: {
      blame: 'job',
      reason_code: 'AnswerTooLarge',
      message,
      scope: 'model',
      retry_after_ms: null,
    },
  };
  if (report.answer === null) return encode(failed);
  const told = encode({ ...failed, spent: refusedAnswer(report.answer.meta) });
  return fits(told, frame_bytes_max) ? told : encode(failed);
}

/** Names come from programs: what is a list of files otherwise is put right; what is none is refused with the rest. */
function withPlainFiles(report: AttemptReport): AttemptReport {
  const { answer } = report;
  const files: unknown = answer?.files;
  if (answer === null || !Array.isArray(files) || !files.every(isFile)) return report;
  return { ...report, answer: { ...answer, files: plainFiles(files) } };
}

function isFile(value: unknown): value is AnswerFile {
  if (typeof value !== 'object' || value === null) return false;
  const { name, media_type, data } = value as Partial<Record<keyof AnswerFile, unknown>>;
  return typeof name === 'string' && typeof media_type === 'string' && typeof data === 'string';
}

function bytesOf({ text, files = [] }: AttemptAnswer): number {
  return files.reduce((sum, file) => sum + Buffer.byteLength(file.data, 'base64'), Buffer.byteLength(text));
}

/** The outcome of an attempt whose runner broke its word. */
export function failedReport(ref: AttemptRef, store_id: string, message: string): AttemptReport {
  return {
    name: ref.name,
    run: ref.run,
    attempt: ref.attempt,
    digest: ref.digest,
    store_id,
    outcome: 'errored',
    answer: null,
    failure: {
      blame: 'transient',
      reason_code: 'ProviderError',
      message: message.slice(0, 2_000),
      scope: 'model',
      retry_after_ms: null,
    },
    timings: NO_TIMINGS,
    log: '',
  };
}

/** The outcome of an attempt that came when nothing new is begun here: it goes elsewhere, free of charge. */
export function interruptedReport(ref: AttemptRef, store_id: string): AttemptReport {
  return {
    name: ref.name,
    run: ref.run,
    attempt: ref.attempt,
    digest: ref.digest,
    store_id,
    outcome: 'interrupted',
    answer: null,
    failure: null,
    timings: NO_TIMINGS,
    log: '',
  };
}

function encode(report: AttemptReport): OutcomeFrame {
  return { report, frame: encodeFrame({ t: 'outcome', report }) };
}

function fits(outcome: OutcomeFrame, frame_bytes_max: number): boolean {
  return outcome.frame.length - HEAD_BYTES <= frame_bytes_max;
}

function textOf(log: unknown): string {
  return typeof log === 'string' ? log : '';
}
