/**
 * A job as its writer gives it, checked and brought into one form: the prompt, who is asked, how it is run. Everything
 * that is wrong with it is said at once, each with where it stands, what was expected, what was got and what to do.
 */
import type { z } from 'zod';
import { anyOf, describe } from './describe.ts';
import type { Fault } from './errors.ts';
import { checkConfiguration, type CheckedConfiguration } from './job-configuration.ts';
import { JobFaults } from './job-faults.ts';
import type { KnownEndpoints } from './job-model.ts';
import { WHOLE } from './job-path.ts';
import { checkPrompt, type CheckedPrompt } from './job-prompt.ts';
import {
  ifExistsSchema,
  jobSchema,
  keySchema,
  nameSchema,
  optionsSchema,
  parseTime,
  type OptionsIn,
} from './job-schema.ts';
import { parseDuration } from './durations.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { LIMITS } from './limits.ts';
import type { JobType, RunOptions } from './rows.ts';

export { jobJsonSchema, jobSchema } from './job-schema.ts';
export type { KnownEndpoints } from './job-model.ts';
export type { AttachmentSource, CheckedMessage, CheckedPart } from './job-parts.ts';
export { checkPrintedMessages } from './job-prompt.ts';
export type { CheckedPrompt, DataSource, PromptData, RowChoice, RowFormat } from './job-prompt.ts';
export type { ScriptLink } from './job-script.ts';

export interface CheckedJob extends CheckedConfiguration {
  readonly name: string | null;
  readonly batch: string | null;
  readonly key: string | null;
  readonly metadata: Json | undefined;
  readonly type: JobType;
  readonly if_exists: 'same' | 'new_run';
  readonly prompt: CheckedPrompt;
  readonly options: RunOptions;
  /** The job as given, as far as it determines the answer: what is stored as its specification. */
  readonly spec: JsonObject;
}

export type CheckedOrFaults =
  | { readonly ok: true; readonly job: CheckedJob }
  | { readonly ok: false; readonly faults: readonly Fault[] };

const KEYS = Object.keys(jobSchema.shape);
const KEY_SET: ReadonlySet<string> = new Set([...KEYS, '$schema']);
/** Keys that belong one level down: the commonest slip of the hand. */
const BELONGS: Readonly<Record<string, readonly string[]>> = {
  configuration: ['LLM_name', 'model', 'temperature', 'seed', 'max_tokens', 'top_p', 'stop', 'sample'],
  options: ['priority', 'timeout', 'max_attempts', 'run_at', 'tags'],
  prompt: ['messages', 'base', 'prepend', 'append', 'data'],
};

export function checkJob(value: unknown, context: KnownEndpoints): CheckedOrFaults {
  const faults = new JobFaults();
  if (!isJsonObject(value)) {
    faults.add('InvalidJob', WHOLE, 'an object with "prompt" and "configuration"', describe(value));
    return { ok: false, faults: faults.list };
  }
  for (const key of Object.keys(value)) if (!KEY_SET.has(key)) refuseKey(key, faults);
  const name = optional(nameSchema, value, 'name', faults);
  const batch = optional(nameSchema, value, 'batch', faults);
  const key = optional(keySchema, value, 'key', faults);
  const if_exists = optional(ifExistsSchema, value, 'if_exists', faults);
  checkMetadata(value['metadata'], faults);
  const type = checkType(value['type'], faults);
  const prompt = checkPrompt(value['prompt'], faults);
  const configuration = checkConfiguration(value['configuration'], type, context, faults);
  const options = checkOptions(value['options'], faults);
  if (
    faults.list.length > 0 ||
    prompt === null ||
    configuration === null ||
    options === null ||
    type === null
  ) {
    return { ok: false, faults: faults.list };
  }
  const job: CheckedJob = {
    ...configuration,
    name: name ?? null,
    batch: batch ?? null,
    key: key == null ? null : String(key),
    metadata: value['metadata'],
    type,
    if_exists: if_exists ?? 'same',
    prompt,
    options,
    spec: { type, prompt: value['prompt'] as Json, configuration: value['configuration'] as Json },
  };
  return { ok: true, job };
}

/** Options of a job, checked and completed by the defaults; null after adding what is wrong. */
function checkOptions(value: unknown, faults: JobFaults): RunOptions | null {
  if (value === undefined || value === null) return DEFAULT_OPTIONS;
  if (!isJsonObject(value)) {
    faults.add('InvalidJob', 'options', 'an object', describe(value));
    return null;
  }
  const given = faults.check(optionsSchema, value, 'options');
  return given === undefined ? null : completeOptions(given);
}

export const DEFAULT_OPTIONS: RunOptions = {
  priority: 0,
  attempt_timeout_ms: LIMITS.attempt_timeout_ms,
  first_token_timeout_ms: LIMITS.first_token_timeout_ms,
  stall_timeout_ms: LIMITS.stall_timeout_ms,
  max_attempts: LIMITS.max_attempts,
  run_at: null,
  tags: [],
};

function completeOptions(given: OptionsIn): RunOptions {
  const duration = (value: string | number | null | undefined, otherwise: number): number =>
    value == null ? otherwise : (parseDuration(value) ?? otherwise);
  return {
    priority: given.priority ?? DEFAULT_OPTIONS.priority,
    attempt_timeout_ms: duration(given.timeout, DEFAULT_OPTIONS.attempt_timeout_ms),
    first_token_timeout_ms: duration(given.first_token_timeout, DEFAULT_OPTIONS.first_token_timeout_ms),
    stall_timeout_ms: duration(given.stall_timeout, DEFAULT_OPTIONS.stall_timeout_ms),
    max_attempts: given.max_attempts ?? DEFAULT_OPTIONS.max_attempts,
    run_at: given.run_at == null ? null : parseTime(given.run_at),
    tags: given.tags ?? DEFAULT_OPTIONS.tags,
  };
}

function refuseKey(key: string, faults: JobFaults): void {
  const home = Object.keys(BELONGS).find((candidate) => BELONGS[candidate]?.includes(key));
  if (home === undefined) return faults.unknownKey(WHOLE, key, KEYS);
  return faults.add('InvalidJob', key, anyOf(KEYS), describe(key), `It belongs in "${home}".`);
}

function optional<Schema extends z.ZodType>(
  schema: Schema,
  job: JsonObject,
  key: string,
  faults: JobFaults,
): z.infer<Schema> | undefined {
  const value = job[key];
  return value === undefined || value === null ? undefined : faults.check(schema, value, key);
}

function checkType(value: unknown, faults: JobFaults): JobType | null {
  if (value === undefined || value === null) return 'llm';
  if (value === 'llm' || value === 'command') return value;
  faults.add('UnknownType', 'type', '"llm" or "command"', describe(value));
  return null;
}

function checkMetadata(value: unknown, faults: JobFaults): void {
  if (value === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > LIMITS.metadata_bytes_max) {
    faults.add(
      'InvalidJob',
      'metadata',
      `at most ${LIMITS.metadata_bytes_max} bytes`,
      `${bytes} bytes`,
      'Keep large data in a file under data/ and name it here.',
    );
  }
}
