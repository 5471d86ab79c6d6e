/**
 * What makes two jobs the same work: what is sent, and nothing else. The request is canonical JSON of it, the digest its
 * hash. Only what was set stands in it: a default of ours that changes must not make old answers strangers.
 */
import { hash } from 'node:crypto';
import { canonicalJson, type Json, type JsonObject, isJsonObject } from './json.ts';
import type { ScriptCall } from './recipe.ts';
import type { JobType } from './rows.ts';

/** The version of this scheme, in front of every digest. */
const SCHEME = '1';

/** What is sent, as far as it is known at acceptance. Absent keys were not set. */
export interface JobRequest {
  readonly type: JobType;
  readonly endpoint: string;
  readonly model: string;
  /** SHA-256 (hex) of canonical JSON of the messages, or of the recipe for them. */
  readonly prompt: string;
  /** The script that prints the command. */
  readonly command?: ScriptCall;
  /** The command of a job of type `command`. */
  readonly argv?: readonly string[];
  /** SHA-256 (hex) of the program that stands first in it, where that is a file of the workspace. */
  readonly program_sha256?: string;
  /**
   * Set where a script that is not pure, or a program of the workspace, has a part in what is sent: the same work only as this job itself, by its name, or
   * by its batch and key where it is named after its digest; '' where it has neither.
   */
  readonly only_for?: string;
  /** Words of the vocabulary, but the schema of the answer. */
  readonly parameters?: JsonObject;
  /** As JSON text: canonical JSON sorts keys, and models write their answers in the order of the schema's. */
  readonly response_schema?: string;
  readonly extra?: JsonObject;
  /** By kind of endpoint; only the drawer that this endpoint opens. */
  readonly drawers?: JsonObject;
  readonly sample?: number | string;
  /** Set by a deliberate fresh draw, so that it is the same work as no other but those that share the word. */
  readonly fresh?: string;
}

/** What of a checked job goes into its request. */
export interface RequestParts {
  readonly type: JobType;
  readonly endpoint: string;
  readonly model: string;
  readonly parameters: JsonObject;
  readonly extra: JsonObject;
  readonly drawers: JsonObject;
  readonly sample: number | string | null;
  readonly argv: readonly string[] | null;
}

/** A request with what was not set filled in empty, and the schema a parameter again: what an order to an instance is made of. */
export interface ReadRequest extends Required<
  Pick<JobRequest, 'type' | 'endpoint' | 'model' | 'prompt' | 'parameters' | 'extra' | 'drawers'>
> {
  readonly command: ScriptCall | null;
  readonly argv: readonly string[] | null;
  readonly program_sha256: string | null;
  readonly only_for: string | null;
  readonly sample: number | string | null;
  readonly fresh: string | null;
}

export interface RequestContext {
  /** SHA-256 (hex) of canonical JSON of the messages. */
  readonly prompt_sha256: string;
  /** Kind of the endpoint: other platforms' drawers are not sent, so they do not count. */
  readonly endpoint_kind: string;
  readonly command?: ScriptCall | null;
  readonly program_sha256?: string | null;
  readonly only_for?: string | null;
  readonly fresh?: string | null;
}

export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

export function sha256Bytes(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

export function requestOf(job: RequestParts, context: RequestContext): JobRequest {
  const drawer = job.drawers[context.endpoint_kind];
  const { response_schema, ...given } = job.parameters;
  const parameters = withSeedOfDraw(given, job.sample);
  return {
    type: job.type,
    endpoint: job.endpoint,
    model: job.model,
    prompt: context.prompt_sha256,
    ...(context.command == null ? {} : { command: context.command }),
    ...(job.argv === null ? {} : { argv: job.argv }),
    ...(context.program_sha256 == null ? {} : { program_sha256: context.program_sha256 }),
    ...(context.only_for == null ? {} : { only_for: context.only_for }),
    ...(isEmpty(parameters) ? {} : { parameters }),
    ...(response_schema === undefined ? {} : { response_schema: JSON.stringify(response_schema) }),
    ...(isEmpty(job.extra) ? {} : { extra: job.extra }),
    ...(drawer === undefined || (isJsonObject(drawer) && isEmpty(drawer))
      ? {}
      : { drawers: { [context.endpoint_kind]: drawer } }),

    ...(job.sample === null ? {} : { sample: job.sample }),
    ...(context.fresh === undefined || context.fresh === null ? {} : { fresh: context.fresh }),
  };
}

/** Draw k of a job with a seed is sent seed + k, so that draws differ where platforms keep the promise of a seed. */
function withSeedOfDraw(parameters: JsonObject, sample: number | string | null): JsonObject {
  const { seed } = parameters;
  if (typeof seed !== 'number' || typeof sample !== 'number') return parameters;
  return { ...parameters, seed: seed + sample };
}

/** The parameters of a request as the job gave them: the seed without the number of the draw. */
export function parametersGiven({ parameters, sample }: ReadRequest): JsonObject {
  return withSeedOfDraw(parameters, typeof sample === 'number' ? -sample : null);
}

/** Whether what a seed and a sample make together is a number that every platform reads as it was written. */
export function isSeedOfDraw(seed: Json | undefined, sample: number | string | null): boolean {
  return typeof seed !== 'number' || typeof sample !== 'number' || Number.isSafeInteger(seed + sample);
}

/** `1:` and the SHA-256 (hex) of the request's canonical JSON, which may be given as text already. */
export function digestOf(request: JobRequest | string): string {
  return `${SCHEME}:${sha256(typeof request === 'string' ? request : canonicalRequest(request))}`;
}

/** The text that is stored and hashed. */
export function canonicalRequest(request: JobRequest): string {
  return canonicalJson(request as unknown as JsonObject);
}

/** The hexadecimal part of a digest, which names are made of. */
export function digestHex(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The inverse of {@link canonicalRequest}. Throws a SyntaxError where the text is no request: it was stored by us. */
export function readRequest(request: string): ReadRequest {
  const read = JSON.parse(request) as JobRequest;
  const {
    sample = null,
    fresh = null,
    command = null,
    argv = null,
    program_sha256 = null,
    only_for = null,
    parameters = {},
    extra = {},
    drawers = {},
    response_schema,
    ...rest
  } = read;
  const schema =
    response_schema === undefined ? {} : { response_schema: JSON.parse(response_schema) as Json };
  const scripted = { command, argv, program_sha256, only_for };
  return { ...rest, ...scripted, parameters: { ...parameters, ...schema }, extra, drawers, sample, fresh };
}

/** The same request as a fresh draw of its own, for `rerun`: `word` is unique, or shared by those that may share the answer. */
export function freshRequest(request: string, word: string): string {
  return canonicalRequest({ ...(JSON.parse(request) as JobRequest), fresh: word });
}

/** Whether `drawn` is a fresh draw of exactly what `request` asks; both are canonical JSON. */
export function isFreshDrawOf(drawn: string, request: string): boolean {
  const { fresh, ...rest } = JSON.parse(drawn) as JobRequest;
  return fresh !== undefined && canonicalRequest(rest) === request;
}

function isEmpty(object: JsonObject): boolean {
  return Object.keys(object).length === 0;
}
