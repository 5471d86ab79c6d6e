/** What the platforms have in common that speak OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat). */
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { BodyRules, Platform } from './platform.ts';

export const CHAT_BODY: BodyRules = {
  prompt: ['messages'],
  reserved: new Set(['model', 'messages', 'stream', 'stream_options', 'n']),
  nested: new Set(),
  inside: null,
};

/** Recordings in the two forms that chat completions name. */
export const CHAT_AUDIO = ['audio/wav', 'audio/mp3', 'audio/mpeg'] as const;

export const chatEventTells: Platform['tells'] = ({ model, usage }) => ({ model, usage });

export const CHAT_COUNTS: Platform['counts'] = {
  input: [['prompt_tokens']],
  cached: [['prompt_tokens_details', 'cached_tokens']],
  output: [['completion_tokens']],
  reasoning: [['completion_tokens_details', 'reasoning_tokens']],
};

/** `{"data": [{"id": …}]}`, as OpenAI, Mistral and Anthropic list their models. */
export function namesInData({ data }: JsonObject): readonly string[] | null {
  if (!Array.isArray(data)) return null;
  return (data as readonly Json[]).flatMap((one) =>
    isJsonObject(one) && typeof one['id'] === 'string' ? [one['id']] : [],
  );
}

export const LIST_WITH_DATA: Platform['models'] = { path: '/models', names: namesInData };
