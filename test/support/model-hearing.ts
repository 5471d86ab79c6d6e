// What the scripted model server understands of a request, in whichever protocol it comes.
import type { Protocol } from './model-speech.ts';

export interface HeardMessage {
  readonly role: string;
  readonly content: string;
}

export interface Heard {
  readonly protocol: Protocol;
  readonly model: string;
  /** All in one form: system text first where it stands apart. */
  readonly messages: readonly HeardMessage[];
  /** Whether a stream is wanted. */
  readonly stream: boolean;
}

type Body = Readonly<Record<string, unknown>>;

/** Where each protocol is spoken. OpenAI's stands at /v1 as everywhere; those that would share its paths have a folder. */
const CHATS: readonly (readonly [Protocol, RegExp])[] = [
  ['ollama', /^\/api\/chat$/],
  ['openai', /^\/v1\/chat\/completions$/],
  ['mistral', /^\/mistral\/v1\/chat\/completions$/],
  ['anthropic', /^\/anthropic\/v1\/messages$/],
  ['google', /^\/google\/v1beta\/models\/([^/:]+):streamGenerateContent$/],
];

/** Null where no protocol has its chat at that path. */
export function chatAt(path: string): Protocol | null {
  return CHATS.find(([, pattern]) => pattern.test(path))?.[0] ?? null;
}

export function hearChat(protocol: Protocol, path: string, body: Body): Heard {
  if (protocol === 'google') {
    const model = CHATS.find(([name]) => name === 'google')?.[1].exec(path)?.[1] ?? '';
    const contents = listOf(body['contents']).map(({ role, parts }) => ({
      role: role === 'model' ? 'assistant' : String(role),
      content: textOf(parts),
    }));
    const system = (body['systemInstruction'] as Body | undefined)?.['parts'];
    return { protocol, model, messages: [...systemOf(system), ...contents], stream: true };
  }
  const messages = listOf(body['messages']).map(({ role, content }) => ({
    role: String(role),
    content: textOf(content),
  }));
  const stream = protocol === 'ollama' ? body['stream'] !== false : body['stream'] === true;
  return {
    protocol,
    model: String(body['model']),
    messages: [...systemOf(body['system']), ...messages],
    stream,
  };
}

function listOf(value: unknown): readonly Body[] {
  return Array.isArray(value) ? (value as readonly Body[]) : [];
}

function systemOf(value: unknown): readonly HeardMessage[] {
  return value === undefined ? [] : [{ role: 'system', content: textOf(value) }];
}

/** A text, or a list of parts; those that have none are no text. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map(({ text }) => (typeof text === 'string' ? text : ''))
    .join('');
}

/** The list of models as the platform that lists them at that path writes it; null where none does. */
export function modelList(path: string, models: readonly string[]): object | null {
  if (path === '/google/v1beta/models') {
    const supportedGenerationMethods = ['generateContent', 'countTokens'];
    const embedding = { name: 'models/embedder', supportedGenerationMethods: ['embedContent'] };
    return {
      models: [...models.map((id) => ({ name: `models/${id}`, supportedGenerationMethods })), embedding],
    };
  }
  if (path === '/anthropic/v1/models')
    return { data: models.map((id) => ({ type: 'model', id, display_name: id })), has_more: false };
  if (path !== '/v1/models' && path !== '/mistral/v1/models') return null;
  return {
    object: 'list',
    data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'test' })),
  };
}
