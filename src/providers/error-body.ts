/** Reads what went wrong out of the body of an error, in the forms that servers use. */
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';

export interface UpstreamError {
  /** A short text for people; '' where the server said nothing. */
  readonly message: string;
  /** OpenAI's `code` and `type`, Google's `status` and reasons, joined; '' where there are none. */
  readonly code: string;
  /** How long the server wants us to wait, where it says so in the body (Google); else null. */
  readonly retry_after_ms: number | null;
  /** Whether the server spoke as an API does, and not as a proxy or a web server in front of it. */
  readonly structured: boolean;
}

const EXCERPT_CHARS = 1_000;

/**
 * `{"error": "text"}` (Ollama), `{"error": {message, code, type}}` (OpenAI and its relatives), `{"message"}`, `{"detail"}`
 * (FastAPI), a list of one of these (Google), an HTML page (its title), or plain text.
 */
export function readErrorBody(body: string): UpstreamError {
  const text = body.trim();
  if (/^<(!doctype|html|head|\?xml)/i.test(text)) return unstructured(htmlTitle(text));
  try {
    return readErrorValue(JSON.parse(text));
  } catch {
    return unstructured(text.slice(0, EXCERPT_CHARS));
  }
}

export function readErrorValue(value: unknown): UpstreamError {
  if (Array.isArray(value)) return readErrorValue(value[0]);
  if (!isJsonObject(value)) return unstructured(shown(value));
  const inner = value['error'] ?? value;
  if (!isJsonObject(inner)) return { ...unstructured(shown(inner)), structured: true };
  return {
    message: messageOf(inner),
    code: codeOf(inner),
    structured: !isBareNotFound(value),
    retry_after_ms: retryDelayIn(detailsOf(inner)),
  };
}

function unstructured(message: string): UpstreamError {
  return { message, code: '', structured: false, retry_after_ms: null };
}

function shown(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, EXCERPT_CHARS);
}

function messageOf(error: JsonObject): string {
  const said = error['message'] ?? error['detail'] ?? error['error'];
  return shown(said ?? error);
}

function codeOf(error: JsonObject): string {
  return [error['code'], error['type'], error['status'], ...detailsOf(error).map(({ reason }) => reason)]
    .filter((code) => typeof code === 'string' || typeof code === 'number')
    .join(' ');
}

/** Google's details (https://cloud.google.com/apis/design/errors#error_details), each with an `@type`. */
function detailsOf({ details }: JsonObject): readonly JsonObject[] {
  return Array.isArray(details) ? (details as readonly Json[]).filter((one) => isJsonObject(one)) : [];
}

/** google.rpc.RetryInfo: `{"retryDelay": "36.5s"}` */
function retryDelayIn(details: readonly JsonObject[]): number | null {
  for (const { retryDelay } of details) {
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(typeof retryDelay === 'string' ? retryDelay : '')?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds) * 1000, LIMITS.retry_after_max_ms);
  }
  return null;
}

/** What FastAPI and its kind answer to a path that they do not have. */
function isBareNotFound(value: JsonObject): boolean {
  return value['detail'] === 'Not Found';
}

function htmlTitle(html: string): string {
  const title = /<title[^>]*>([^<]*)/i.exec(html)?.[1]?.trim() ?? '';
  return title === '' ? 'an HTML page' : `an HTML page "${title.slice(0, 200)}"`;
}
