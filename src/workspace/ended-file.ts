/** `ended/<EPOCH>_<name>.json`: a run that failed or was cancelled, with its reason and what was tried. */
import { Problem } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Message } from '../core/messages.ts';
import type { PublicationBody } from '../core/ports/read-store.ts';
import type { AttemptRow } from '../core/rows.ts';
import { isoTime } from '../core/views.ts';
import { FILE_FORMAT, fileText, parseRecord, promptPart, runHead } from './run-record.ts';

export interface EndedFile {
  readonly job: string;
  readonly result: null;
  readonly name: string;
  readonly run: number;
  readonly batch: string | null;
  readonly key: string | null;
  readonly metadata: Json;
  readonly digest: string;
  readonly state: 'failed' | 'cancelled';
  readonly reason: { readonly code: string; readonly message: string } | null;
  readonly endpoint: string;
  readonly model: string;
  readonly attempts: readonly JsonObject[];
  readonly prompt_sha256: string;
  readonly prompt?: readonly Message[];
  readonly submitted_at: string;
  readonly ended_at: string;
  readonly format: number;
}

/** The bytes of the file that a run leaves when it ends without an answer, at the epoch of its publication. */
export function endedFileText(body: PublicationBody): string {
  const { publication, run, spec } = body;
  const { epoch } = publication;
  if (epoch === null) throw new RangeError(`${run.name}@${run.run}: an ended file has an epoch, got none`);
  const attempts = body.attempts.filter((one) => one.ended_at !== null && one.started_at <= epoch);
  return fileText({
    job: spec.link,
    result: null,
    ...runHead(body),
    ...endOf(body, attempts.at(-1)),
    endpoint: run.endpoint,
    model: run.model,
    attempts: attempts.map(attemptPart),
    ...promptPart(body),
    submitted_at: isoTime(run.submitted_at),
    ended_at: isoTime(epoch),
    format: FILE_FORMAT,
  });
}

/**
 * How it ended. A run that a person retried before its file was written has moved on: its row no longer says how that end
 * came, but the last attempt before it does.
 */
function endOf(body: PublicationBody, last: AttemptRow | undefined): Pick<EndedFile, 'state' | 'reason'> {
  const { run, publication } = body;
  if ((run.state === 'failed' || run.state === 'cancelled') && run.epoch === publication.epoch) {
    const { reason_code: code, reason_message: message } = run;
    return { state: run.state, reason: code === null ? null : { code, message: message ?? '' } };
  }
  if (last === undefined) return { state: 'cancelled', reason: null };
  const reason = last.reason_code === null ? null : { code: last.reason_code, message: last.error ?? '' };
  return { state: last.outcome === 'cancelled' ? 'cancelled' : 'failed', reason };
}

function attemptPart(row: AttemptRow) {
  return {
    attempt: row.attempt,
    instance: row.instance,
    outcome: row.outcome,
    charged_for: row.charged_for,
    reason: row.reason_code,
    error: row.error,
    started_at: isoTime(row.started_at),
    ended_at: isoTime(row.ended_at),
    timings: row.timings,
    usage: row.usage,
    ...(row.cost === null ? {} : { cost: row.cost }),
    parameters_sent: row.parameters_sent,
    warnings: row.warnings,
  };
}

/** Reads an ended file. Throws Problem `Corrupt` where it is none; as with {@link parseRecord}, the message names no file. */
export function parseEndedFile(text: string): EndedFile {
  const record: JsonObject = parseRecord(text);
  const { state, name, run } = record;
  if ((state !== 'failed' && state !== 'cancelled') || typeof name !== 'string' || typeof run !== 'number') {
    throw new Problem('Corrupt', 'expected "name", "run" and a "state" that is failed or cancelled');
  }
  return record as unknown as EndedFile;
}
