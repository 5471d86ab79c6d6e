/** Endpoints as the configuration names them. A job never carries a URL or a key: it names one of these. */
import type { JsonObject } from './json.ts';

export const ENDPOINT_KINDS = [
  'simulator',
  'ollama',
  'openai-compatible',
  'openai',
  'anthropic',
  'google',
  'mistral',
  'ai-package',
  'command',
] as const;
export type EndpointKind = (typeof ENDPOINT_KINDS)[number];

/** Kinds that are given the whole job, not only what a model is sent. */
export const SHOWN_JOBS: ReadonlySet<EndpointKind> = new Set(['ai-package', 'command']);

/** Kinds without a server of their own. */
export const SERVERLESS: ReadonlySet<EndpointKind> = new Set(['simulator', 'ai-package', 'command']);

/** Where the vendors serve their models, for endpoints that name no server; from their API references. */
export const VENDOR_URLS: Readonly<Partial<Record<EndpointKind, string>>> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
  mistral: 'https://api.mistral.ai/v1',
};

/** Where attempts run: in the process of their instance, or each in a child of its own. */
export const ISOLATIONS = ['inline', 'process'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

export interface EndpointConfig {
  readonly name: string;
  readonly kind: EndpointKind;
  /** One or more servers that serve the same models; requests go to them in turn. */
  readonly base_urls: readonly string[];
  /** Name of the environment variable that holds the key. */
  readonly api_key_env: string | null;
  /** A file of mode 0600 that holds the key, read again whenever a held endpoint is probed. */
  readonly api_key_file: string | null;
  readonly max_concurrent: number;
  /** Stay with a loaded model while it has work. */
  readonly sticky_models: boolean;
  /** Settings of one kind alone, e.g. `tokens_per_second` of the simulator. */
  readonly settings: JsonObject;
  /** Absent: as the instance has it. */
  readonly isolation?: Isolation;
}

export interface ModelRef {
  readonly endpoint: string;
  readonly model: string;
}

/**
 * Splits `endpoint:model` at the first colon if what stands before it is a known endpoint; else the whole text is a model
 * of the default endpoint (`llama3.2:3b` has a colon of its own). Null where there is no default endpoint.
 */
export function resolveModel(
  text: string,
  endpoints: ReadonlySet<string>,
  defaultEndpoint: string | null,
): ModelRef | null {
  const colon = text.indexOf(':');
  if (colon > 0 && endpoints.has(text.slice(0, colon))) {
    return { endpoint: text.slice(0, colon), model: text.slice(colon + 1) };
  }
  return defaultEndpoint === null ? null : { endpoint: defaultEndpoint, model: text };
}
