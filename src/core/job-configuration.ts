/** Checks the configuration of a job: who is asked, with which parameters; and that it carries no secret. */
import { describe } from './describe.ts';
import { ENDPOINT_KINDS, resolveModel, type ModelRef } from './endpoints.ts';
import { childPath } from './job-path.ts';
import type { JobFaults } from './job-faults.ts';
import { MODEL_EXPECTED, modelSchema, parameterSchemas, sampleSchema } from './job-schema.ts';
import type { ScriptLink } from './job-prompt.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { isSecretKey, looksLikeAddress, looksLikeSecret } from './secrets.ts';
import { DRAWERS, isConfigurationWord, isDrawer, isParameter, mistakeIn, nearest } from './vocabulary.ts';

/** The endpoints that a server knows: what decides between a known model and UnknownEndpoint. */
export interface KnownEndpoints {
  readonly endpoints: ReadonlySet<string>;
  readonly default_endpoint: string | null;
}

export interface CheckedConfiguration {
  readonly endpoint: string;
  readonly model: string;
  /** Words of the vocabulary that were set. A single `stop` is a list of one. */
  readonly parameters: JsonObject;
  /** Other parameters, under their own names. */
  readonly extra: JsonObject;
  /** Words of one platform alone, by kind of endpoint. */
  readonly drawers: JsonObject;
  readonly sample: number | string | null;
  /** The script that prints the command to run; null where there is none. */
  readonly command: ScriptLink | null;
  /** The command of a job of type `command`; null elsewhere. */
  readonly argv: readonly string[] | null;
}

const NO_SECRETS = 'no secret and no address: a job names an endpoint';
const SECRET_HINT =
  'Keys and URLs stand in promptd.config.json, under "endpoints": "api_key_env", "base_url".';

export function checkConfiguration(
  value: unknown,
  context: KnownEndpoints,
  faults: JobFaults,
): CheckedConfiguration | null {
  if (!isJsonObject(value)) {
    faults.add('InvalidJob', 'configuration', 'an object with at least "LLM_name"', describe(value));
    return null;
  }
  const before = faults.list.length;
  const parameters: [string, Json][] = [];
  const extra: [string, Json][] = [];
  const drawers: [string, Json][] = [];
  for (const key of Object.keys(value)) {
    const item = value[key] as Json;
    const path = childPath('configuration', key);
    if (refuseSecret(key, item, path, faults)) continue;
    if (isParameter(key)) {
      if (item === null) continue;
      faults.check(parameterSchemas[key], item, path);
      parameters.push([key, key === 'stop' && typeof item === 'string' ? [item] : item]);
    } else if (isDrawer(key)) {
      if (item === null) continue;
      if (isJsonObject(item)) drawers.push([key, item]);
      else faults.add('InvalidJob', path, "an object with that platform's own words", describe(item));
    } else if (!isConfigurationWord(key)) {
      const hint = mistakeIn(key);
      if (hint === null) extra.push([key, item]);
      else faults.add('UnknownParameter', path, 'a known parameter', describe(key), hint);
    }
  }
  for (const key of ['command', 'argv']) {
    if (Object.hasOwn(value, key))
      faults.notYet(`configuration.${key}`, key === 'argv' ? 'a command' : 'a command generation script');
  }
  const sample =
    value['sample'] == null ? null : faults.check(sampleSchema, value['sample'], 'configuration.sample');
  const ref = checkModel(value, context, faults);
  if (faults.list.length > before || ref === null || sample === undefined) return null;
  // fromEntries defines properties, so that no key can reach a prototype.
  return {
    ...ref,
    parameters: Object.fromEntries(parameters),
    extra: Object.fromEntries(extra),
    drawers: Object.fromEntries(drawers),
    sample,
    command: null,
    argv: null,
  };
}

function checkModel(configuration: JsonObject, context: KnownEndpoints, faults: JobFaults): ModelRef | null {
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

/** Refuses keys that name secrets or addresses, and values that look like them, at any depth. True where it did. */
function refuseSecret(key: string, value: Json, path: string, faults: JobFaults): boolean {
  if (isSecretKey(key)) {
    faults.add('SecretInJob', path, NO_SECRETS, `a key named ${describe(key)}`, SECRET_HINT);
    return true;
  }
  // Texts to stop at and the words of a schema are about answers: they may speak of URLs and passwords.
  const aboutAnswers = key === 'response_schema' || key === 'stop';
  return refuseSecretValue(value, path, faults, aboutAnswers);
}

function refuseSecretValue(
  value: Json | undefined,
  path: string,
  faults: JobFaults,
  aboutAnswers: boolean,
): boolean {
  if (typeof value === 'string') {
    const secret = looksLikeSecret(value);
    if (!secret && (aboutAnswers || !looksLikeAddress(value))) return false;
    faults.add(
      'SecretInJob',
      path,
      NO_SECRETS,
      secret ? 'a text that looks like a key' : 'a URL',
      SECRET_HINT,
    );
    return true;
  }
  if (typeof value !== 'object' || value === null) return false;
  let refused = false;
  if (Array.isArray(value)) {
    for (const [index, item] of (value as readonly Json[]).entries()) {
      if (refuseSecretValue(item, childPath(path, index), faults, aboutAnswers)) refused = true;
    }
    return refused;
  }
  for (const [key, item] of Object.entries(value as JsonObject)) {
    const at = childPath(path, key);
    if (aboutAnswers ? refuseSecretValue(item, at, faults, true) : refuseSecret(key, item, at, faults))
      refused = true;
  }
  return refused;
}
