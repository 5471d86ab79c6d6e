/**
 * Lines of the OpenAI batch format (https://platform.openai.com/docs/guides/batch): `{custom_id, method, url, body}`.
 * The body becomes a prompt and a configuration; the id becomes the key.
 */
import type { JsonObject } from './json.ts';
import type { Fault } from './errors.ts';

const CHAT = '/v1/chat/completions';
/** How an answer travels is ours to say; it changes nothing in it. */
const OF_TRANSPORT: ReadonlySet<string> = new Set(['stream', 'stream_options']);

export function isOpenAiLine(value: JsonObject): boolean {
  return 'custom_id' in value && 'body' in value && !('prompt' in value);
}

/** The job of a line, or what is wrong with the line. */
export function fromOpenAiLine(line: JsonObject): { readonly job: JsonObject } | { readonly fault: Fault } {
  const { custom_id: key, url, body } = line;
  if (url !== CHAT) return wrong('url', `"${CHAT}"`, url);
  if (line['method'] !== undefined && line['method'] !== 'POST')
    return wrong('method', '"POST"', line['method']);
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return wrong('body', 'an object', body);
  const { model, messages, ...rest } = body as JsonObject;
  const configuration: Record<string, JsonObject[string]> = model === undefined ? {} : { LLM_name: model };
  for (const [name, value] of Object.entries(rest)) {
    if (OF_TRANSPORT.has(name)) continue;
    const schema = name === 'response_format' ? schemaOf(value) : undefined;
    if (schema !== undefined) configuration['response_schema'] = schema;
    else configuration[name === 'max_completion_tokens' ? 'max_tokens' : name] = value;
  }
  return {
    job: {
      ...(typeof key === 'string' || typeof key === 'number' ? { key: String(key) } : {}),
      prompt: { messages: messages ?? null },
      configuration,
    },
  };
}

/** Where a path of the job stands in the line it came from. */
export function openAiPath(path: string): string {
  if (path === 'key') return 'custom_id';
  if (path.startsWith('prompt.messages')) return path.replace('prompt', 'body');
  if (/^configuration\.(LLM_name|model)$/.test(path)) return 'body.model';
  if (path.startsWith('configuration.response_schema')) return 'body.response_format';
  if (path.startsWith('configuration')) return path.replace('configuration', 'body');
  return path.startsWith('prompt') ? 'body' : path;
}

function schemaOf(format: JsonObject[string] | undefined): JsonObject | undefined {
  if (typeof format !== 'object' || format === null || Array.isArray(format)) return undefined;
  const named = (format as JsonObject)['json_schema'];
  if (typeof named !== 'object' || named === null || Array.isArray(named)) return undefined;
  const schema = (named as JsonObject)['schema'];
  return typeof schema === 'object' && schema !== null && !Array.isArray(schema)
    ? (schema as JsonObject)
    : undefined;
}

function wrong(path: string, expected: string, got: unknown): { readonly fault: Fault } {
  return {
    fault: { code: 'InvalidJob', path, expected, got: got === undefined ? 'nothing' : JSON.stringify(got) },
  };
}
