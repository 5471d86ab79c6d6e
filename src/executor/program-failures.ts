/** What can go wrong with a program of the user, in sentences that say what to do. Programs are named as the job names them. */
import type { AttemptFailure } from '../core/attempt.ts';
import type { ChildEnd } from '../core/ports/children.ts';
import { ProviderError } from '../core/ports/provider.ts';

export function programError(
  blame: AttemptFailure['blame'],
  reason_code: AttemptFailure['reason_code'],
  message: string,
  cause?: unknown,
): ProviderError {
  return new ProviderError(
    { blame, reason_code, message: message.slice(0, 4_000), scope: 'endpoint', retry_after_ms: null },
    cause,
  );
}

export function timedOut(name: string, time_limit_ms: number): ProviderError {
  return programError(
    'transient',
    'ScriptTimeout',
    `${name}: not done after ${time_limit_ms} ms; it was ended.`,
  );
}

export function outputTooLarge(name: string, output_bytes_max: number): ProviderError {
  return programError(
    'job',
    'ScriptOutputTooLarge',
    `${name}: it printed more than ${output_bytes_max} bytes; it was ended.`,
  );
}

export function exited(name: string, code: number, tail: string): ProviderError {
  if (envFoundNothing(code, tail))
    return programError(
      'job',
      'ScriptNotExecutable',
      `${name}: the interpreter that its first line names is not on the PATH of this instance: ${tail}.`,
    );
  return programError('transient', 'ScriptFailed', `${name}: it exited with ${code}${said(tail)}`);
}

export function killed(name: string, signal: string, tail: string): ProviderError {
  return programError(
    'transient',
    'ScriptFailed',
    `${name}: it was ended by ${signal}, and not by promptd${said(tail)}`,
  );
}

export function guardLost(name: string): ProviderError {
  return programError(
    'transient',
    'ScriptFailed',
    `${name}: the process that guards programs went away, and it was ended with it.`,
  );
}

export function notStarted(
  name: string,
  { code, message }: Extract<ChildEnd, { kind: 'not_started' }>,
): ProviderError {
  const why: Readonly<Record<string, string>> = {
    ENOENT: name.includes('/')
      ? 'it is not there, or the interpreter that its first line names is not'
      : 'there is no such program on the PATH of this instance',
    EACCES: 'the system may not execute it, or not the interpreter that its first line names',
    EPERM: 'the system may not execute it',
    ENOEXEC: 'it has no first line that names its interpreter, and is no binary of this machine',
    ENOTDIR: 'its working directory is missing',
    E2BIG: 'its arguments and its environment are larger than the system allows',
  };
  const known = why[code];
  if (known !== undefined) return programError('job', 'ScriptNotExecutable', `${name}: ${known} (${code}).`);
  return programError('transient', 'ScriptFailed', `${name}: it could not be started: ${code}: ${message}`);
}

/** `#!/usr/bin/env python9`: there is an env, and that finds nothing. */
function envFoundNothing(code: number, tail: string): boolean {
  return code === 127 && /^(\/usr)?(\/bin\/)?env: /.test(tail);
}

/** In one line, as a reason stands in tables and summaries; the whole of it is in the log. */
function said(tail: string): string {
  return tail === '' ? '; it said nothing on stderr.' : `: ${tellingLine(tail)}`;
}

/** The last line, unless a stack trace hides the error above its end, as Node's do. */
function tellingLine(tail: string): string {
  const lines = tail.split('\n').map((line) => line.trim());
  return lines.findLast((line) => /^(Uncaught )?[\w.]*(Error|Exception)\b/.test(line)) ?? lines.at(-1) ?? '';
}
