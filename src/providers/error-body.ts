/** Reads what went wrong out of the body of an error, in the forms that servers use. */
import { isJsonObject, type JsonObject } from '../core/json.ts';

export interface UpstreamError {
  /** A short text for people; '' where the server said nothing. */
  readonly message: string;
  /** OpenAI's `code` and `type`, joined; '' where there are none. */
  readonly code: string;
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
  if (/^<(!doctype|html|head|\?xml)/i.test(text))
    return { message: htmlTitle(text), code: '', structured: false };
  try {
    return readErrorValue(JSON.parse(text));
  } catch {
    return { message: text.slice(0, EXCERPT_CHARS), code: '', structured: false };
  }
}

export function readErrorValue(value: unknown): UpstreamError {
  if (Array.isArray(value)) return readErrorValue(value[0]);
  if (!isJsonObject(value)) return { message: shown(value), code: '', structured: false };
  const inner = value['error'] ?? value;
  if (!isJsonObject(inner)) return { message: shown(inner), code: '', structured: true };
  return { message: messageOf(inner), code: codeOf(inner), structured: !isBareNotFound(value) };
}

function shown(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, EXCERPT_CHARS);
}

function messageOf(error: JsonObject): string {
  const said = error['message'] ?? error['detail'] ?? error['error'];
  return shown(said ?? error);
}

function codeOf(error: JsonObject): string {
  return [error['code'], error['type']]
    .filter((code) => typeof code === 'string' || typeof code === 'number')
    .join(' ');
}

/** What FastAPI and its kind answer to a path that they do not have. */
function isBareNotFound(value: JsonObject): boolean {
  return value['detail'] === 'Not Found';
}

function htmlTitle(html: string): string {
  const title = /<title[^>]*>([^<]*)/i.exec(html)?.[1]?.trim() ?? '';
  return title === '' ? 'an HTML page' : `an HTML page "${title.slice(0, 200)}"`;
}
