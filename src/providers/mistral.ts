/** Mistral (https://docs.mistral.ai/api/#tag/chat). */
import { CHAT_BODY, CHAT_COUNTS, chatEventTells, LIST_WITH_DATA } from './chat-completions.ts';
import { KEY_ELSEWHERE, unsaid, type Platform } from './platform.ts';

export const MISTRAL: Platform = {
  kind: 'mistral',
  async load() {
    const { createMistral } = await import('@ai-sdk/mistral');
    return ({ base_url, model, fetch }) =>
      createMistral({ baseURL: base_url, apiKey: KEY_ELSEWHERE, fetch })(model);
  },
  key_header: 'authorization',
  library_headers: [],
  body: CHAT_BODY,
  attachments: ['image/*', 'application/pdf'],
  own: unsaid('min_p'),
  tells: chatEventTells,
  counts: {
    ...CHAT_COUNTS,
    // It has said this in three ways.
    cached: [
      ['num_cached_tokens'],
      ['prompt_tokens_details', 'cached_tokens'],
      ['prompt_token_details', 'cached_tokens'],
    ],
  },
  models: LIST_WITH_DATA,
};
