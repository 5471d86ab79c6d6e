/** What can be wrong with a command before and after it is run, in sentences that say what to do. All of it is the job's fault. */
import type { Fault } from '../core/errors.ts';
import { WHOLE } from '../core/job-path.ts';
import type { LinkError } from '../core/ports/link-reader.ts';
import type { ProviderError } from '../core/ports/provider.ts';
import { programError } from './program-failures.ts';

const FAULTS_SHOWN_MAX = 3;
const PROGRAM_CHARS_SHOWN_MAX = 200;

export function noCommand(script: string, faults: readonly Fault[]): ProviderError {
  const shown = faults.slice(0, FAULTS_SHOWN_MAX).map(({ path, expected, got, hint }) => {
    const more = hint === undefined ? '' : ` ${hint}`;
    return `${path === WHOLE ? '' : `${path}: `}expected ${expected}, got ${got}.${more}`;
  });
  const left = faults.length - shown.length;
  const rest = left > 0 ? ` And ${left} more.` : '';
  return programError(
    'job',
    'ScriptOutputInvalid',
    `${script} printed no command: ${shown.join(' ')}${rest}`,
  );
}

/** `kind` has no server that could be asked. */
export function noServer(script: string, endpoint: string, kind: string): ProviderError {
  return programError(
    'job',
    'ScriptOutputInvalid',
    `${script} printed an "http" command, but ${endpoint} is of kind "${kind}", which has no server. Print {"exec": {…}}, or name another endpoint in LLM_name.`,
  );
}

/** The program is a file of the workspace that cannot be run. */
export function noProgram(program: string, error: LinkError): ProviderError {
  if (error.kind === 'not_executable')
    return programError(
      'job',
      'ScriptNotExecutable',
      `${program}: ${error.message}. Try: chmod +x ${program}`,
      error,
    );
  return programError('job', 'ScriptMissing', `${program}: ${error.message}.`, error);
}

/** Neither a file of the workspace, nor absolute, nor a bare name. */
export function strangeProgram(program: string): ProviderError {
  return programError(
    'job',
    'ScriptMissing',
    `The program of a command: expected an absolute path, a file in commands/ or prompts/, or a name on the PATH, got ${JSON.stringify(program.slice(0, PROGRAM_CHARS_SHOWN_MAX))}.`,
  );
}

export function noText(program: string, cause: unknown): ProviderError {
  return programError(
    'job',
    'ScriptOutputInvalid',
    `${program}: expected UTF-8 on stdout, got bytes that are none.`,
    cause,
  );
}
