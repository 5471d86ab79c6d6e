/**
 * The result file of an attempt that `promptd execute` made: as the publisher writes those of runs, write-once and of the
 * same form. It is no run of the queue, so `run` is null in it.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AttemptAnswer } from '../core/attempt.ts';
import { costOf, type Prices } from '../core/cost.ts';
import { Problem } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import type { JsonObject } from '../core/json.ts';
import { resultFileName } from '../core/names.ts';
import type { PreparedJob } from '../core/submission.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemRandom } from '../platform/random.ts';
import { makeFolder } from '../workspace/create-workspace.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { Lookup } from '../workspace/lookup.ts';
import { resultFileText } from '../workspace/result-file.ts';
import { writeOnce } from '../workspace/write-once.ts';
import { version } from './version.ts';

export interface Answered {
  readonly job: PreparedJob;
  readonly link: string;
  readonly answer: AttemptAnswer;
  /** Canonical JSON of the messages as they were sent. */
  readonly prompt: string;
  /** Unix ms. */
  readonly began_at: number;
  readonly answered_at: number;
  readonly prices: Prices;
}

export function resultText({ job, link, answer, prompt, began_at, answered_at, prices }: Answered): string {
  const { name, batch, key, digest, metadata } = job;
  const { endpoint, model, usage } = answer.meta;
  const meta = {
    ...answer.meta,
    cost: answer.meta.cost ?? costOf(prices, endpoint, model, usage),
    promptd_version: version(),
  };
  return resultFileText({
    run: { name, run: null, batch, key, digest, submitted_at: began_at },
    spec: { link, metadata, prompt_sha256: sha256(prompt) },
    prompt_body: prompt,
    answered_by: null,
    result: {
      attempt: 1,
      text: answer.text,
      text_sha256: sha256(answer.text),
      meta,
      accepted_at: answered_at,
    },
  });
}

export function resultOfText(text: string): JsonObject {
  return JSON.parse(text) as JsonObject;
}

/**
 * Before anything is asked, so that a folder that cannot be written to costs no answer. Rejects with a Problem where that is so.
 */
export async function prepareResults({ results }: WorkspaceLayout): Promise<void> {
  try {
    if (await makeFolder(systemFiles, results)) await systemFiles.syncDirectory(dirname(results));
    await access(results, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem('FolderRefused', `The result could not be kept: ${why}`, { cause: error });
  }
}

/** Writes a file of its own for each answer, whatever is there. Resolves with its path. Rejects with the system's error. */
export async function keepResult(
  layout: WorkspaceLayout,
  name: string,
  text: string,
  now: number,
): Promise<string> {
  const { results } = layout;
  const epoch = Math.max(now, (await lastEpoch(results, name)) + 1);
  const placed = await writeOnce(
    // Its temporary file lies beside it: without a workspace there is no other folder on the same disk.
    {
      files: systemFiles,
      layout: { ...layout, tmp: results },
      random: systemRandom,
      crashpoint: () => undefined,
    },
    {
      folder: results,
      name: resultFileName(epoch, name),
      bytes: Buffer.from(text),
      otherPlace: (n) => ({ folder: results, name: resultFileName(epoch + n, name) }),
      // Two attempts may say the same in the same millisecond; they are two results.
      isSame: () => false,
    },
  );
  if (placed.outcome === 'taken' || placed.outcome === 'refused')
    throw new Error(`${placed.path} is taken by something that is no file`);
  await systemFiles.syncDirectory(results);
  return placed.path;
}

async function lastEpoch(results: string, name: string): Promise<number> {
  const lookup = new Lookup({ layout: { results }, names: systemFolderNames });
  return (await lookup.resultsOf(name)).at(-1)?.epoch ?? 0;
}
