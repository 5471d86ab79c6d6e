/**
 * What every door does with a job before the queue hears of it: check it, build its prompt, say what makes it the same
 * work as another, and find its name.
 */
import { describe } from '../core/describe.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import type { Fault } from '../core/errors.ts';
import { canonicalRequest, digestHex, digestOf, requestOf, sha256 } from '../core/identity.ts';
import { checkJob, type CheckedJob, type CheckedPrompt } from '../core/job.ts';
import { canonicalJson, type Json } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { isName, jobFileName, NAME_EXPECTED, nameFromDigest, nameInBatch } from '../core/names.ts';
import type { LinkReader } from '../core/ports/link-reader.ts';
import type { JobSource } from '../core/rows.ts';
import type { PreparedJob } from '../core/submission.ts';
import { buildMessages } from './build-messages.ts';
import { DataFiles } from './data-files.ts';
import { Templates } from './template.ts';

export interface PrepareOptions {
  readonly endpoints: ReadonlyMap<string, Pick<EndpointConfig, 'name' | 'kind'>>;
  readonly default_endpoint: string | null;
  /** Null where there is no workspace to read from. */
  readonly links: LinkReader | null;
}

/** Where a job comes from. */
export interface PrepareFrom {
  readonly via: 'socket' | 'tcp' | 'folder';
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

/** One for a server's life: it keeps parsed templates and, for a short while, parsed data files. */
export function createPrepare(options: PrepareOptions): Prepare {
  const known = { endpoints: new Set(options.endpoints.keys()), default_endpoint: options.default_endpoint };
  const templates = new Templates();
  const files = options.links === null ? null : new DataFiles(options.links);
  return async (value, from) => {
    const checked = checkJob(value, known);
    if (!checked.ok) return checked;
    const { job } = checked;
    const links = from.via === 'tcp' ? linksOverTcp(job.prompt) : [];
    if (links.length > 0) return { ok: false, faults: links };
    const built = await buildMessages(job.prompt, { templates, files });
    if (!built.ok) return built;
    const prompt = canonicalJson(built.messages as unknown as Json);
    const kind = options.endpoints.get(job.endpoint)?.kind ?? '';
    return finish(job, prompt, kind, from);
  };
}

function finish(job: CheckedJob, prompt: string, kind: string, from: PrepareFrom): Prepared {
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
    requestOf(job, { prompt_sha256, endpoint_kind: kind, fresh: from.fresh ?? null }),
  );
  const digest = digestOf(request);
  const batch = job.batch ?? from.defaults?.batch ?? null;
  const name =
    job.name ??
    from.defaults?.name ??
    (batch === null ? nameFromDigest(digestHex(digest)) : nameInBatch(batch, job.key, digestHex(digest)));
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
    needs: '',
    digest,
    request,
    spec,
    spec_sha256: sha256(spec),
    prompt,
    prompt_sha256,
    attachments: {},
    options: job.options,
    metadata: job.metadata,
    link,
    if_exists: job.if_exists,
  };
  return { ok: true, job: prepared, warnings: warningsOf(job, kind, name, from) };
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

function linksOverTcp(prompt: CheckedPrompt): Fault[] {
  if (prompt.kind === 'text' || prompt.data === null) return [];
  const faults: Fault[] = [];
  for (const [name, source] of prompt.data) {
    if (source.kind === 'value') continue;
    const key = source.kind === 'rows' ? source.format : source.kind;
    faults.push({
      code: 'LinkOverTcp',
      path: `prompt.data.${name}.${key}`,
      expected: 'data in the job itself, over TCP',
      got: `a link to ${describe(source.file)}`,
      hint: 'Submit it on the machine of the workspace, where promptd reads the file; or put the text into the job.',
    });
  }
  return faults;
}

function refused(code: Fault['code'], path: string, expected: string, got: string, hint?: string): Prepared {
  return { ok: false, faults: [{ code, path, expected, got, ...(hint === undefined ? {} : { hint }) }] };
}
