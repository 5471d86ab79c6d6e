/** What is particular to a platform that is spoken to by a language model of the AI SDK. Everything else is shared. */
import type { LanguageModelV4, SharedV4ProviderOptions } from '@ai-sdk/provider';
import type { EndpointKind } from '../core/endpoints.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { ProviderCall } from '../core/ports/provider.ts';
import type { TakenTypes } from './attachments.ts';

export interface ModelOptions {
  /** Without a slash at its end. */
  readonly base_url: string;
  readonly model: string;
  readonly fetch: typeof globalThis.fetch;
}

/** Where the platform says a count: paths into its own usage, the first that is there; none where it never says it. */
export type CountPlaces = readonly (readonly string[])[];

export interface Platform {
  readonly kind: EndpointKind;
  /** Loads the package with the first call. Making a model costs milliseconds, so models are kept. */
  load(): Promise<(options: ModelOptions) => LanguageModelV4>;
  /** The header that carries the key; `authorization` carries it as a bearer. */
  readonly key_header: 'authorization' | 'x-api-key' | 'x-goog-api-key';
  /** Headers of the library that leave with ours; no other does. */
  readonly library_headers: readonly string[];
  readonly body: BodyRules;
  /** What the library puts into this platform's words. */
  readonly attachments: TakenTypes;
  /**
   * What the library cannot say in its own terms: the fields of the body for a word of the vocabulary, or a sentence for
   * the result's warnings; null where the library says it.
   */
  readonly own: (name: string, value: Json) => JsonObject | string | null;
  /** Options of the library that have no place in a call of its language model. */
  options?(call: ProviderCall): SharedV4ProviderOptions;
  /** Sentences for what stands in the body other than the job has it, where the library says nothing of it. */
  altered?(call: ProviderCall, sent: JsonObject): readonly string[];
  /** Why a name can be no model here; null where it can. */
  refusesModel?(model: string): string | null;
  /** What one event of the answer says of the model that answers and of the tokens; the library keeps only what it knows. */
  readonly tells: (event: JsonObject) => {
    readonly model?: Json | undefined;
    readonly usage?: Json | undefined;
  };
  readonly counts: Readonly<Record<'input' | 'cached' | 'output' | 'reasoning', CountPlaces>>;
  readonly models: {
    /** Below the base_url. */
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    /** Null where that is no list of models. */
    readonly names: (list: JsonObject) => readonly string[] | null;
  };
}

/** How keys of a job find their place in the body that leaves. */
export interface BodyRules {
  /** What the prompt became: no parameters. */
  readonly prompt: readonly string[];
  /** What a call is made of: another value would give an answer that cannot be read, e.g. two mixed ones for `n: 2`. */
  readonly reserved: ReadonlySet<string>;
  /** Objects that are filled key by key, since the vocabulary may have filled a part of them. */
  readonly nested: ReadonlySet<string>;
  /** The object in which parameters stand, and what stands beside it; null where they stand at the top. */
  readonly inside: { readonly object: string; readonly beside: ReadonlySet<string> } | null;
}

/** What the library is given for a key: the real one is put on by the exchange, and only there. */
export const KEY_ELSEWHERE = 'the-exchange-has-it';

/** Words that neither the platform nor the library has; the library says of the others what becomes of them. */
export function unsaid(...words: readonly string[]): Platform['own'] {
  return (name) => (words.includes(name) ? `${name} is not supported here.` : null);
}
