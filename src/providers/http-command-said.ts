/** What a server says beside its answer, as far as it is plain to see: in the words of OpenAI, and how an answer ended. */
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { lookUp } from '../core/json-pointer.ts';
import type { ProviderAnswer } from '../core/ports/provider.ts';
import type { Usage } from '../core/usage.ts';
import { CHAT_COUNTS } from './chat-completions.ts';
import type { CountPlaces } from './platform.ts';

/** Of OpenAI and its relatives, of Google, of Anthropic (at the end of a stream, and of an answer in one piece), of Ollama. */
const FINISH_PLACES = [
  ...['/choices/0/finish_reason', '/candidates/0/finishReason', '/delta/stop_reason'],
  ...['/stop_reason', '/done_reason'],
];
const REASONING_PLACES = [
  '/choices/0/delta/reasoning_content',
  '/choices/0/delta/reasoning',
  '/delta/thinking',
];

const FINISHES: Readonly<Record<string, string | undefined>> = Object.assign(
  Object.create(null) as Record<string, string>,
  {
    stop: 'stop',
    end_turn: 'stop',
    stop_sequence: 'stop',
    length: 'length',
    max_tokens: 'length',
    content_filter: 'content_filter',
    refusal: 'content_filter',
    safety: 'content_filter',
    tool_calls: 'tool_calls',
    tool_use: 'tool_calls',
  },
);

const MODEL_CHARS_MAX = 500;
/** Usage is kept as it came, for ever: what is larger is none. */
const USAGE_CHARS_MAX = 4_096;

export class Said {
  #finish: string | null = null;
  #model: string | null = null;
  #usage: JsonObject | null = null;

  /** The whole answer, or one event of a stream: the last word counts. */
  hear(value: Json): void {
    if (!isJsonObject(value)) return;
    const { model, usage } = value;
    if (typeof model === 'string' && model.length <= MODEL_CHARS_MAX) this.#model = model;
    if (isJsonObject(usage) && isSmall(usage)) this.#usage = usage;
    const finish = firstText(value, FINISH_PLACES);
    if (finish !== '') this.#finish = FINISHES[finish.toLowerCase()] ?? 'other';
  }

  /** What a model thinks before it answers, where an event of a stream tells it. */
  reasoningIn(event: Json): string {
    return firstText(event, REASONING_PLACES);
  }

  /** Whether the server said that the answer is complete. */
  get finished(): boolean {
    return this.#finish !== null;
  }

  get told(): Pick<ProviderAnswer, 'model_answered' | 'finish_reason' | 'usage'> {
    return {
      model_answered: this.#model,
      finish_reason: this.#finish ?? 'stop',
      usage: this.#usage === null ? null : usageOf(this.#usage),
    };
  }
}

function isSmall(usage: JsonObject): boolean {
  try {
    return JSON.stringify(usage).length <= USAGE_CHARS_MAX;
  } catch {
    return false; // Too deep to be written.
  }
}

function firstText(value: Json, pointers: readonly string[]): string {
  for (const pointer of pointers) {
    const { found } = lookUp(value, pointer);
    if (typeof found === 'string' && found !== '') return found;
  }
  return '';
}

/** Other words than OpenAI's are left alone: what they count is not plain to see. */
function usageOf(raw: JsonObject): Usage | null {
  const input = count(raw, CHAT_COUNTS.input);
  const output = count(raw, CHAT_COUNTS.output);
  if (input === null && output === null) return null;
  const cached = count(raw, CHAT_COUNTS.cached);
  const reasoning = count(raw, CHAT_COUNTS.reasoning);
  return { input, cached, output, reasoning, raw };
}

function count(raw: JsonObject, places: CountPlaces): number | null {
  for (const path of places) {
    const { found } = lookUp(raw, `/${path.join('/')}`);
    if (typeof found === 'number') return found;
  }
  return null;
}
