/** What makes two jobs different work: the fields in which they differ, as paths into the job. */
import { parametersGiven, type ReadRequest, readRequest } from './identity.ts';
import { childPath } from './job-path.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from './json.ts';

/** A job as it is stored: canonical JSON, all of it. */
export interface Work {
  readonly request: string;
  /** The job as given: `{type, prompt, configuration}`. */
  readonly spec: string;
  /** The built prompt, or the recipe for it; where it is not known, data that differ are named without their values. */
  readonly prompt?: string;
}

export interface Difference {
  /** `prompt.base`, `configuration.temperature`. */
  readonly path: string;
  /** What each has there; null where it has nothing. */
  readonly a: Json;
  readonly b: Json;
}

/**
 * Empty where the requests are equal. A prompt whose text is the same but whose data changed is `prompt.data`; `fresh` is a
 * fresh draw, and `name` stands where a script that is not pure makes the job the same work only as itself.
 */
export function differences(work_a: Work, work_b: Work): Difference[] {
  if (work_a.request === work_b.request) return [];
  const [a, b] = [readRequest(work_a.request), readRequest(work_b.request)];
  return [
    ...within(a.type, b.type, 'type', 0),
    ...(a.prompt === b.prompt ? [] : inPrompt(work_a, work_b)),
    ...within(a.command as Json, b.command as Json, 'configuration.command', 0),
    ...inArgv(a, b),
    ...within(modelOf(a), modelOf(b), 'configuration.LLM_name', 0),
    ...inParameters(a, b),
    ...within(a.extra, b.extra, 'configuration', 1),
    ...within(a.drawers, b.drawers, 'configuration', 2),
    ...within(a.sample, b.sample, 'configuration.sample', 0),
    ...within(a.fresh, b.fresh, 'fresh', 0),
    ...within(a.only_for, b.only_for, 'name', 0),
  ];
}

/** The paths alone. Requests and specifications are canonical JSON, as stored. */
export function differing(request_a: string, request_b: string, spec_a: string, spec_b: string): string[] {
  const found = differences({ request: request_a, spec: spec_a }, { request: request_b, spec: spec_b });
  return found.map(({ path }) => path);
}

function modelOf({ endpoint, model }: ReadRequest): string {
  return `${endpoint}:${model}`;
}

/** Where the words are the same, the program that they name may have been edited. */
function inArgv(a: ReadRequest, b: ReadRequest): Difference[] {
  const given = within(a.argv, b.argv, 'configuration.argv', 0);
  return given.length > 0 ? given : within(programOf(a), programOf(b), 'configuration.argv', 0);
}

function programOf({ argv, program_sha256 }: ReadRequest): Json {
  return program_sha256 === null ? null : { program: argv?.[0] ?? null, source_sha256: program_sha256 };
}

function inPrompt(a: Work, b: Work): Difference[] {
  const given = within(promptGiven(a), promptGiven(b), 'prompt', 2);
  if (given.length > 0) return given;
  // The text is the same, so its data are not: files that were edited, or scripts.
  const [builtA, builtB] = a.prompt === undefined || b.prompt === undefined ? ['', ''] : [a.prompt, b.prompt];
  const [partA, partB] = aroundFirst(builtA, builtB);
  return [{ path: 'prompt.data', a: partA, b: partB }];
}

function promptGiven({ spec }: Work): Json | undefined {
  return (JSON.parse(spec) as JsonObject)['prompt'];
}

const SCHEMA_PATH = 'configuration.response_schema';

function inParameters(a: ReadRequest, b: ReadRequest): Difference[] {
  const found = within(parametersGiven(a), parametersGiven(b), 'configuration', 1);
  const [schemaA, schemaB] = [schemaOf(a), schemaOf(b)];
  // Schemas that differ in the order of their keys alone are other work, too: models answer in that order.
  if (found.some(({ path }) => path === SCHEMA_PATH) || JSON.stringify(schemaA) === JSON.stringify(schemaB))
    return found;
  return [...found, { path: SCHEMA_PATH, a: schemaA, b: schemaB }];
}

function schemaOf(request: ReadRequest): Json {
  return request.parameters['response_schema'] ?? null;
}

/** The values that differ, going `depth` objects down; lists are compared as a whole. */
function within(a: Json | undefined, b: Json | undefined, path: string, depth: number): Difference[] {
  if (canonicalJson(a) === canonicalJson(b) && (a === undefined) === (b === undefined)) return [];
  if (depth === 0 || !isJsonObject(a) || !isJsonObject(b)) return [{ path, a: a ?? null, b: b ?? null }];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.flatMap((key) => within(own(a, key), own(b, key), childPath(path, key), depth - 1));
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

const AROUND = 30;

/** A little of both texts, where they begin to differ. */
function aroundFirst(a: string, b: string): [string, string] {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const from = Math.max(0, at - AROUND);
  return [a.slice(from, at + 2 * AROUND), b.slice(from, at + 2 * AROUND)];
}
