/** A call in Ollama's own words (https://docs.ollama.com/api/chat). */
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { callText, type CallMessage, type ProviderCall } from '../core/ports/provider.ts';
import { attachedTo, type TakenTypes } from './attachments.ts';

export interface OllamaBody {
  readonly body: JsonObject;
  readonly warnings: readonly string[];
}

export const OLLAMA_TAKES: TakenTypes = ['image/*'];

/** What stands beside `options` and not in it. */
const TOP_LEVEL: ReadonlySet<string> = new Set([
  'think',
  'format',
  'keep_alive',
  'truncate',
  'shift',
  'logprobs',
  'top_logprobs',
  'tools',
]);
/** What a call is made of; a drawer cannot change it. */
const RESERVED: ReadonlySet<string> = new Set(['model', 'messages', 'stream']);
/** The names that Ollama's `api.Options` knows; others are ignored there without a word. */
const OPTIONS: ReadonlySet<string> = new Set(
  (
    'num_keep seed num_predict top_k top_p min_p typical_p repeat_last_n temperature repeat_penalty presence_penalty ' +
    'frequency_penalty stop num_ctx num_batch num_gpu main_gpu use_mmap num_thread mirostat mirostat_tau mirostat_eta ' +
    'penalize_newline tfs_z numa use_mlock low_vram f16_kv vocab_only logits_all embedding_only'
  ).split(' '),
);

export function ollamaBody(call: ProviderCall): OllamaBody {
  const top: Record<string, Json> = {};
  const options: Record<string, Json> = {};
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(call.parameters)) setParameter(name, value, top, options);
  for (const [name, value] of Object.entries(call.extra)) setOption(name, value, options, warnings);
  for (const [name, value] of Object.entries(call.drawer)) {
    if (RESERVED.has(name)) warnings.push(`ollama.${name} was not sent: promptd sets it itself.`);
    else if (TOP_LEVEL.has(name)) top[name] = value;
    else if (name === 'options' && isJsonObject(value)) {
      for (const [option, inner] of Object.entries(value)) setOption(option, inner, options, warnings);
    } else setOption(name, value, options, warnings);
  }
  const body: JsonObject = {
    model: call.model,
    messages: call.messages.map(messageOf),
    stream: true,
    // A prompt that does not fit is to be an error, not an answer to half of it.
    truncate: false,
    shift: false,
    ...top,
    ...(Object.keys(options).length === 0 ? {} : { options }),
  };
  return { body, warnings };
}

function messageOf(message: CallMessage): JsonObject {
  const images = attachedTo(message).map(({ data }) => data);
  const said = { role: message.role, content: callText(message) };
  return images.length === 0 ? said : { ...said, images };
}

function setParameter(
  name: string,
  value: Json,
  top: Record<string, Json>,
  options: Record<string, Json>,
): void {
  if (name === 'reasoning') top['think'] = value === 'none' ? false : value;
  else if (name === 'response_schema') top['format'] = value;
  else if (name === 'max_tokens') options['num_predict'] = value;
  else if (name === 'stop') options['stop'] = typeof value === 'string' ? [value] : value;
  else options[name] = value;
}

function setOption(name: string, value: Json, options: Record<string, Json>, warnings: string[]): void {
  options[name] = value;
  if (TOP_LEVEL.has(name)) {
    warnings.push(
      `${name} was sent as an option, where Ollama does not look for it; write "ollama": {"${name}": …}.`,
    );
  } else if (!OPTIONS.has(name)) {
    warnings.push(`${name} was sent, but is no option that Ollama is known to honour.`);
  }
}
