/** Servers that speak OpenAI's chat completions: vLLM, llama.cpp, LM Studio, Ollama's /v1, and many hosted ones. */
import type { Json, JsonObject } from '../core/json.ts';
import { CHAT_AUDIO, CHAT_BODY, chatEventTells, CHAT_COUNTS, LIST_WITH_DATA } from './chat-completions.ts';
import type { Platform } from './platform.ts';

export const OPENAI_COMPATIBLE: Platform = {
  kind: 'openai-compatible',
  async load() {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    return ({ base_url, model, fetch }) =>
      createOpenAICompatible({
        name: 'openai-compatible',
        baseURL: base_url,
        includeUsage: true,
        supportsStructuredOutputs: true,
        fetch,
      }).chatModel(model);
  },
  key_header: 'authorization',
  library_headers: [],
  body: CHAT_BODY,
  attachments: ['image/*', 'video/*', 'text/*', 'application/pdf', ...CHAT_AUDIO],
  own(name, value) {
    // OpenAI has no such words, but the servers that imitate it do.
    if (name === 'top_k' || name === 'min_p') return { [name]: value };
    return name === 'reasoning' ? effortOf(value) : null;
  },
  tells: chatEventTells,
  counts: CHAT_COUNTS,
  models: LIST_WITH_DATA,
};

function effortOf(value: Json): JsonObject | string {
  if (typeof value === 'string') return { reasoning_effort: value };
  if (value === false) return { reasoning_effort: 'none' };
  return `reasoning: ${JSON.stringify(value)} was not sent: this platform wants an effort, e.g. "low", "medium" or "high".`;
}
