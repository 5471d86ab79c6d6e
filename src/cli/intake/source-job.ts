/** A job on its way from a file to the server, which remembers where each part of it stands. */
import type { JobIn } from '../../client/job-in.ts';
import type { Fault } from '../../core/errors.ts';
import type { Json, JsonObject } from '../../core/json.ts';

export interface SourceJob {
  /** As it will be sent; what is wrong with it is not known yet. */
  readonly job: JobIn;
  /** The file as the user named it, or `stdin`. */
  readonly file: string;
  /** Gives a fault of this job the line and column of the file, and the path under which the file has it. */
  place(fault: Fault): Fault;
}

/** What is wrong with one file; shown as `file:line:column: path: expected …, got …`. */
export interface FileFault {
  readonly file: string;
  readonly fault: Fault;
}

export interface Intake {
  readonly jobs: readonly SourceJob[];
  readonly faults: readonly FileFault[];
  /** How many files were read. */
  readonly files: number;
}

/** What the options of a submission say about every job of it. A job's own words win, but for the batch. */
export interface JobDefaults {
  readonly batch?: string;
  readonly key?: string;
  readonly name?: string;
  /** The model of jobs that name none. */
  readonly model?: string;
  readonly options: JsonObject;
  readonly tags: readonly string[];
}

/** The job as it is sent: the file's own value, and over it what the command line says. */
export function withDefaults(
  value: JsonObject,
  defaults: JobDefaults,
  own: { readonly name?: string; readonly batch?: string },
): JobIn {
  const { $schema: _schema, ...rest } = value;
  const batch = defaults.batch ?? text(value['batch']) ?? own.batch;
  const name = text(value['name']) ?? defaults.name ?? own.name;
  const given: Record<string, Json> = { ...rest };
  if (name !== undefined && value['name'] === undefined) given['name'] = name;
  if (batch !== undefined) given['batch'] = batch;
  if (defaults.key !== undefined) given['key'] = defaults.key;
  const configuration = configurationOf(value['configuration'], defaults);
  if (configuration !== undefined) given['configuration'] = configuration;
  const options = optionsOf(value['options'], defaults);
  if (options !== undefined) given['options'] = options;
  return given as unknown as JobIn;
}

function configurationOf(value: Json | undefined, defaults: JobDefaults): Json | undefined {
  if (value !== undefined && !isPlain(value)) return value;
  const given: Record<string, Json> = { ...value };
  if (defaults.model !== undefined && given['LLM_name'] === undefined && given['model'] === undefined) {
    given['LLM_name'] = defaults.model;
  }
  return value === undefined && Object.keys(given).length === 0 ? undefined : given;
}

/** What is said on the command line is meant for this submission, so it wins over the file. */
function optionsOf(value: Json | undefined, defaults: JobDefaults): Json | undefined {
  if (value !== undefined && !isPlain(value)) return value;
  const given: Record<string, Json> = { ...value, ...defaults.options };
  if (defaults.tags.length > 0) {
    const own = Array.isArray(given['tags']) ? (given['tags'] as readonly Json[]) : [];
    given['tags'] = [...new Set([...own, ...defaults.tags])];
  }
  return value === undefined && Object.keys(given).length === 0 ? undefined : given;
}

function isPlain(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
