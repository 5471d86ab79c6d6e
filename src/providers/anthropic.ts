/** Anthropic (https://docs.claude.com/en/api/messages). */
import { isJsonObject } from '../core/json.ts';
import { namesInData } from './chat-completions.ts';
import { KEY_ELSEWHERE, unsaid, type Platform } from './platform.ts';

export const ANTHROPIC: Platform = {
  kind: 'anthropic',
  async load() {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return ({ base_url, model, fetch }) =>
      createAnthropic({ baseURL: base_url, apiKey: KEY_ELSEWHERE, fetch })(model);
  },
  key_header: 'x-api-key',
  library_headers: ['anthropic-version', 'anthropic-beta'],
  body: {
    prompt: ['messages', 'system'],
    reserved: new Set(['model', 'messages', 'system', 'stream']),
    nested: new Set(['thinking', 'output_config']),
    inside: null,
  },
  attachments: ['image/*', 'application/pdf', 'text/plain'],
  own: unsaid('min_p'),
  // Anthropic counts thoughts in max_tokens; the vocabulary does not, so the library adds what they may take.
  altered({ parameters, extra, drawer }, { max_tokens: sent }) {
    const { max_tokens: asked } = { ...parameters, ...extra, ...drawer };
    if (typeof asked !== 'number' || typeof sent !== 'number' || sent <= asked) return [];
    return [`max_tokens was sent as ${sent}: the ${asked} of the job, and ${sent - asked} to reason with.`];
  },
  // The counts of the beginning are replaced by those of the end, which are cumulative.
  tells(event) {
    const { message } = event;
    return isJsonObject(message)
      ? { model: message['model'], usage: message['usage'] }
      : { usage: event['usage'] };
  },
  counts: {
    // What was written into a cache and what was read from it is not in Anthropic's input_tokens; the SDK adds it.
    input: [['input_tokens']],
    cached: [['cache_read_input_tokens']],
    output: [['output_tokens']],
    reasoning: [['output_tokens_details', 'thinking_tokens']],
  },
  models: { path: '/models?limit=1000', headers: { 'anthropic-version': '2023-06-01' }, names: namesInData },
};
