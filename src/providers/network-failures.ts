/** What an error of the network means for the attempt. */
import type { AttemptFailure } from '../core/attempt.ts';
import { hostOf, invalidAnswer, type Upstream } from './failures.ts';
import { failure, secretsOf, sentence } from './mask.ts';

/** Nobody was there to hear the request: true for every job of the endpoint. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name cannot be looked up',
  EHOSTUNREACH: 'no way to that host',
  EHOSTDOWN: 'that host is down',
  ENETUNREACH: 'no way to that network',
  ENETDOWN: 'the network is down',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  EADDRNOTAVAIL: 'no free local port or address for a connection',
};

/** Codes of OpenSSL and of Node's TLS: the handshake failed, so nothing was sent. */
const TLS = /^(ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/;

/** The codes along the chain of causes: libraries wrap what the system said. */
function codesOf(error: unknown): readonly string[] {
  const codes: string[] = [];
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code);
    if (at instanceof AggregateError) codes.push(...at.errors.flatMap(codesOf));
  }
  return codes;
}

function innermostMessage(error: unknown): string {
  let at = error;
  for (let depth = 0; at instanceof Error && at.cause instanceof Error && depth < 8; depth += 1)
    at = at.cause;
  return at instanceof Error ? at.message : String(at);
}

/** Before the first byte of an answer. */
export function failureBeforeAnswer(upstream: Upstream, error: unknown): AttemptFailure {
  const { name, kind } = upstream.endpoint;
  const host = hostOf(upstream.base_url);
  const secrets = secretsOf(upstream.base_url, upstream.api_key);
  const codes = codesOf(error);
  const code = codes.find((one) => one in UNREACHABLE);
  const tls = codes.find((one) => TLS.test(one));
  if (code !== undefined) {
    const cure =
      kind === 'ollama'
        ? 'Start it with: ollama serve, or mend base_url.'
        : 'Start the server, or mend base_url.';
    return failure(
      'hold',
      'EndpointUnreachable',
      sentence(`${name}: ${host} cannot be reached: ${UNREACHABLE[code]} (${code}). ${cure}`, secrets),
    );
  }
  if (tls !== undefined) {
    const text = `${name}: no safe connection to ${host}: ${innermostMessage(error)} (${tls}). Mend its certificate, or base_url.`;
    return failure('hold', 'EndpointUnreachable', sentence(text, secrets));
  }
  if (codes.length === 0 || codes.includes('ERR_INVALID_URL')) {
    // No word of the system or of TLS: the request never left, because nobody can be asked at such an address.
    const text = `${name}: ${host} cannot be asked: ${innermostMessage(error)}. Mend base_url; write it like http://127.0.0.1:11434.`;
    return failure('hold', 'EndpointUnreachable', sentence(text, secrets));
  }
  const text = `${name}: ${host} closed the connection without an answer: ${innermostMessage(error)}`;
  return failure('transient', 'ProviderError', sentence(text, secrets));
}

/** After the headers: the answer broke off. */
export function failureInAnswer(upstream: Upstream, error: unknown): AttemptFailure {
  const codes = codesOf(error);
  const code = codes.length === 0 ? '' : ` (${codes.at(-1)})`;
  return invalidAnswer(
    upstream,
    `the connection broke in the middle of the answer: ${innermostMessage(error)}${code}`,
  );
}

/** An error that a library made of what it could not do. */
export function failureOfLibrary(upstream: Upstream, error: unknown): AttemptFailure {
  if (!URL.canParse(upstream.base_url)) return failureBeforeAnswer(upstream, error);
  return invalidAnswer(upstream, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
