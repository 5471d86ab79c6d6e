/** Keeps secrets out of every sentence: upstream servers like to repeat what they were sent. */
import type { AttemptFailure } from '../core/attempt.ts';

const MASK = '***';
/** The contract of {@link AttemptFailure}. */
const MESSAGE_CHARS_MAX = 4_000;

/** The forms in which a key, and the credentials of a URL, can come back in a text. */
export function secretsOf(base_url: string, api_key: string | null): readonly string[] {
  const secrets = api_key === null ? [] : [api_key];
  if (URL.canParse(base_url)) {
    const { username, password } = new URL(base_url);
    if (password !== '') {
      const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
      secrets.push(password, decodeURIComponent(password), Buffer.from(pair).toString('base64'));
    }
  }
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ]);
  // The longest first, so that no piece of a longer form is left.
  return [...new Set(forms)].filter((form) => form !== '').toSorted((a, b) => b.length - a.length);
}

export function mask(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of secrets) masked = masked.replaceAll(secret, MASK);
  return masked.replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${MASK}`);
}

/** One line for people: masked first, since a cut could leave a part of a secret that no longer matches. */
export function sentence(text: string, secrets: readonly string[]): string {
  const line = mask(text, secrets)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length <= MESSAGE_CHARS_MAX ? line : `${line.slice(0, MESSAGE_CHARS_MAX - 1)}…`;
}

export function failure(
  blame: AttemptFailure['blame'],
  reason_code: AttemptFailure['reason_code'],
  message: string,
  more: { readonly scope?: AttemptFailure['scope']; readonly retry_after_ms?: number | null } = {},
): AttemptFailure {
  return {
    blame,
    reason_code,
    message,
    scope: more.scope ?? 'endpoint',
    retry_after_ms: more.retry_after_ms ?? null,
  };
}
