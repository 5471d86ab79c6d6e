/** `results/<EPOCH>_<name>.json`: a link to the job and its answer (R9), with everything about how the answer came about. */
import { Problem } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Message } from '../core/messages.ts';
import type { PublicationBody } from '../core/ports/read-store.ts';
import type { PromptRecipe } from '../core/recipe.ts';
import type { AnswerMeta, Cost, ResultRow, RunRow, SpecRow, Timings } from '../core/rows.ts';
import type { Usage } from '../core/usage.ts';
import { filesView, isoTime, type ResultFileView } from '../core/views.ts';
import { FILE_FORMAT, fileText, parseRecord, promptPart, type RecordBody, runHead } from './run-record.ts';

/** A result file as it is read. Only the pair is certain: `{job, result}` alone is a valid result file too. */
export interface ResultFile {
  /** `<name>.json` in jobs/, or `<file>#<key>` for a line of a batch file. */
  readonly job: string;
  /** Null only in the null result, of a job that has no answer. */
  readonly result: string | null;
  readonly name?: string;
  /** Null where `promptd execute` made it: that is no run. */
  readonly run?: number | null;
  readonly batch?: string | null;
  readonly key?: string | null;
  readonly metadata?: Json;
  readonly digest?: string;
  /** The run whose answer this is, where the same work was asked under another name: `name@run`. */
  readonly answered_by?: string;
  readonly attempt?: number;
  readonly endpoint?: string;
  readonly endpoint_kind?: string;
  readonly model?: string;
  readonly model_answered?: string | null;
  readonly parameters_sent?: JsonObject;
  readonly finish_reason?: string;
  readonly warnings?: readonly string[];
  readonly usage?: Usage | null;
  readonly timings?: Timings;
  readonly cost?: Cost;
  readonly reasoning?: string;
  /** What came beside the text. */
  readonly files?: readonly ResultFileView[];
  readonly prompt_sha256?: string;
  /** The messages as sent, up to 64 KiB; attached parts by their hash. */
  readonly prompt?: readonly Message[];
  /** In its place where an instance did not say which prompt its scripts made. */
  readonly recipe?: PromptRecipe;
  /** SHA-256 (hex) of the text in UTF-8. */
  readonly sha256?: string;
  readonly submitted_at?: string;
  readonly accepted_at?: string;
  /** Version of the promptd that made the answer. */
  readonly promptd_version?: string;
  readonly format?: number;
}

/** What a result file is made of: what it needs of the rows of a publication. */
export interface ResultBody extends RecordBody {
  /** Its epoch names the folder of the answer's files; without one there are none. */
  readonly publication?: Pick<PublicationBody['publication'], 'epoch'>;
  readonly run: RecordBody['run'] & Pick<RunRow, 'submitted_at'>;
  readonly spec: RecordBody['spec'] & Pick<SpecRow, 'link'>;
  readonly result:
    | (Pick<ResultRow, 'attempt' | 'text_sha256' | 'meta' | 'accepted_at'> & { readonly text: string })
    | null;
}

/** The bytes of a run's result file. Throws Problem `Corrupt` where the stored answer is not the one that was accepted. */
export function resultFileText(body: ResultBody): string {
  const { run, spec, result } = body;
  if (result === null) {
    throw new Problem(
      'Corrupt',
      `${run.name}@${run.run}: a result file is to be written, but there is no result`,
    );
  }
  const text_sha256 = sha256(result.text);
  if (text_sha256 !== result.text_sha256) {
    throw new Problem(
      'Corrupt',
      `${run.name}@${run.run}: the stored answer has SHA-256 ${text_sha256}, accepted was ${result.text_sha256}`,
      {
        hint: 'The database is damaged: stop promptd and look at the disk.',
      },
    );
  }
  const { promptd_version, ...answer } = answerPart(result.meta);
  return fileText({
    job: spec.link,
    result: result.text,
    ...runHead(body),
    attempt: result.attempt,
    ...answer,
    files: filesView(result.meta.files, body.publication?.epoch ?? null, run.name),
    ...promptPart(body),
    sha256: text_sha256,
    submitted_at: isoTime(run.submitted_at),
    accepted_at: isoTime(result.accepted_at),
    promptd_version,
    format: FILE_FORMAT,
  });
}

function answerPart(meta: AnswerMeta) {
  const { endpoint, endpoint_kind, model, model_answered, parameters_sent } = meta;
  const { finish_reason, warnings, usage, timings, cost, reasoning, promptd_version } = meta;
  return {
    ...{ endpoint, endpoint_kind, model, model_answered, parameters_sent },
    ...{ finish_reason, warnings, usage, timings },
    ...(cost === null ? {} : { cost }),
    ...{ reasoning, promptd_version },
  };
}

/**
 * Reads a result file, ours or the bare pair. Throws Problem `Corrupt` where it is none, or where the text is not the one
 * that its `sha256` names: what was changed on disk is never taken for the answer. As with {@link parseRecord}, the message
 * names no file.
 */
export function parseResultFile(text: string): ResultFile {
  const record = parseRecord(text);
  const { result, sha256: text_sha256 } = record;
  if (typeof result !== 'string' && result !== null) {
    throw new Problem('Corrupt', `expected "result" as a text, or null; got ${typeof result}`);
  }
  if (typeof text_sha256 === 'string' && sha256(result ?? '') !== text_sha256) {
    throw new Problem('Corrupt', 'the text does not match its sha256', {
      hint: 'The file was changed after it was written; the database still has the answer.',
    });
  }
  return { ...record, result };
}
