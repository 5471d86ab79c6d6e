/**
 * Why a run waits, or how it ended badly: a stable code, and a sentence that says what to do.
 * Codes are an interface: they are never renamed. `docs/reasons.md` is checked against this table.
 */
export interface ReasonRow {
  /** Whose reason it is: of a run that waits, of a run that ended, of an attempt alone. */
  readonly when: 'waiting' | 'ended' | 'attempt';
  /** What to do; stands alone where nothing else is known. */
  readonly advice: string;
  /**
   * What is said instead of the advice behind a sentence of the moment, where that sentence says itself what the matter is
   * and what to do: a remedy is named once. '' where nothing is left to say.
   */
  readonly behind?: string;
}

export const REASONS = {
  WaitingForSlot: {
    when: 'waiting',
    advice:
      'Every slot that fits is taken. It starts when one is free; more slots: instance.slots, or another instance.',
    behind: 'It starts when one of them has ended; more at a time: max_concurrent of that endpoint.',
  },
  WaitingForModel: {
    when: 'waiting',
    advice:
      'Another model is loaded on that endpoint. It starts when that one has no more work, or after model_switch_after.',
  },
  BeginTime: { when: 'waiting', advice: 'It is to begin at its run_at.', behind: '' },
  Backoff: {
    when: 'waiting',
    advice: 'The last attempt failed; it is tried again by itself.',
    behind: 'It is tried again by itself.',
  },
  SameAs: { when: 'waiting', advice: 'The same work is under way under another name; it takes that answer.' },
  Paused: {
    when: 'waiting',
    advice: 'The endpoint is paused; it goes on when that ends.',
    behind: 'It goes on when that ends.',
  },
  EndpointThrottled: { when: 'waiting', advice: 'The endpoint asked for patience; it goes on by itself.' },
  EndpointAuth: {
    when: 'waiting',
    advice: 'Mend the key of the endpoint; it goes on by itself.',
    behind: 'It goes on by itself.',
  },
  EndpointQuota: {
    when: 'waiting',
    advice: 'The quota of the endpoint is used up; it goes on by itself once there is some.',
  },
  EndpointUnreachable: {
    when: 'waiting',
    advice: 'Start the server of the endpoint, or mend its base_url; it goes on by itself.',
    behind: 'It goes on by itself.',
  },
  ModelMissing: {
    when: 'waiting',
    advice: 'Make the model available at the endpoint; it goes on by itself.',
    behind: 'It goes on by itself.',
  },
  NoInstance: {
    when: 'waiting',
    advice: 'No connected instance serves this endpoint. Start one: promptd instance --connect host:port.',
    behind: '',
  },
  Cancelling: { when: 'waiting', advice: 'A cancel was requested; it ends when the instance confirms.' },
  DiskLow: { when: 'waiting', advice: 'Free some disk space; it goes on by itself.' },
  StoreBusy: {
    when: 'waiting',
    advice: 'Another program holds the database; it goes on by itself when that ends.',
    behind: 'It goes on by itself when that ends.',
  },
  FolderRefused: {
    when: 'waiting',
    advice:
      'A folder of the workspace cannot be read or written: look at its permissions, its disk and what stands in it; it goes on by itself.',
    behind: 'It goes on by itself once that is mended.',
  },
  Interrupted: { when: 'waiting', advice: 'Its instance was stopped; it starts again.' },
  TotalTimeout: { when: 'ended', advice: 'Raise options.timeout, or ask for less.' },
  FirstTokenTimeout: {
    when: 'ended',
    advice: 'Raise options.first_token_timeout, or look why the server does not begin.',
  },
  StallTimeout: {
    when: 'ended',
    advice: 'Raise options.stall_timeout, or look why the server stopped in the middle.',
  },
  ProviderError: { when: 'ended', advice: 'Look at the error and at the server, then: promptd retry.' },
  InvalidAnswer: {
    when: 'ended',
    advice: 'The server sent something that is no answer; look at it with: promptd logs.',
  },
  AnswerTooLarge: { when: 'ended', advice: 'Set max_tokens, or raise result_bytes_max.' },
  SchemaMismatch: {
    when: 'ended',
    advice: 'The answer broke response_schema; loosen it or change the prompt.',
    behind: 'Loosen response_schema, or change the prompt.',
  },
  ContextTooLong: { when: 'ended', advice: 'Shorten the prompt, or take a model with a larger context.' },
  ContentFiltered: { when: 'ended', advice: 'The provider refused the content.' },
  BadRequest: {
    when: 'ended',
    advice: 'The provider refused the request as it stands; mend the configuration.',
  },
  IdenticalErrors: {
    when: 'ended',
    advice: 'The same error came again and again; mend its cause, then: promptd retry.',
  },
  AttemptsExhausted: {
    when: 'ended',
    advice: 'Look at the attempts with: promptd show; then: promptd retry.',
  },
  LostTooOften: {
    when: 'ended',
    advice: 'Each instance that ran it disappeared; look at their memory, then: promptd retry.',
  },
  Cancelled: { when: 'ended', advice: 'Ask again with: promptd retry.' },
  ScriptFailed: {
    when: 'ended',
    advice: 'The script exited with an error; what it said is in the log: promptd logs.',
    behind: 'Mend it, then: promptd retry. All that it said: promptd logs.',
  },
  ScriptMissing: { when: 'ended', advice: 'Put the script where the job says, in prompts/ or commands/.' },
  ScriptNotExecutable: {
    when: 'ended',
    advice:
      'A script must be executable (chmod +x), and its first line must name an interpreter that is there, like #!/usr/bin/env python3.',
    behind: 'Mend that on the machine of the instance, then: promptd retry.',
  },
  ScriptTimeout: {
    when: 'ended',
    advice: 'The script took too long; let it do less.',
    behind: 'Let it do less.',
  },
  ScriptOutputInvalid: {
    when: 'ended',
    advice: 'Mend what the script prints; docs/prompts.md and docs/commands.md say what is expected.',
  },
  ScriptOutputTooLarge: { when: 'ended', advice: 'Let the script print less.' },
  ScriptChanged: {
    when: 'ended',
    advice:
      'A script that is "pure", or an input of it, changed after the job was accepted; submit the job again.',
  },
  TemplateError: { when: 'ended', advice: 'Mend the template.' },
  TemplateLimit: {
    when: 'ended',
    advice: 'The template takes too much time, memory or output; check its loops.',
  },
  VariableMissing: {
    when: 'ended',
    advice: 'Give the variable in "data", or mend its name in the template.',
  },
  DataMissing: { when: 'ended', advice: 'Mend the link to the data.' },
  ExecOff: {
    when: 'ended',
    advice:
      'Commands are off on this instance; allow them with "instance": {"allow_exec": true} in its promptd.config.json.',
    behind: 'Allow them with "instance": {"allow_exec": true} in its promptd.config.json.',
  },
  PackageError: {
    when: 'ended',
    advice: 'The AI package raised an error; its traceback is in the log: promptd logs.',
    behind: 'Mend it, then: promptd retry. All that it said: promptd logs.',
  },
  InstanceLost: {
    when: 'attempt',
    advice: 'Its instance went away without an outcome; the run is tried again by itself.',
  },
  NotDelivered: {
    when: 'attempt',
    advice: 'It never reached its instance; the run is tried again by itself, free of charge.',
  },
  Superseded: {
    when: 'attempt',
    advice: 'An earlier attempt brought the answer, so nothing was left to do.',
  },
} as const satisfies Record<string, ReasonRow>;

export type ReasonCode = keyof typeof REASONS;

export interface Reason {
  readonly code: ReasonCode;
  /** One sentence: what is the matter, and what to do. */
  readonly message: string;
  /** Wall time in Unix ms until which it is expected to hold, where known. */
  readonly until?: number;
}

/**
 * A reason in a sentence: what is the matter, where that is known, and behind it what to do. A remedy is said once: of the
 * advice that is left which the sentence does not say already.
 */
export function reason(code: ReasonCode, what = '', until?: number): Reason {
  const row: ReasonRow = REASONS[code];
  const message = what.trim() === '' ? row.advice : withRemedy(what.trim(), row);
  return until === undefined ? { code, message } : { code, message, until };
}

function withRemedy(what: string, { advice, behind }: ReasonRow): string {
  const left = what.includes(advice) ? '' : (behind ?? advice);
  const said = what.replace(/[.\s]*$/, '');
  return `${said}${/[?!]$/.test(said) ? '' : '.'}${left === '' ? '' : ` ${left}`}`;
}

/** Of the reasons of what waits, those of single runs. */
const OF_A_RUN: ReadonlySet<string> = new Set([
  'BeginTime',
  'Backoff',
  'SameAs',
  'Cancelling',
] satisfies ReasonCode[]);

/** Whether it holds all that is queued for an endpoint and a model, at this moment: it stands in no row. */
export function isOfTheMoment(code: string): boolean {
  const row: ReasonRow | undefined = Object.entries(REASONS).find(([known]) => known === code)?.[1];
  return row?.when === 'waiting' && !OF_A_RUN.has(code);
}

const PERMANENT: ReadonlySet<string> = new Set([
  'BadRequest',
  'AnswerTooLarge',
  'SchemaMismatch',
  'ContextTooLong',
  'ContentFiltered',
  'ScriptFailed',
  'ScriptNotExecutable',
  'ScriptMissing',
  'ScriptOutputInvalid',
  'ScriptOutputTooLarge',
  'TemplateError',
  'TemplateLimit',
  'VariableMissing',
  'DataMissing',
  'ExecOff',
] satisfies ReasonCode[]);

/** Whether whoever asks the same again gets the same refusal; every follower of such a run ends with it. */
export function isPermanent(code: ReasonCode | null): boolean {
  return code !== null && PERMANENT.has(code);
}
