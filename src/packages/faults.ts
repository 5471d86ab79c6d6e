/** What may be wrong with an AI package, as values, and the sentences that an attempt ends with. */
import type { AttemptFailure } from '../core/attempt.ts';
import type { ChildEnd } from '../core/ports/children.ts';
import type { CallOutcome, PackageFunction } from './protocol.ts';

export type PackageFault =
  /** Its file could not be loaded; `trace` may be ''. */
  | { readonly kind: 'not_loaded'; readonly message: string; readonly trace: string }
  | { readonly kind: 'slow_start'; readonly limit_ms: number }
  | {
      readonly kind: 'raised';
      readonly call: PackageFunction;
      readonly message: string;
      readonly trace: string;
    }
  | {
      readonly kind: 'nonsense';
      readonly call: PackageFunction;
      readonly expected: string;
      readonly got: string;
    }
  /** `instance`: for which id the call was. */
  | {
      readonly kind: 'hung';
      readonly call: PackageFunction;
      readonly instance: number;
      readonly limit_ms: number;
    }
  /** Its process ended; `said` are the last lines of its stderr. */
  | { readonly kind: 'died'; readonly end: ChildEnd; readonly said: string }
  /** Another call hung, or an id was quarantined for too long, and they share the process. */
  | { readonly kind: 'replaced' }
  /** It wrote to the line between pool and process. */
  | { readonly kind: 'broken_line'; readonly got: string }
  | { readonly kind: 'closed' };

/** Thrown by everything that calls a package. */
export class PackageFaultError extends Error {
  readonly fault: PackageFault;

  constructor(fault: PackageFault) {
    super(sentence(fault));
    this.name = 'PackageFaultError';
    this.fault = fault;
  }
}

/** The traceback, for the log; '' where there is none. */
export function traceOf(fault: PackageFault): string {
  return fault.kind === 'raised' || fault.kind === 'not_loaded' ? fault.trace : '';
}

/** What a function returned that is no answer to it, for a sentence. */
export function shownOutcome(outcome: CallOutcome): string {
  if (outcome.kind === 'nonsense') return outcome.got;
  return outcome.kind === 'code' ? String(outcome.code) : outcome.kind;
}

export function packageError(endpoint: string, message: string): AttemptFailure {
  return {
    blame: 'transient',
    reason_code: 'PackageError',
    message: `${endpoint}: ${message}`.slice(0, 4_000),
    scope: 'endpoint',
    retry_after_ms: null,
  };
}

export function tooLarge(endpoint: string, bytes: number, result_bytes_max: number): AttemptFailure {
  const message = `${endpoint}: the answer has ${bytes} bytes as it is stored, more than result_bytes_max (${result_bytes_max}).`;
  return { ...packageError(endpoint, ''), blame: 'job', reason_code: 'AnswerTooLarge', message };
}

function sentence(fault: PackageFault): string {
  switch (fault.kind) {
    case 'not_loaded':
      return `the package could not be loaded: ${fault.message}. Mend the file that "module" of this endpoint names.`;
    case 'slow_start':
      return `the package was not loaded within ${fault.limit_ms} ms (package_start_timeout_ms); its process was ended. Load what is slow in a thread of the package.`;
    case 'raised':
      return `${fault.call} raised ${fault.message}. Its traceback is in the log.`;
    case 'nonsense':
      return `${fault.call} must return ${fault.expected}, got ${fault.got}. Mend the package.`;
    case 'hung':
      return `${fault.call} did not return within ${fault.limit_ms} ms (package_call_timeout_ms); its process was replaced. The three functions must return soon: do the work in a thread or a process of the package.`;
    case 'died':
      return `the process of the package ${endOf(fault.end)}${fault.said === '' ? '' : `; it said last: ${fault.said}`}`;
    case 'replaced':
      return 'the process of the package was replaced, since a call of another job hung in it. Without "shared" each id has a process of its own.';
    case 'broken_line':
      return `the process of the package said what is no line of its protocol (${fault.got}) and was replaced. A package must leave file descriptor 3 alone.`;
    case 'closed':
      return 'the instance stops.';
  }
}

function endOf(end: ChildEnd): string {
  switch (end.kind) {
    case 'exited':
      return end.code === 127
        ? 'could not be started, or exited with code 127: a Python package needs python3 in PATH of the instance'
        : `exited with code ${end.code}`;
    case 'killed':
      return `was killed by ${end.signal}`;
    case 'output_too_large':
      return 'said too much';
    case 'not_started':
      return `could not be started (${end.code}: ${end.message})`;
    case 'guard_lost':
      return 'ended with the guard of this instance';
  }
}
