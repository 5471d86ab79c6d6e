/** Checks the configuration of a job: who is asked, with which parameters; and that it carries no secret. */
import { describe } from './describe.ts';
import { checkArgv, refuseWord } from './job-command.ts';
import { isSeedOfDraw } from './identity.ts';
import { childPath } from './job-path.ts';
import type { JobFaults } from './job-faults.ts';
import { checkModel, type KnownEndpoints } from './job-model.ts';
import { parameterSchemas, sampleSchema } from './job-schema.ts';
import { checkScriptLink, checkScriptText, type ScriptLink } from './job-script.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import type { JobType } from './rows.ts';
import { isSecretKey, looksLikeAddress, looksLikeSecret } from './secrets.ts';
import { isConfigurationWord, isDrawer, isParameter, mistakeIn } from './vocabulary.ts';

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

/**
 * Texts to stop at and the words of a schema are about answers: they may speak of URLs and passwords. A command of the
 * user's own gets no key of ours, so it may go where it likes.
 */
const MAY_NAME_ADDRESSES: ReadonlySet<string> = new Set(['response_schema', 'stop', 'argv']);

/** `type` null: it is wrong, and what depends on it is not looked at. */
export function checkConfiguration(
  value: unknown,
  type: JobType | null,
  context: KnownEndpoints,
  faults: JobFaults,
): CheckedConfiguration | null {
  if (!isJsonObject(value)) {
    const least = type === 'command' ? 'argv' : 'LLM_name';
    faults.add('InvalidJob', 'configuration', `an object with at least "${least}"`, describe(value));
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
  const command = type === 'llm' ? checkCommand(value['command'], faults) : null;
  const argv = type === 'command' ? checkArgv(value['argv'], faults) : null;
  if (type !== null) refuseWord(type, value, faults);
  const sample =
    value['sample'] == null ? null : faults.check(sampleSchema, value['sample'], 'configuration.sample');
  if (sample !== undefined) checkSeedOfDraw(value['seed'], sample, faults);
  const ref = type === null ? null : checkModel(value, type, argv, context, faults);
  if (faults.list.length > before || ref === null || sample === undefined) return null;
  // fromEntries defines properties, so that no key can reach a prototype.
  return {
    ...ref,
    parameters: Object.fromEntries(parameters),
    extra: Object.fromEntries(extra),
    drawers: Object.fromEntries(drawers),
    sample,
    command,
    argv,
  };
}

/** Draw k is sent seed + k. */
function checkSeedOfDraw(seed: Json | undefined, sample: number | string | null, faults: JobFaults): void {
  if (isSeedOfDraw(seed, sample)) return;
  const expected = `a sample that the seed and it make at most ±${Number.MAX_SAFE_INTEGER} together`;
  faults.add(
    'InvalidJob',
    'configuration.sample',
    expected,
    describe(sample),
    'Draw k is sent seed + k: take a smaller seed.',
  );
}

function checkCommand(value: Json | undefined, faults: JobFaults): ScriptLink | null {
  const path = 'configuration.command';
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return checkScriptText(value, path, faults);
  if (isJsonObject(value)) return checkScriptLink(value, path, faults);
  faults.add(
    'InvalidJob',
    path,
    'the path of a script, such as "commands/call.py", or {"script": …}',
    describe(value),
  );
  return null;
}

/** Refuses keys that name secrets or addresses, and values that look like them, at any depth. True where it did. */
function refuseSecret(key: string, value: Json, path: string, faults: JobFaults): boolean {
  if (isSecretKey(key)) {
    faults.add('SecretInJob', path, NO_SECRETS, `a key named ${describe(key)}`, SECRET_HINT);
    return true;
  }
  return refuseSecretValue(value, path, faults, MAY_NAME_ADDRESSES.has(key));
}

function refuseSecretValue(
  value: Json | undefined,
  path: string,
  faults: JobFaults,
  addressesToo: boolean,
): boolean {
  if (typeof value === 'string') {
    const secret = looksLikeSecret(value);
    if (!secret && (addressesToo || !looksLikeAddress(value))) return false;
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
      if (refuseSecretValue(item, childPath(path, index), faults, addressesToo)) refused = true;
    }
    return refused;
  }
  for (const [key, item] of Object.entries(value as JsonObject)) {
    const at = childPath(path, key);
    if (addressesToo ? refuseSecretValue(item, at, faults, true) : refuseSecret(key, item, at, faults))
      refused = true;
  }
  return refused;
}
