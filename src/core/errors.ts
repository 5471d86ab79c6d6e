/**
 * The one table of errors at the doors: what each code means, and what it is at the edge (HTTP status, CLI exit code).
 * `docs/errors.md` and this table are checked against each other in both directions.
 */
export interface ErrorRow {
  readonly status: number;
  readonly exit: number;
  readonly title: string;
}

/** Exit codes of the command line, see docs/cli.md. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  not_found: 3,
  not_allowed: 4,
  unreachable: 5,
  conflict: 6,
  overloaded: 7,
  stopped_with_work_left: 9,
  job_failed: 10,
  cancelled: 11,
  invalid_job: 12,
  integrity: 13,
  wait_timed_out: 124,
  interrupted: 130,
} as const;

export const ERRORS = {
  InvalidJob: { status: 422, exit: EXIT.invalid_job, title: 'The job is not valid' },
  UnknownType: { status: 422, exit: EXIT.invalid_job, title: 'This type of job is not known' },
  UnknownEndpoint: { status: 422, exit: EXIT.invalid_job, title: 'The job names no known endpoint' },
  UnknownParameter: { status: 422, exit: EXIT.invalid_job, title: 'A parameter is not known' },
  SecretInJob: { status: 422, exit: EXIT.invalid_job, title: 'A job must not carry a secret or a URL' },
  LinkRefused: { status: 422, exit: EXIT.invalid_job, title: 'A link leads where jobs may not read' },
  LinkOverTcp: { status: 422, exit: EXIT.invalid_job, title: 'Links are read on the workspace machine only' },
  DataMissing: { status: 422, exit: EXIT.invalid_job, title: 'Data of the prompt is missing' },
  TemplateError: { status: 422, exit: EXIT.invalid_job, title: 'The template could not be rendered' },
  TemplateLimit: { status: 422, exit: EXIT.invalid_job, title: 'The template takes too much' },
  VariableMissing: {
    status: 422,
    exit: EXIT.invalid_job,
    title: 'The template names a variable that is not there',
  },
  ScriptMissing: { status: 422, exit: EXIT.invalid_job, title: 'The script is missing' },
  ScriptNotExecutable: { status: 422, exit: EXIT.invalid_job, title: 'The script cannot be executed' },
  ExecOff: { status: 403, exit: EXIT.not_allowed, title: 'Commands are off' },
  InvalidRequest: { status: 400, exit: EXIT.usage, title: 'The request is not valid' },
  NameTaken: { status: 409, exit: EXIT.conflict, title: 'The name is taken by another job' },
  WrongState: { status: 409, exit: EXIT.conflict, title: 'The job is not in a state for this' },
  NotFound: { status: 404, exit: EXIT.not_found, title: 'Not found' },
  TooLarge: { status: 413, exit: EXIT.invalid_job, title: 'Too large' },
  TooManyJobs: { status: 413, exit: EXIT.invalid_job, title: 'Too many jobs in one submission' },
  Unauthorized: { status: 401, exit: EXIT.not_allowed, title: 'A key is needed' },
  Forbidden: { status: 403, exit: EXIT.not_allowed, title: 'This key may not do that' },
  WrongHost: { status: 403, exit: EXIT.not_allowed, title: 'The Host header names another server' },
  WrongOrigin: { status: 403, exit: EXIT.not_allowed, title: 'Requests from other sites are refused' },
  TooManyRequests: { status: 429, exit: EXIT.overloaded, title: 'Too many requests' },
  Overloaded: { status: 503, exit: EXIT.overloaded, title: 'The server is overloaded' },
  StoreBusy: { status: 503, exit: EXIT.overloaded, title: 'The database is locked by another program' },
  ShuttingDown: { status: 503, exit: EXIT.unreachable, title: 'The server is stopping' },
  DiskLow: { status: 507, exit: EXIT.overloaded, title: 'The disk is full, or nearly full' },
  Unreachable: { status: 503, exit: EXIT.unreachable, title: 'The server cannot be reached' },
  WorkspaceHeld: { status: 409, exit: EXIT.conflict, title: 'Another promptd serves this workspace' },
  PortTaken: { status: 409, exit: EXIT.conflict, title: 'The port is taken by another program' },
  NoWorkspace: { status: 404, exit: EXIT.not_found, title: 'There is no workspace here' },
  InvalidConfig: { status: 400, exit: EXIT.usage, title: 'The configuration is not valid' },
  FolderRefused: { status: 500, exit: EXIT.error, title: 'A folder of the workspace cannot be used' },
  StoreRefused: { status: 500, exit: EXIT.integrity, title: 'The database cannot be used' },
  NotAnalysable: { status: 422, exit: EXIT.error, title: 'The result cannot be taken apart' },
  Corrupt: { status: 500, exit: EXIT.integrity, title: 'Stored data does not match its hash' },
  Internal: { status: 500, exit: EXIT.error, title: 'An error of promptd itself' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** One fault in an input: where, what was expected, what was got, what to do. `path` is like `configuration.seed`. */
export interface Fault {
  readonly code: ErrorCode;
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
  readonly expected: string;
  readonly got: string;
  readonly hint?: string;
}

/** The one error that reaches users: a code of the table, a sentence, what to do, and the faults where input was wrong. */
export class Problem extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly faults: readonly Fault[];

  constructor(
    code: ErrorCode,
    detail: string,
    more: { readonly hint?: string; readonly faults?: readonly Fault[]; readonly cause?: unknown } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'Problem';
    this.code = code;
    this.hint = more.hint;
    this.faults = more.faults ?? [];
  }

  static ofFaults(faults: readonly Fault[]): Problem {
    const first = faults[0];
    if (first === undefined) throw new RangeError('a problem of faults needs one fault');
    const rest = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
    return new Problem(first.code, `${first.path}: expected ${first.expected}, got ${first.got}${rest}`, {
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      faults,
    });
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }
}

/** RFC 9457, `application/problem+json`. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint?: string;
  readonly errors?: readonly Fault[];
}

export function problemBody(problem: Problem): ProblemBody {
  return {
    type: `urn:promptd:error:${problem.code}`,
    title: ERRORS[problem.code].title,
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    ...(problem.faults.length === 0 ? {} : { errors: problem.faults }),
  };
}

export function problemFromBody(body: ProblemBody): Problem {
  const code: ErrorCode = body.code in ERRORS ? body.code : 'Internal';
  return new Problem(code, body.detail, {
    ...(body.hint === undefined ? {} : { hint: body.hint }),
    ...(body.errors === undefined ? {} : { faults: body.errors }),
  });
}

/** What anything that was thrown says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
