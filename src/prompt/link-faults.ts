/** What is said where a link cannot be followed. */
import { describe } from '../core/describe.ts';
import type { ErrorCode, Fault } from '../core/errors.ts';
import { LinkError, type LinkReader } from '../core/ports/link-reader.ts';

export function faultOf(
  code: ErrorCode,
  path: string,
  expected: string,
  got: string,
  hint: string | undefined,
): Fault {
  return { code, path, expected, got, ...(hint === undefined ? {} : { hint }) };
}

/** Where there is no workspace to read from. */
export const NO_LINKS: LinkReader = {
  read: () => Promise.reject(notHere()),
  script: () => Promise.reject(notHere()),
};

function notHere(): LinkError {
  return new LinkError('refused', 'there is no workspace to read it from');
}

const FROM_WORKSPACE = 'Paths start at the workspace.';

/** Of a file that is read. Throws what is no {@link LinkError}. */
export function faultOfFile(error: unknown, path: string, link: string): Fault {
  if (!(error instanceof LinkError)) throw error;
  const got = describe(link);
  if (error.kind === 'missing')
    return faultOf('DataMissing', path, 'a file that exists', got, FROM_WORKSPACE);
  if (error.kind === 'too_large')
    return faultOf('TooLarge', path, 'a smaller file', got, `${error.message}.`);
  const expected = 'a plain file inside data/, prompts/ or commands/';
  return faultOf('LinkRefused', path, expected, got, `Refused because ${error.message}.`);
}

/** Of a script that is to be run. Throws what is no {@link LinkError}. */
export function faultOfScript(error: unknown, path: string, link: string): Fault {
  if (!(error instanceof LinkError)) throw error;
  const got = describe(link);
  switch (error.kind) {
    case 'missing':
      return faultOf('ScriptMissing', path, 'a script that exists', got, FROM_WORKSPACE);
    case 'not_executable':
      return faultOf(
        'ScriptNotExecutable',
        path,
        'a file that may be executed',
        got,
        `Make it so: chmod +x ${link}`,
      );
    case 'too_large':
      return faultOf('TooLarge', path, 'a smaller script', got, `${error.message}.`);
    case 'refused':
      return faultOf(
        'LinkRefused',
        path,
        'a plain file inside prompts/ or commands/',
        got,
        `Refused because ${error.message}.`,
      );
  }
}
