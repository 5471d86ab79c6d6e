/** A call in the words of the AI SDK, and what of it the SDK does not send by itself. */
import type { LanguageModelV4CallOptions, LanguageModelV4Prompt, SharedV4Warning } from '@ai-sdk/provider';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { Message } from '../core/messages.ts';
import type { ProviderCall } from '../core/ports/provider.ts';

export interface OpenAICall {
  readonly options: LanguageModelV4CallOptions;
  /** Merged into the body that leaves, over what the SDK put there. */
  readonly merged: JsonObject;
  readonly warnings: readonly string[];
}

/** What a call is made of: another value would give an answer that cannot be read, e.g. two mixed ones for `n: 2`. */
const RESERVED: ReadonlySet<string> = new Set(['model', 'messages', 'stream', 'stream_options', 'n']);

const SDK_NAMES = {
  max_tokens: 'maxOutputTokens',
  temperature: 'temperature',
  top_p: 'topP',
  seed: 'seed',
  frequency_penalty: 'frequencyPenalty',
  presence_penalty: 'presencePenalty',
} as const satisfies Record<string, keyof LanguageModelV4CallOptions>;

export function openaiCall(call: ProviderCall, signal: AbortSignal): OpenAICall {
  const known: Record<string, Json> = {};
  const merged: Record<string, Json> = {};
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(call.parameters)) {
    if (name in SDK_NAMES) known[SDK_NAMES[name as keyof typeof SDK_NAMES]] = value;
    else if (name === 'stop') known['stopSequences'] = typeof value === 'string' ? [value] : value;
    else if (name === 'response_schema' && isJsonObject(value))
      known['responseFormat'] = { type: 'json', schema: value };
    else if (name === 'reasoning') setReasoning(value, merged, warnings);
    else merge(name, value, merged, warnings);
  }
  for (const [name, value] of Object.entries({ ...call.extra, ...call.drawer }))
    merge(name, value, merged, warnings);
  const options: LanguageModelV4CallOptions = {
    ...known,
    prompt: promptOf(call.messages),
    abortSignal: signal,
  };
  return { options, merged, warnings };
}

function setReasoning(value: Json, merged: Record<string, Json>, warnings: string[]): void {
  if (typeof value === 'string') merged['reasoning_effort'] = value;
  else if (value === false) merged['reasoning_effort'] = 'none';
  else
    warnings.push(
      `reasoning: ${JSON.stringify(value)} was not sent: this platform wants an effort, e.g. "low", "medium" or "high".`,
    );
}

function merge(name: string, value: Json, merged: Record<string, Json>, warnings: string[]): void {
  if (RESERVED.has(name)) warnings.push(`${name} was not sent: promptd sets it itself.`);
  else merged[name] = value;
}

function promptOf(messages: readonly Message[]): LanguageModelV4Prompt {
  return messages.map(({ role, content }) =>
    role === 'system' ? { role, content } : { role, content: [{ type: 'text', text: content }] },
  );
}

/** A sentence for what the SDK says a platform does not do. */
export function warningSentence(warning: SharedV4Warning): string {
  if (warning.type === 'other') return warning.message;
  if (warning.type === 'deprecated') return `${warning.setting} is deprecated: ${warning.message}`;
  const what = warning.type === 'unsupported' ? 'is not supported here' : 'is only imitated here';
  return `${warning.feature} ${what}${warning.details === undefined ? '.' : `: ${warning.details}`}`;
}
