/** From what a runner brings to the frame that is spooled and sent: complete, of the right shape, and not too large. */
import type { AttemptRef, AttemptReport } from '../core/attempt.ts';
import { encodeFrame } from '../wire/frame.ts';
import { FRAME_LIMITS, FROM_INSTANCE } from '../wire/messages.ts';

/** What a runner gives; see AttemptRunner. */
export type RunnerReport = Omit<AttemptReport, 'log' | 'store_id'>;

const NO_TIMINGS = { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: null };
const HEAD_BYTES = 4;

export interface OutcomeFrame {
  readonly report: AttemptReport;
  readonly frame: Uint8Array;
}

/**
 * An outcome that the scheduler would refuse would be sent for ever, so it is replaced here: one of a wrong shape by an
 * error of ours, one that is too large by AnswerTooLarge, after its log was left out.
 */
export function outcomeFrame(report: AttemptReport, frame_bytes_max = FRAME_LIMITS.after): OutcomeFrame {
  const checked = FROM_INSTANCE.safeParse({ t: 'outcome', report });
  if (!checked.success) {
    const issue = checked.error.issues[0];
    const where = issue?.path.slice(1).join('.') ?? '';
    const message = `The executor brought an outcome that is not valid: ${where}: ${issue?.message ?? 'wrong shape'}`;
    return encode({ ...failedReport(report, report.store_id, message), log: textOf(report.log) });
  }
  const whole = encode(report);
  if (fits(whole, frame_bytes_max)) return whole;
  const without_log = encode({ ...report, log: '' });
  if (fits(without_log, frame_bytes_max)) return without_log;
  const got = without_log.frame.length - HEAD_BYTES;
  return encode({
    ...report,
    outcome: 'errored',
    answer: null,
    log: '',
    failure: {
      blame: 'job',
      reason_code: 'AnswerTooLarge',
      message: `The answer and its head have ${got} bytes, and a frame takes ${frame_bytes_max}`,
      scope: 'model',
      retry_after_ms: null,
    },
  });
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
