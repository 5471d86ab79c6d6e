/**
 * What every door does with a job before the queue hears of it: check it, build its prompt, say what makes it the same
 * work as another, and find its name.
 */
import { describe } from '../core/describe.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import type { Fault } from '../core/errors.ts';
import { canonicalRequest, digestHex, digestOf, requestOf, sha256 } from '../core/identity.ts';
import { checkJob, type CheckedJob, type KnownEndpoints } from '../core/job.ts';
import { linksToProgram } from '../core/job-command.ts';
import { canonicalJson, type Json } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { isName, jobFileName, NAME_EXPECTED, nameFromDigest, nameInBatch } from '../core/names.ts';
import type { AnswerChecker } from '../core/ports/answer-checker.ts';
import type { LinkReader } from '../core/ports/link-reader.ts';
import type { ScriptCall } from '../core/recipe.ts';
import { needsOf } from '../core/order-of.ts';
import type { JobSource } from '../core/rows.ts';
import type { PreparedJob } from '../core/submission.ts';
import { type Built, buildPrompt, type BuildTools, buildTools } from './build-prompt.ts';
import { NO_LINKS } from './link-faults.ts';
import { execOff, linksOverTcp } from './over-tcp.ts';
import { ResponseSchemas } from './response-schema.ts';
import { Templates } from './template.ts';

export interface PrepareOptions {
  readonly endpoints: ReadonlyMap<string, Pick<EndpointConfig, 'name' | 'kind'>>;
  readonly default_endpoint: string | null;
  /** Null where there is no workspace to read from. */
  readonly links: LinkReader | null;
  /** Says of a schema whether it is one; absent where an attempt says that at once. */
  readonly schemas?: AnswerChecker;
}

/** Where a job comes from. */
export interface PrepareFrom {
  readonly via: 'socket' | 'tcp' | 'folder';
  /** Over TCP: with an admin key. Who may write to the workspace needs none. */
  readonly admin?: boolean;
  /**
   * The file that it stands in already, by its name in `jobs/`, so that none is published for it; of a line of a batch file
   * also `<file>#<key>`.
   */
  readonly link?: string;
  /** What holds where the job says nothing itself. */
  readonly defaults?: { readonly name?: string; readonly batch?: string };
  /** A word that makes it a fresh draw: the same work only as jobs with the same word. */
  readonly fresh?: string;
}

export type Prepared =
  | { readonly ok: true; readonly job: PreparedJob; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export type Prepare = (value: unknown, from: PrepareFrom) => Promise<Prepared>;

/** A timeout below it was probably meant in seconds. */
const SHORT_TIMEOUT_MS = 1_000;

/** What is stored of a job besides what it says itself. */
interface Material {
  readonly built: Extract<Built, { readonly ok: true }>;
  readonly programs: CommandPrograms;
  /** Of its endpoint. */
  readonly kind: string;
}

/** The programs of a command as they stand in the workspace; null where there are none. */
interface CommandPrograms {
  /** The script that prints it. */
  readonly command: ScriptCall | null;
  /** SHA-256 (hex) of the program that it runs. */
  readonly program_sha256: string | null;
}

/** One for a server's life: it keeps parsed templates and, for a short while, parsed data files. */
export function createPrepare(options: PrepareOptions): Prepare {
  const kinds = new Map([...options.endpoints].map(([name, { kind }]) => [name, kind]));
  const endpoints = new Set(kinds.keys());
  const known: KnownEndpoints = { endpoints, default_endpoint: options.default_endpoint, kinds };
  const tools = buildTools(options.links ?? NO_LINKS, new Templates());
  const schemas = new ResponseSchemas(options.schemas ?? null);
  return async (value, from) => {
    const checked = checkJob(value, known);
    if (!checked.ok) return checked;
    const { job } = checked;
    const barred = from.via === 'tcp' ? [...execOff(job, from), ...linksOverTcp(job)] : [];
    if (barred.length > 0) return { ok: false, faults: barred };
    const faults: Fault[] = [];
    const [built, programs, schema] = await Promise.all([
      buildPrompt(job.prompt, tools),
      readCommand(job, tools, faults),
      schemas.faultOf(job.parameters),
    ]);
    if (schema !== null) faults.push(schema);
    if (!built.ok || faults.length > 0)
      return { ok: false, faults: [...(built.ok ? [] : built.faults), ...faults] };
    return finish(job, { built, programs, kind: kinds.get(job.endpoint) ?? '' }, from);
  };
}

/** Looks at the programs of a command: that they are there now is no promise, and still the best time to say that they are not. */
async function readCommand(
  { command, argv }: CheckedJob,
  { scripts }: BuildTools,
  faults: Fault[],
): Promise<CommandPrograms> {
  const program = argv?.[0];
  const isLinked = program !== undefined && linksToProgram(program);
  return {
    command: command === null ? null : await scripts.call(command, faults),
    program_sha256: isLinked ? await scripts.program(program, 'configuration.argv[0]', faults) : null,
  };
}

function finish(job: CheckedJob, material: Material, from: PrepareFrom): Prepared {
  const { built, programs, kind } = material;
  const prompt = canonicalJson(built.prompt as unknown as Json);
  const bytes = Buffer.byteLength(prompt);
  if (bytes > LIMITS.job_bytes_max)
    return refused(
      'TooLarge',
      'prompt',
      `a built prompt of at most ${LIMITS.job_bytes_max} bytes`,
      `${bytes} bytes`,
    );
  const prompt_sha256 = sha256(prompt);
  const request = canonicalRequest(
    requestOf(job, {
      prompt_sha256,
      endpoint_kind: kind,
      ...programs,
      only_for: onlyFor(job, material, from),
      fresh: from.fresh ?? null,
    }),
  );
  const digest = digestOf(request);
  const batch = job.batch ?? from.defaults?.batch ?? null;
  const name = nameOf(job, from, digestHex(digest));
  if (!isName(name))
    return refused(
      'InvalidJob',
      'name',
      NAME_EXPECTED,
      describe(name),
      'Rename the file, or give the job a "name".',
    );
  if (batch !== null && !isName(batch)) return refused('InvalidJob', 'batch', NAME_EXPECTED, describe(batch));
  const spec = canonicalJson(job.spec);
  const { link, source } = placeOf(name, job.key, from);
  const prepared: PreparedJob = {
    name,
    batch,
    key: job.key,
    type: job.type,
    source,
    endpoint: job.endpoint,
    model: job.model,
    needs: needsOf({
      type: job.type,
      command: programs.command,
      recipe: 'kind' in built.prompt ? built.prompt : null,
    }),
    digest,
    request,
    spec,
    spec_sha256: sha256(spec),
    prompt,
    prompt_sha256,
    attachments: built.attachments,
    options: job.options,
    metadata: job.metadata,
    link,
    if_exists: job.if_exists,
  };
  return { ok: true, job: prepared, warnings: warningsOf(job, kind, name, from) };
}

/** What it is called: by itself, by its file, by its batch and key; else by what it asks. */
function nameOf(job: CheckedJob, from: PrepareFrom, hex: string): string {
  const batch = job.batch ?? from.defaults?.batch ?? null;
  const given = job.name ?? from.defaults?.name;
  return given ?? (batch === null ? nameFromDigest(hex) : nameInBatch(batch, job.key, hex));
}

/**
 * Who a job is that is the same work only as itself, since it runs programs that may do something else each time: the name
 * that it has before its digest is known, else its batch and key. Null where there is no such program.
 */
function onlyFor(job: CheckedJob, { built, programs }: Material, from: PrepareFrom): string | null {
  const { command, program_sha256 } = programs;
  const isPure = [...built.scripts, ...(command === null ? [] : [command])].every(({ pure }) => pure);
  if (isPure && program_sha256 === null) return null;
  const name = nameOf(job, from, '');
  if (name === nameOf(job, from, '-')) return name;
  const batch = job.batch ?? from.defaults?.batch ?? null;
  return batch === null && job.key === null ? '' : `${batch ?? ''}#${job.key ?? ''}`;
}

function placeOf(
  name: string,
  key: string | null,
  from: PrepareFrom,
): { readonly link: string; readonly source: JobSource } {
  const given = from.link ?? jobFileName(name);
  if (given.includes('#')) return { link: given, source: 'batch_file' };
  if (/\.(jsonl|ndjson)$/.test(given)) return { link: `${given}#${key ?? name}`, source: 'batch_file' };
  return { link: given, source: from.link !== undefined || from.via === 'folder' ? 'folder' : 'http' };
}

function warningsOf(job: CheckedJob, kind: string, name: string, from: PrepareFrom): string[] {
  const warnings: string[] = [];
  for (const drawer of Object.keys(job.drawers)) {
    if (drawer !== kind)
      warnings.push(`configuration.${drawer} is not used: the endpoint ${job.endpoint} is of kind ${kind}.`);
  }
  if (job.options.attempt_timeout_ms < SHORT_TIMEOUT_MS) {
    const ms = job.options.attempt_timeout_ms;
    warnings.push(`options.timeout is ${ms} ms, which is short for a model. For seconds, write "${ms}s".`);
  }
  const file = from.defaults?.name;
  if (file !== undefined && job.name !== null && file !== name) {
    warnings.push(`The job is called ${name}, its file ${file}: results go by the name of the job.`);
  }
  return warnings;
}

function refused(code: Fault['code'], path: string, expected: string, got: string, hint?: string): Prepared {
  return { ok: false, faults: [{ code, path, expected, got, ...(hint === undefined ? {} : { hint }) }] };
}
