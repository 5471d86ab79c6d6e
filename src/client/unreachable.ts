/** How a call fails without an answer. */
import { Problem } from '../core/errors.ts';

/** What an aborted call rejects with: the signal's own reason. */
export function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new Error('the call was aborted', { cause: signal.reason });
}

/** A connection failure in words: what was tried, what happened, what to do. */
export function unreachable(place: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const what = WHAT_HAPPENED[String(code)] ?? (error instanceof Error ? error.message : String(error));
  return new Problem('Unreachable', `${place}: ${what}`, {
    hint: 'Is the server running? Start one in the workspace with: promptd serve',
    cause: error,
  });
}

const WHAT_HAPPENED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  ENOENT: 'there is no such socket, so no server runs in that workspace',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of the host could not be looked up',
  EACCES: 'this user may not open that socket',
  EPERM: 'this user may not open that socket',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer (timed out)',
  EHOSTUNREACH: 'no route to that host',
  ENETUNREACH: 'that network is not reachable',
};
