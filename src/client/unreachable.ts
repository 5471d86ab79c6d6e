/** How a call fails without an answer. */
import { messageOf, Problem } from '../core/errors.ts';

/** What an aborted call rejects with: the signal's own reason. */
export function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new Error('the call was aborted', { cause: signal.reason });
}

/** A connection failure in words: what was tried, what happened, what to do. Its cause keeps the system's code. */
export function unreachable(place: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const [what, hint] = WHAT_HAPPENED[code] ?? [messageOf(error), LOOK];
  return new Problem('Unreachable', `${place}: ${what}`, { hint, cause: error });
}

/** Whether nobody listens at that address: what starting a server would change. */
export function nobodyListens(error: unknown): boolean {
  if (!(error instanceof Problem) || error.code !== 'Unreachable') return false;
  const { cause } = error;
  return (
    cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED')
  );
}

const START = 'Start a server in its workspace with: promptd serve';
const LOOK = 'Is the server running? Its workspace says so: promptd status';
const URL_WRONG = 'Look at PROMPTD_URL.';
const SOCKET_REFUSED = 'Be the user who runs the server, or set PROMPTD_URL and PROMPTD_KEY.';
const NETWORK = 'Look at PROMPTD_URL, at the network and its firewalls.';

/** By the system's code: what happened, and what to do about it. */
const WHAT_HAPPENED: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ECONNREFUSED: ['nobody listens there (connection refused)', START],
  ENOENT: ['there is no such socket, so no server runs in that workspace', START],
  ENOTFOUND: ['there is no host of that name', URL_WRONG],
  EAI_AGAIN: ['the name of the host could not be looked up', URL_WRONG],
  EACCES: ['this user may not open that socket', SOCKET_REFUSED],
  EPERM: ['this user may not open that socket', SOCKET_REFUSED],
  ECONNRESET: ['the connection was cut', LOOK],
  EPIPE: ['the connection was cut', LOOK],
  ETIMEDOUT: ['no answer (timed out)', NETWORK],
  EHOSTUNREACH: ['no route to that host', NETWORK],
  ENETUNREACH: ['that network is not reachable', NETWORK],
};
