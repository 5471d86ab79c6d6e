/** What programs of a command get to read: the job, and never an address or a secret. */
import type { AttemptOrder } from '../core/attempt.ts';
import type { Json } from '../core/json.ts';
import { callText, type CallMessage, type ProviderCall } from '../core/ports/provider.ts';
import type { ScriptCall } from '../core/recipe.ts';
import { scriptInput } from './script-input.ts';

/** The stdin of a script that prints a command. */
export function commandInput(order: AttemptOrder, call: ProviderCall, script: ScriptCall): Json {
  const { endpoint, model, messages } = call;
  const { configuration = {}, args = null, ...given } = scriptInput(order, script);
  const { name = null, run = null, key = null, metadata = null } = given;
  const job = script.pure ? {} : { name, run, key, metadata: metadata ?? {} };
  return {
    prompt: promptOf(messages),
    messages: messages as unknown as Json,
    configuration,
    endpoint: { name: endpoint.name, kind: endpoint.kind, model },
    ...job,
    args,
  };
}

/** The stdin of a job of type `command`: the prompt, or `{"messages": […]}` where it is more than one text. */
export function stdinOf(messages: readonly CallMessage[]): string {
  return promptOf(messages) ?? JSON.stringify({ messages });
}

/** Null where the prompt is more than one message of the user, or has something attached. */
function promptOf(messages: readonly CallMessage[]): string | null {
  const [message, ...others] = messages;
  if (message === undefined || others.length > 0 || message.role !== 'user') return null;
  const { content } = message;
  if (typeof content !== 'string' && content.some(({ type }) => type !== 'text')) return null;
  return callText(message);
}
