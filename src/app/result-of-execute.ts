/**
 * The result file of an attempt that `promptd execute` made: as the publisher writes those of runs, write-once and of the
 * same form. It is no run of the queue, so `run` is null in it.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HashedAnswer } from '../core/attempt.ts';
import { messageOf, Problem } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import type { JsonObject } from '../core/json.ts';
import { answerFolderName, resultFileName } from '../core/names.ts';
import type { PreparedJob } from '../core/submission.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemRandom } from '../platform/random.ts';
import { placeFiles } from '../workspace/answer-folder.ts';
import { makeFolder } from '../workspace/create-workspace.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { Lookup } from '../workspace/lookup.ts';
import { resultFileText } from '../workspace/result-file.ts';
import { type Placed, writeOnce, type WriteOnceTools } from '../workspace/write-once.ts';
import { version } from './version.ts';

export interface Answered {
  readonly job: PreparedJob;
  readonly answer: HashedAnswer;
  /** Canonical JSON of the messages as they were sent. */
  readonly prompt: string;
  /** Unix ms. */
  readonly began_at: number;
  readonly answered_at: number;
}

export interface KeptResult {
  /** What stands in the file. */
  readonly result: JsonObject;
  readonly file: string;
}

/** What is told of an answer that has no file. */
export function resultWithoutFile(answered: Answered): JsonObject {
  return JSON.parse(textOf(answered, null)) as JsonObject;
}

/** Before anything is asked, so that a folder that cannot be written to costs no answer. Rejects with a Problem where that is so. */
export async function prepareResults({ results }: WorkspaceLayout): Promise<void> {
  try {
    if (await makeFolder(systemFiles, results)) await systemFiles.syncDirectory(dirname(results));
    await access(results, constants.W_OK);
  } catch (error) {
    const why = messageOf(error);
    throw new Problem('FolderRefused', `The result could not be kept: ${why}`, { cause: error });
  }
}

/**
 * Writes a file of its own for each answer, whatever is there: under the time of the answer, and behind every earlier result
 * of the name. Rejects with the system's error.
 */
export async function keepResult(layout: WorkspaceLayout, answered: Answered): Promise<KeptResult> {
  const { results } = layout;
  // The temporary file lies beside it: without a workspace there is no other folder on the same disk.
  const tools: WriteOnceTools = {
    files: systemFiles,
    layout: { ...layout, tmp: results },
    random: systemRandom,
    crashpoint: () => undefined,
  };
  const earliest = (await lastEpoch(results, answered.job.name)) + 1;
  for (let epoch = Math.max(answered.answered_at, earliest); ; epoch += 1) {
    const text = textOf(answered, epoch);
    const placed = await placeAll(tools, answered, epoch, text);
    if (placed.outcome === 'taken') continue;
    if (placed.outcome === 'refused') throw new Error(`${placed.path} is taken by ${placed.found}`);
    await systemFiles.syncDirectory(results);
    return { result: JSON.parse(text) as JsonObject, file: placed.path };
  }
}

/** What came beside the text first, then the file that names it. */
async function placeAll(
  tools: WriteOnceTools,
  { job: { name }, answer }: Answered,
  epoch: number,
  text: string,
): Promise<Placed> {
  const { results } = tools.layout;
  const folder = join(results, answerFolderName(epoch, name));
  if (answer.files !== undefined) {
    if ((await systemFiles.facts(folder)) !== null) return { outcome: 'taken', path: folder };
    const bodies = new Map(answer.files.map(({ data }) => [sha256(data), data]));
    const hindered = await placeFiles(
      { folder, files: answer.meta.files ?? [] },
      {
        files: systemFiles,
        body: (hash) => bodies.get(hash) ?? null,
        write: (one) => writeOnce(tools, one),
        sync: (one) => systemFiles.syncDirectory(one),
      },
    );
    if (hindered !== null) return hindered;
  }
  return writeOnce(tools, {
    folder: results,
    name: resultFileName(epoch, name),
    bytes: Buffer.from(text),
    otherPlace: null,
    // Two attempts may say the same in the same millisecond; they are two results.
    isSame: () => false,
  });
}

function textOf({ job, answer, prompt, began_at, answered_at }: Answered, epoch: number | null): string {
  const { name, batch, key, digest, metadata, link } = job;
  return resultFileText({
    publication: { epoch },
    run: { name, run: null, batch, key, digest, submitted_at: began_at },
    spec: { link, metadata, prompt_sha256: sha256(prompt) },
    prompt_body: prompt,
    answered_by: null,
    result: {
      attempt: 1,
      text: answer.text,
      text_sha256: answer.sha256,
      meta: { ...answer.meta, promptd_version: version() },
      accepted_at: answered_at,
    },
  });
}

async function lastEpoch(results: string, name: string): Promise<number> {
  const lookup = new Lookup({ layout: { results }, names: systemFolderNames });
  return (await lookup.resultsOf(name)).at(-1)?.epoch ?? 0;
}
