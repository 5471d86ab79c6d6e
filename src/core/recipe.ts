/**
 * What is still to be built when an attempt begins: scripts run there, on an instance that has the workspace. Everything else
 * (texts, templates, data files) was read at acceptance and travels along, so that an edited file changes no accepted job.
 */
import type { Json, JsonObject } from './json.ts';
import type { Message } from './messages.ts';

/** A script, as a job links to it. */
export interface ScriptCall {
  /** Relative to the workspace: `prompts/make.py`. */
  readonly script: string;
  readonly args: Json;
  /** The same source and inputs always print the same: then it may be the same work as another job's. */
  readonly pure: boolean;
  /** SHA-256 (hex) of the script at acceptance. A pure script that has changed since is refused at the attempt. */
  readonly source_sha256: string;
  /** Declared by a pure script: files that it reads, with their SHA-256 (hex) at acceptance. */
  readonly inputs: readonly { readonly file: string; readonly sha256: string }[];
}

/** The prompt of a job with a script in it; stored as the body of its prompt, where others have their messages. */
export type PromptRecipe =
  /** The script prints the prompt, or `{"messages": […]}`. */
  | { readonly kind: 'script'; readonly script: ScriptCall }
  /** Templates whose variables are partly there and partly made by scripts. */
  | {
      readonly kind: 'template';
      /** The parts of one message of the user (`prepend`, `base`, `append`), or messages. Attachments are read already. */
      readonly template: readonly string[] | readonly Message[];
      readonly values: JsonObject;
      readonly scripts: Readonly<Record<string, ScriptCall>>;
    };

/** What is stored as a prompt: the messages where they were built at acceptance, else how they are made. */
export function readPrompt(body: string): {
  readonly messages: readonly Message[];
  readonly recipe: PromptRecipe | null;
} {
  const value = JSON.parse(body) as readonly Message[] | PromptRecipe;
  return Array.isArray(value)
    ? { messages: value as readonly Message[], recipe: null }
    : { messages: [], recipe: value as PromptRecipe };
}

/** A job as scripts and AI packages get it, where they need it: what was given, under the name that it has. */
export interface JobAsGiven {
  readonly name: string;
  readonly run: number;
  readonly batch: string | null;
  readonly key: string | null;
  readonly metadata: Json;
  readonly type: string;
  readonly prompt: Json;
  readonly configuration: Json;
}
