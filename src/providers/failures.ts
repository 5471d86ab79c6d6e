/**
 * What a server's error means for the attempt: one table for all platforms. Only what is the job's own fault fails the
 * job; a server that cannot serve anybody holds its jobs back, and everything else is tried again.
 */
import type { AttemptFailure } from '../core/attempt.ts';
import { VENDOR_URLS, type EndpointConfig } from '../core/endpoints.ts';
import { readErrorBody, type UpstreamError } from './error-body.ts';
import { failure, secretsOf, sentence } from './mask.ts';
import { retryAfterMs } from './retry-after.ts';

/** Who was asked, and for what. */
export interface Upstream {
  readonly endpoint: EndpointConfig;
  readonly base_url: string;
  readonly api_key: string | null;
  /** Null where the call was not about one model. */
  readonly model: string | null;
  /** Method and path, where the job's own command chose them: that they lead nowhere is no fault of the server's then. */
  readonly request?: string;
}

/** An answer with an error status, its body as far as it was read. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Wall time, Unix ms. */
  readonly now: number;
}

const CONTEXT =
  /context[ _-]?(length|window|size|limit)|maximum context|exceed[_ ]context|prompt is too long|input (length|is too long)|too many (input )?tokens|token count.*exceeds/i;
const TOO_LARGE = /request too large for|required for long context/i;
const FILTERED = /content[ _-]?(filter|policy|management)|was filtered|moderation|flagged as/i;
const QUOTA =
  /insufficient[ _](quota|balance|credit|funds)|exceeded your current quota|billing|credit balance|payment required|reached your specified .*usage limit/i;
/** A limit of requests or tokens in a time, whatever the sentence beside it says of plans and billing. */
const RATE = /rate.?limit|capacity_exceeded/i;
const BUSY =
  /\bbusy\b|overload|capacity|maximum pending|too many requests|rate.?limit|slow.?down|loading model|try again later/i;
/** Codes of vendors that refuse the caller under a status that says less: a key, or where it is used from. */
const CALLER = /API_KEY_INVALID|unsupported_country/;
const PLACE = /(location|country|region|territory).{0,40} not (supported|available)/i;
const MODEL = /\bmodels?\b/i;
const MISSING = /not.?found|does not exist|no such|unknown|not available|do not have access|not loaded|pull/i;

/** The host of a base_url with its port, without credentials and path. */
export function hostOf(base_url: string): string {
  return URL.canParse(base_url) ? new URL(base_url).host : 'an address that is no URL';
}

function say(upstream: Upstream, text: string): string {
  return sentence(text, secretsOf(upstream.base_url, upstream.api_key));
}

/** `openai (HTTP 400): Unsupported value` */
function said(upstream: Upstream, status: number, error: UpstreamError): string {
  return `${upstream.endpoint.name} (HTTP ${status})${error.message === '' ? '' : `: ${error.message}`}`;
}

export function failureOfStatus(upstream: Upstream, answer: ErrorAnswer): AttemptFailure {
  const { status } = answer;
  const error = readErrorBody(answer.body);
  const words = `${error.code} ${error.message}`;
  const text = say(upstream, said(upstream, status, error));
  const retry_after_ms = retryAfterMs(answer.headers, answer.now) ?? error.retry_after_ms;
  if (status >= 300 && status < 400) return redirected(upstream, answer);
  // More than may come in a minute at all: it would be refused at any time.
  if (status === 429 && TOO_LARGE.test(words)) return failure('job', 'ContextTooLong', text);
  if (status === 402 || (QUOTA.test(words) && !isRate(error))) return failure('hold', 'EndpointQuota', text);
  if (isMissingModel(upstream, status, words)) return missingModel(upstream, null);
  if (status === 429 || status === 529 || (status === 503 && isBusy(answer, words))) {
    return failure('throttled', 'EndpointThrottled', text, { retry_after_ms });
  }
  if (status < 500 && FILTERED.test(error.code)) return failure('job', 'ContentFiltered', text);
  if (status === 401 || status === 403 || (status === 400 && isCaller(error)))
    return refusedKey(upstream, status, error);
  if (status >= 500 && CONTEXT.test(words) && /exceed|too long|limit/i.test(words))
    return failure('job', 'ContextTooLong', text);
  if (status >= 500 || status === 408 || status === 409 || status === 425) {
    return failure('transient', 'ProviderError', text, { retry_after_ms });
  }
  if (status === 404 && !error.structured) return nothingThere(upstream, error);
  return failureOfRefusal(words, text);
}

/** The remaining 4xx: the request itself is at fault, and would be again. */
function failureOfRefusal(words: string, text: string): AttemptFailure {
  if (CONTEXT.test(words)) return failure('job', 'ContextTooLong', text);
  if (FILTERED.test(words)) return failure('job', 'ContentFiltered', text);
  return failure('job', 'BadRequest', text);
}

function isMissingModel(upstream: Upstream, status: number, words: string): boolean {
  if (upstream.model === null || status < 400 || status >= 500) return false;
  if (/model_not_found|invalid_model/i.test(words)) return true;
  return status === 404 && MODEL.test(words) && MISSING.test(words);
}

/** A limit that time lifts, as the code says, or the time that goes with it. */
function isRate(error: UpstreamError): boolean {
  return RATE.test(error.code) || error.retry_after_ms !== null;
}

function isCaller(error: UpstreamError): boolean {
  return CALLER.test(error.code) || PLACE.test(error.message);
}

function isBusy(answer: ErrorAnswer, words: string): boolean {
  return answer.headers.get('retry-after') !== null || BUSY.test(words);
}

function refusedKey(upstream: Upstream, status: number, error: UpstreamError): AttemptFailure {
  const { name, api_key_env, api_key_file } = upstream.endpoint;
  const what = upstream.api_key === null ? 'a key is needed' : 'the key was refused';
  const place = api_key_env ?? (api_key_file === null ? null : `the file ${api_key_file}`);
  const cure =
    place === null
      ? `Set "api_key_env" or "api_key_file" of the endpoint "${name}" in promptd.config.json.`
      : `Put a valid key into ${place}.`;
  const detail = error.message === '' ? `HTTP ${status}` : `HTTP ${status}: ${error.message}`;
  return failure('hold', 'EndpointAuth', say(upstream, `${name}: ${what} (${detail}). ${cure}`));
}

/** A server that has no such path at all is not what the configuration says it is: every job would get the same. */
function nothingThere(upstream: Upstream, error: UpstreamError): AttemptFailure {
  if (upstream.request !== undefined) {
    const text = `${upstream.endpoint.name}: ${hostOf(upstream.base_url)} has no such path (HTTP 404): ${upstream.request}. Mend what the command prints.`;
    return failure('job', 'BadRequest', say(upstream, text));
  }
  const v1 = upstream.endpoint.kind === 'openai-compatible' ? ' Most servers want /v1 at its end.' : '';
  const got = error.message === '' ? '' : `: ${error.message}`;
  const text = `${upstream.endpoint.name}: ${hostOf(upstream.base_url)} has no such path (HTTP 404${got}). Look at its base_url.${v1}`;
  return failure('hold', 'EndpointUnreachable', say(upstream, text));
}

function redirected(upstream: Upstream, answer: ErrorAnswer): AttemptFailure {
  const location = answer.headers.get('location');
  const to =
    location !== null && URL.canParse(location, upstream.base_url)
      ? new URL(location, upstream.base_url).host
      : 'elsewhere';
  const text = `${upstream.endpoint.name}: ${hostOf(upstream.base_url)} redirects to ${to} (HTTP ${answer.status}). It was not followed, and the key was not sent there. Set base_url to the final address.`;
  return failure('job', 'BadRequest', say(upstream, text));
}

const MODELS_NAMED_MAX = 10;

/** `has`: the models that are there, null where that is not known. */
export function missingModel(upstream: Upstream, has: readonly string[] | null): AttemptFailure {
  const { name, kind } = upstream.endpoint;
  const model = upstream.model ?? '';
  const more =
    has !== null && has.length > MODELS_NAMED_MAX ? `, and ${has.length - MODELS_NAMED_MAX} more` : '';
  const named =
    has === null
      ? ''
      : ` (has: ${has.length === 0 ? 'none' : `${has.slice(0, MODELS_NAMED_MAX).join(', ')}${more}`})`;
  const cure =
    kind === 'ollama'
      ? `On that machine: ollama pull ${model}`
      : VENDOR_URLS[kind] === undefined
        ? 'Start the server with it, or name one that is there.'
        : 'Name one that is there, and that the key may use.';
  return failure('hold', 'ModelMissing', say(upstream, `${name} has no model "${model}"${named}. ${cure}`), {
    scope: 'model',
  });
}

/** An error that the platform reports in the middle of a stream that had begun well. */
export function failureInStream(upstream: Upstream, error: UpstreamError): AttemptFailure {
  const words = `${error.code} ${error.message}`;
  const text = say(
    upstream,
    `${upstream.endpoint.name} reported an error in the middle of its answer: ${error.message}`,
  );
  if (CONTEXT.test(words)) return failure('job', 'ContextTooLong', text);
  if (FILTERED.test(error.code)) return failure('job', 'ContentFiltered', text);
  if (QUOTA.test(words) && !isRate(error)) return failure('hold', 'EndpointQuota', text);
  if (isRate(error) || BUSY.test(words) || error.code.includes('RESOURCE_EXHAUSTED')) {
    const { retry_after_ms } = error;
    return failure('throttled', 'EndpointThrottled', text, { retry_after_ms });
  }
  return failure('transient', 'ProviderError', text);
}

/** The platform cannot be told what the job wants: the request was never sent, and would never be. */
export function refusedByLibrary(upstream: Upstream, why: string): AttemptFailure {
  return failure('job', 'BadRequest', say(upstream, `${upstream.endpoint.name}: ${why}`));
}

/** Something came that is no answer. */
export function invalidAnswer(upstream: Upstream, what: string): AttemptFailure {
  return failure(
    'transient',
    'InvalidAnswer',
    say(upstream, `${upstream.endpoint.name} (${hostOf(upstream.base_url)}): ${what}`),
  );
}

export function answerTooLarge(upstream: Upstream, result_bytes_max: number): AttemptFailure {
  const text = `${upstream.endpoint.name}: the answer is longer than result_bytes_max (${result_bytes_max} bytes). It was cut off and thrown away. Set max_tokens, or raise result_bytes_max.`;
  return failure('job', 'AnswerTooLarge', say(upstream, text));
}
