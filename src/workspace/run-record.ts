/**
 * What result files and ended files have in common. Their bytes are a function of committed columns that no longer change:
 * a file that is written twice, before and after a crash, is the same file, which is how a second writing is recognised.
 * So nothing of the writer stands in them, neither its version nor the time of writing: the version in a result file is that
 * of the promptd that made the answer, stored with it. See docs/folders.md.
 */
import { Problem } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import type { PublicationBody } from '../core/ports/read-store.ts';
import type { RunRow, SpecRow } from '../core/rows.ts';

/** Of the layout of result and ended files. A reader may rely on every key of a known format. */
export const FILE_FORMAT = 1;

/** A JSON object with keys that may be left out. */
export type FileContent = { readonly [key: string]: unknown };

/** What both tell of a job: of its run, or of an attempt that `promptd execute` made, which is no run (null). */
export interface RecordBody {
  readonly run: Pick<RunRow, 'name' | 'batch' | 'key' | 'digest'> & { readonly run: number | null };
  readonly spec: Pick<SpecRow, 'metadata' | 'prompt_sha256'>;
  readonly prompt_body: PublicationBody['prompt_body'];
  readonly answered_by: PublicationBody['answered_by'];
}

/** Two spaces and a final newline, so that people, `diff` and `cat` get on with it. */
export function fileText(content: FileContent): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

export function runHead(body: RecordBody): FileContent {
  const { run, spec } = body;
  return {
    name: run.name,
    run: run.run,
    batch: run.batch,
    key: run.key,
    metadata: spec.metadata ?? null,
    digest: run.digest,
    answered_by: body.answered_by === null ? undefined : `${body.answered_by.name}@${body.answered_by.run}`,
  };
}

/**
 * The prompt's hash always, the prompt itself while it is small: a result is read beside its question. Messages are a
 * `prompt`, whether built at acceptance or by scripts; where no attempt came so far, their `recipe` stands in its place.
 */
export function promptPart(body: RecordBody): FileContent {
  const { prompt_sha256 } = body.spec;
  if (Buffer.byteLength(body.prompt_body) > LIMITS.prompt_in_result_bytes_max) return { prompt_sha256 };
  const stored = storedJson(body.prompt_body, body, 'prompt');
  return { prompt_sha256, ...(Array.isArray(stored) ? { prompt: stored } : { recipe: stored }) };
}

/** JSON that was written by promptd itself: anything else in its place is damage. */
export function storedJson(text: string, { run }: Pick<RecordBody, 'run'>, part: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new Problem('Corrupt', `${run.name}@${run.run}: the stored ${part} is no JSON`, {
      cause: error,
    });
  }
}

/**
 * Reads one of our files, or one that people wrote for us: an object with a `job` that is a text. Throws Problem `Corrupt` where
 * it is none; the message says what is wrong with the text, and not which file that is: whoever asks knows.
 */
export function parseRecord(text: string): JsonObject & { readonly job: string } {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (error) {
    throw new Problem('Corrupt', `expected JSON, got ${text === '' ? 'an empty file' : 'other text'}`, {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem(
      'Corrupt',
      `expected a JSON object, got ${Array.isArray(value) ? 'an array' : String(value)}`,
    );
  }
  const record = value as JsonObject;
  const { job } = record;
  if (typeof job !== 'string') {
    throw new Problem('Corrupt', `expected "job", the link to the job, as a text; got ${typeof job}`);
  }
  return { ...record, job };
}
