/** Who is asked: the endpoint and the model that a configuration names. */
import { anyOf, describe } from './describe.ts';
import { ENDPOINT_KINDS, type EndpointKind, resolveModel, type ModelRef } from './endpoints.ts';
import type { JobFaults } from './job-faults.ts';
import { MODEL_EXPECTED, modelSchema } from './job-schema.ts';
import type { JsonObject } from './json.ts';
import type { JobType } from './rows.ts';
import { looksLikeAddress, looksLikeSecret } from './secrets.ts';
import { DRAWERS, nearest } from './vocabulary.ts';

/** The endpoints that a server knows: what decides between a known model and UnknownEndpoint. */
export interface KnownEndpoints {
  readonly endpoints: ReadonlySet<string>;
  readonly default_endpoint: string | null;
  /** Of what kind they are; what a kind forbids is not looked at where it is not known. */
  readonly kinds?: ReadonlyMap<string, EndpointKind>;
}

/** `argv`: the command of a job of type `command`, checked; null elsewhere, and where it is wrong. */
export function checkModel(
  configuration: JsonObject,
  type: JobType,
  argv: readonly string[] | null,
  context: KnownEndpoints,
  faults: JobFaults,
): ModelRef | null {
  if (type === 'command') {
    const found = checkCommandEndpoint(configuration, argv, context, faults);
    if (found !== 'as_named') return found;
  }
  const ref = checkNamed(configuration, context, faults);
  return ref === null || refuseCommandEndpoint(type, ref, context, faults) ? null : ref;
}

function checkNamed(configuration: JsonObject, context: KnownEndpoints, faults: JobFaults): ModelRef | null {
  const key = Object.hasOwn(configuration, 'LLM_name') ? 'LLM_name' : 'model';
  if (key === 'LLM_name' && Object.hasOwn(configuration, 'model')) {
    faults.add(
      'InvalidJob',
      'configuration.model',
      'either LLM_name or model',
      'both',
      'Leave one out; they mean the same.',
    );
    return null;
  }
  const path = Object.hasOwn(configuration, key) ? `configuration.${key}` : 'configuration.LLM_name';
  const given = configuration[key];
  // Refused as a secret already, where it looks like one.
  if (typeof given === 'string' && (looksLikeSecret(given) || looksLikeAddress(given))) return null;
  const text = faults.check(modelSchema, given, path);
  if (text === undefined) return null;
  const ref = resolveModel(text, context.endpoints, context.default_endpoint);
  const stranger = strangerIn(text, context.endpoints);
  if (ref === null || stranger !== null) {
    const known = [...context.endpoints].toSorted();
    const list = known.length === 0 ? 'none is configured' : `known: ${known.join(', ')}`;
    const meant = nearest(stranger ?? text, known);
    const hint =
      meant === null
        ? 'Endpoints are named in promptd.config.json, under "endpoints".'
        : `Did you mean ${meant}?`;
    faults.add(
      'UnknownEndpoint',
      path,
      `endpoint:model with a known endpoint (${list})`,
      describe(text),
      hint,
    );
    return null;
  }
  if (ref.model.trim() === '') {
    faults.add('InvalidJob', path, MODEL_EXPECTED, describe(text), 'The model stands behind the colon.');
    return null;
  }
  return ref;
}

const PLATFORMS: ReadonlySet<string> = new Set([
  ...ENDPOINT_KINDS,
  ...DRAWERS,
  'vllm',
  'gemini',
  'mistral',
  'openrouter',
]);

/**
 * What stands before the first colon where it can only mean an endpoint, and none of that name is known: the name of a
 * platform, or anything before a model that has a tag of its own. `llama3.2:3b` alone is a model of the default endpoint.
 */
function strangerIn(text: string, endpoints: ReadonlySet<string>): string | null {
  const colon = text.indexOf(':');
  if (colon <= 0) return null;
  const first = text.slice(0, colon);
  if (endpoints.has(first)) return null;
  const second = text.indexOf(':', colon + 1) !== -1 && !text.includes('/');
  return second || PLATFORMS.has(first) ? first : null;
}

const DECLARE = 'Declare one in promptd.config.json, under "endpoints": "shell": {"kind": "command"}.';

/**
 * Where a command is run that names no endpoint, or an endpoint alone: the model is then the program's base name.
 * `as_named`: it names an endpoint and a model, like every other job.
 */
function checkCommandEndpoint(
  configuration: JsonObject,
  argv: readonly string[] | null,
  context: KnownEndpoints,
  faults: JobFaults,
): ModelRef | 'as_named' | null {
  const given = configuration['LLM_name'] ?? configuration['model'] ?? null;
  const known = commandEndpoints(context);
  const model = baseName(argv?.[0] ?? '');
  if (typeof given === 'string' && known.includes(given)) return { endpoint: given, model };
  if (given !== null) return 'as_named';
  const [endpoint] = known;
  if (endpoint !== undefined && known.length === 1) return { endpoint, model };
  faults.add(
    'UnknownEndpoint',
    'configuration.LLM_name',
    'an endpoint of kind "command"',
    known.length === 0 ? 'none that is known' : `nothing, and there are ${anyOf(known, 'and')}`,
    known.length === 0 ? DECLARE : 'Name one of them.',
  );
  return null;
}

/** Commands run at endpoints of their own kind, and nothing else does. True after adding what is wrong. */
function refuseCommandEndpoint(
  type: JobType,
  { endpoint }: ModelRef,
  context: KnownEndpoints,
  faults: JobFaults,
): boolean {
  const kind = context.kinds?.get(endpoint);
  if (kind === undefined || (kind === 'command') === (type === 'command')) return false;
  const known = commandEndpoints(context);
  const got = `the endpoint ${describe(endpoint)}, of kind "${kind}"`;
  if (type === 'command') {
    const hint = known.length === 0 ? DECLARE : `Name ${anyOf(known)}, or leave it out.`;
    faults.add('InvalidJob', 'configuration.LLM_name', 'an endpoint of kind "command"', got, hint);
  } else {
    const hint = 'To run a program there, say "type": "command" and give "argv".';
    faults.add('InvalidJob', 'configuration.LLM_name', 'an endpoint that is asked for a model', got, hint);
  }
  return true;
}

function commandEndpoints({ kinds }: KnownEndpoints): string[] {
  return [...(kinds ?? [])].flatMap(([name, kind]) => (kind === 'command' ? [name] : [])).toSorted();
}

function baseName(program: string): string {
  return program.slice(program.lastIndexOf('/') + 1);
}
