/**
 * OpenAI (https://platform.openai.com/docs/api-reference/chat/create), by its chat completions: the newer Responses API has no
 * stop, seed or penalties.
 */
import { CHAT_AUDIO, CHAT_BODY, CHAT_COUNTS, chatEventTells, LIST_WITH_DATA } from './chat-completions.ts';
import { KEY_ELSEWHERE, unsaid, type Platform } from './platform.ts';

export const OPENAI: Platform = {
  kind: 'openai',
  async load() {
    const { createOpenAI } = await import('@ai-sdk/openai');
    return ({ base_url, model, fetch }) =>
      createOpenAI({ baseURL: base_url, apiKey: KEY_ELSEWHERE, fetch }).chat(model);
  },
  key_header: 'authorization',
  library_headers: [],
  body: CHAT_BODY,
  attachments: ['image/*', 'application/pdf', ...CHAT_AUDIO],
  own: unsaid('min_p'),
  tells: chatEventTells,
  counts: CHAT_COUNTS,
  models: LIST_WITH_DATA,
};
