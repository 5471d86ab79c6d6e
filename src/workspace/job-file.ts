/**
 * `jobs/<name>.json` of a job that came by HTTP: the job as it was given, in the form in which people drop jobs there, so
 * that reading it back gives the same job with the same digest, and the folder alone says what was asked.
 */
import { formatDuration } from '../core/durations.ts';
import { Problem } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import type { PublicationBody } from '../core/ports/read-store.ts';
import type { RunOptions } from '../core/rows.ts';
import { isoTime } from '../core/views.ts';
import { fileText, storedJson } from './run-record.ts';

/** The bytes of a job's file. Throws Problem `Corrupt` where what is stored is no job. */
export function jobFileText(body: PublicationBody): string {
  const { run, spec } = body;
  const given = storedJson(body.spec_body, body, 'job');
  if (!isJsonObject(given) || given['prompt'] === undefined || given['configuration'] === undefined) {
    throw new Problem('Corrupt', `${run.name}@${run.run}: the stored job has no prompt or no configuration`);
  }
  return fileText({
    type: run.type,
    prompt: given['prompt'],
    configuration: given['configuration'],
    options: optionsPart(spec.options),
    metadata: spec.metadata,
    batch: run.batch ?? undefined,
    key: run.key ?? undefined,
  });
}

/** Every option that has a value, defaults included: a default may change, this job's options do not. */
function optionsPart(options: RunOptions) {
  return {
    priority: options.priority,
    timeout: formatDuration(options.attempt_timeout_ms),
    first_token_timeout: formatDuration(options.first_token_timeout_ms),
    stall_timeout: formatDuration(options.stall_timeout_ms),
    max_attempts: options.max_attempts,
    run_at: isoTime(options.run_at) ?? undefined,
    tags: options.tags.length === 0 ? undefined : options.tags,
  };
}
