/** A call in the words of the AI SDK, and what of it the SDK does not send by itself. */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
  SharedV4Warning,
} from '@ai-sdk/provider';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { callText, type CallMessage, type ProviderCall } from '../core/ports/provider.ts';
import type { BodyRules, Platform } from './platform.ts';

export interface AiSdkCall {
  readonly options: LanguageModelV4CallOptions;
  /** Merged into the body that leaves, over what the SDK put there. */
  readonly merged: JsonObject;
  readonly warnings: readonly string[];
}

const SDK_NAMES = {
  max_tokens: 'maxOutputTokens',
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  seed: 'seed',
  frequency_penalty: 'frequencyPenalty',
  presence_penalty: 'presencePenalty',
} as const satisfies Record<string, keyof LanguageModelV4CallOptions>;

export function aiSdkCall(platform: Platform, call: ProviderCall, signal: AbortSignal): AiSdkCall {
  const known: Record<string, unknown> = {};
  const merged: Record<string, Json> = {};
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(call.parameters)) {
    const own = platform.own(name, value);
    if (typeof own === 'string') warnings.push(own);
    else if (own !== null) Object.assign(merged, own);
    else Object.assign(known, inSdkWords(name, value));
  }
  for (const [name, value] of Object.entries({ ...call.extra, ...call.drawer }))
    place(platform.body, name, value, merged, warnings);
  const options: LanguageModelV4CallOptions = {
    ...known,
    prompt: promptOf(call.messages),
    abortSignal: signal,
    // The events as they came: the SDK's own counts are without what it does not know.
    includeRawChunks: true,
    providerOptions: platform.options?.(call) ?? {},
  };
  return { options, merged, warnings };
}

function inSdkWords(name: string, value: Json): Readonly<Record<string, unknown>> {
  if (name in SDK_NAMES) return { [SDK_NAMES[name as keyof typeof SDK_NAMES]]: value };
  if (name === 'stop') return { stopSequences: typeof value === 'string' ? [value] : value };
  if (name === 'response_schema') return { responseFormat: { type: 'json', schema: value } };
  // `true` asks for no amount, but the SDK wants one.
  if (name === 'reasoning')
    return { reasoning: value === true ? 'medium' : value === false ? 'none' : value };
  throw new Error(`a word of the vocabulary that nobody translates: ${name}`);
}

/** Puts a key of the job where the platform looks for it. */
function place(
  rules: BodyRules,
  name: string,
  value: Json,
  merged: Record<string, Json>,
  warnings: string[],
): void {
  const within = { ...rules, inside: null };
  if (rules.reserved.has(name)) {
    warnings.push(`${name} was not sent: promptd sets it itself.`);
  } else if (rules.inside !== null && !rules.inside.beside.has(name)) {
    const inner = { ...(merged[rules.inside.object] as JsonObject | undefined) };
    place(within, name, value, inner, warnings);
    merged[rules.inside.object] = inner;
  } else if (rules.nested.has(name) && isJsonObject(value)) {
    const inner = { ...(merged[name] as JsonObject | undefined) };
    for (const [key, one] of Object.entries(value)) place(within, key, one, inner, warnings);
    merged[name] = inner;
  } else {
    merged[name] = value;
  }
}

/** The body that leaves. */
export function mergedBody(rules: BodyRules, body: JsonObject, merged: JsonObject): JsonObject {
  if (Object.keys(merged).length === 0) return body;
  const whole: Record<string, Json> = { ...body };
  for (const [name, value] of Object.entries(merged)) {
    const there = body[name];
    const both = rules.nested.has(name) && isJsonObject(there) && isJsonObject(value);
    whole[name] = both ? mergedBody(rules, there, value) : value;
  }
  return whole;
}

function promptOf(messages: readonly CallMessage[]): LanguageModelV4Prompt {
  return messages.map((message) => {
    if (message.role === 'user') return { role: message.role, content: partsOf(message) };
    const text = callText(message);
    return message.role === 'system'
      ? { role: message.role, content: text }
      : { role: message.role, content: [{ type: 'text', text }] };
  });
}

function partsOf({ content }: CallMessage): (LanguageModelV4TextPart | LanguageModelV4FilePart)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content.map((part) => {
    if (part.type === 'text') return { type: 'text', text: part.text };
    const { media_type: mediaType, data, filename } = part;
    const file = { type: 'file', data: { type: 'data', data }, mediaType } as const;
    return filename === undefined ? file : { ...file, filename };
  });
}

const OUR_NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(SDK_NAMES).map(([ours, theirs]) => [theirs, ours])),
  stopSequences: 'stop',
  responseFormat: 'response_schema',
};

/** A sentence for what the SDK says a platform does not do. */
export function warningSentence(warning: SharedV4Warning): string {
  if (warning.type === 'other') return warning.message;
  if (warning.type === 'deprecated') return `${warning.setting} is deprecated: ${warning.message}`;
  const what = warning.type === 'unsupported' ? 'is not supported here' : 'is only imitated here';
  const name = OUR_NAMES[warning.feature] ?? warning.feature;
  return `${name} ${what}${warning.details === undefined ? '.' : `: ${inOurWords(warning.details)}`}`;
}

/** People wrote `top_p`, not the SDK's name for it. */
function inOurWords(text: string): string {
  return text.replace(/\b[a-z]+[A-Z]\w*\b/g, (word) => OUR_NAMES[word] ?? word);
}
