/**
 * From a file of `results/` or `ended/` that the queue does not know to the run that it tells of, with what its job file and the
 * files of its answer add to that. For `promptd rebuild` and for the watcher of these folders.
 */
import { join } from 'node:path';
import type { Adoption } from '../core/adoption.ts';
import { Problem } from '../core/errors.ts';
import { digestOf, sha256, sha256Bytes } from '../core/identity.ts';
import { canonicalJson } from '../core/json.ts';
import { answerFilePath } from '../core/names.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Files } from '../core/ports/files.ts';
import type { PreparedJob } from '../core/submission.ts';
import { drawWithoutWord, unknownRequest } from '../core/unknown-work.ts';
import type { MisfitKind } from '../core/verification.ts';
import { columnsOf } from './answer-columns.ts';
import type { AnswerReader } from './foreign-answers.ts';
import type { WorkspaceLayout } from './layout.ts';
import { readRegularFile } from './regular-file.ts';
import {
  adoptionOf,
  laneOfRestored,
  readRestored,
  type RestoredAttachment,
  type RestoredFile,
} from './restored-run.ts';

/** What a run asked, as its file tells it. */
export interface Asked {
  readonly digest: string;
  readonly sent: string;
}

/**
 * Of names with several runs: those that are what their job files say, so that draws of them are told from other work. Null
 * until such a one was met; names with one run are not in it.
 */
export type SeveralRuns = Map<string, Asked | null>;

/** The jobs that files of answers link to. */
export interface LinkedJobs {
  /**
   * The job that a link leads to: of that digest where it can be made so, as a fresh draw of its batch too; else as it is now.
   * Null where it is gone or cannot be made.
   */
  of(link: string, name: string, about: AboutJob): Promise<PreparedJob | null>;
}

/** What the result says of a job, where its file does not. */
export interface AboutJob {
  readonly digest?: string;
  readonly batch?: string | null;
  readonly key?: string | null;
}

/** Where a file stands, and of which run it is taken for. */
export interface FilePlace {
  readonly epoch: number;
  readonly name: string;
  readonly run: number;
  /** Where the file does not say. */
  readonly submitted_at: number;
}

/** A file of an answer that is gone, or another one. */
export interface Lack {
  readonly kind: MisfitKind;
  readonly path: string;
  readonly message: string;
}

export interface AdoptedFile {
  readonly adoption: Adoption;
  /** The job as its file says it; null where that is gone, or not what was asked. */
  readonly job: PreparedJob | null;
  readonly lacks: readonly Lack[];
}

/**
 * Null for the null result, which is of no run. Throws Problem `Corrupt` where it is no such file, was changed, or says that it
 * is of another name than its own.
 */
export function readAnswerFile(kind: 'result' | 'ended', text: string, name: string): RestoredFile | null {
  const read = readRestored(kind, text);
  if (read === null) return null;
  const own = read.record.name;
  if (own !== undefined && own !== name)
    throw new Problem('Corrupt', `it is named after ${name}, and says that it is of ${own}`);
  return { ...read, record: columnsOf(read.kind, read.record) } as RestoredFile;
}

export interface AdoptedFilesOptions {
  readonly files: Pick<Files, 'facts' | 'read'>;
  readonly layout: Pick<WorkspaceLayout, 'results'>;
  readonly jobs: LinkedJobs;
}

export class AdoptedFiles {
  readonly #options: AdoptedFilesOptions;

  constructor(options: AdoptedFilesOptions) {
    this.#options = options;
  }

  /** `several` knows the names with several runs, whose files come in ascending order of run. */
  async adopt(file: RestoredFile, place: FilePlace, several: SeveralRuns): Promise<AdoptedFile> {
    const { name, epoch } = place;
    const { record } = file;
    const found = await this.#options.jobs.of(record.job, name, record);
    const digest = record.digest ?? found?.digest ?? ownDigest(file, place);
    const job = knownWork(several, name, file, digest, found);
    const lacks: Lack[] = [];
    const attachments = file.kind === 'result' ? await this.#attachmentsOf(file, place, lacks) : [];
    const { run, submitted_at } = place;
    const adoption = adoptionOf(file, { epoch, name, run, digest, job, attachments, submitted_at });
    return { adoption, job, lacks };
  }

  /** What came beside the text, as far as it is there and fits. An answer is not given up for a file of it. */
  async #attachmentsOf(
    { record }: Extract<RestoredFile, { kind: 'result' }>,
    { epoch, name }: FilePlace,
    lacks: Lack[],
  ): Promise<readonly RestoredAttachment[]> {
    const attachments: RestoredAttachment[] = [];
    for (const { name: own, media_type, bytes: size, sha256: hash } of record.files ?? []) {
      // Taken by its place in this folder, whatever path the file tells.
      const path = join(this.#options.layout.results, answerFilePath(epoch, name, own));
      const bytes = isFileName(own) ? await readRegularFile(this.#options.files, path) : null;
      if (bytes === null)
        lacks.push({ kind: 'missing', path, message: 'the result file beside it names it' });
      else if (sha256Bytes(bytes) !== hash)
        lacks.push({ kind: 'changed', path, message: `expected SHA-256 ${hash}` });
      else {
        const body = Buffer.from(bytes).toString('base64');
        attachments.push({
          ref: { name: own, media_type, bytes: size, sha256: hash, body_sha256: sha256(body) },
          body,
        });
      }
    }
    return attachments;
  }
}

/** Reads the files of one name, in ascending order of their epochs, for the watcher. */
export function answerReader(
  files: AdoptedFiles,
  clock: Pick<Clock, 'now'>,
): (name: string, several: boolean) => AnswerReader {
  return (name, isSeveral) => {
    const several: SeveralRuns = new Map(isSeveral ? [[name, null]] : []);
    return {
      async make(kind, epoch, bytes) {
        const text = Buffer.from(bytes).toString('utf8');
        let file: RestoredFile | null;
        try {
          file = readAnswerFile(kind, text, name);
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          return { is: 'wrong', whole: isJson(text), message: error.message };
        }
        if (file === null) return { is: 'null_result' };
        const run = typeof file.record.run === 'number' ? file.record.run : 1;
        const place = { epoch, name, run, submitted_at: clock.now() };
        const { adoption, job, lacks } = await files.adopt(file, place, several);
        return {
          is: 'run',
          adoption,
          lacks: [...(lacks.length > 0 ? ['files' as const] : []), ...(job === null ? ['job' as const] : [])],
        };
      },
    };
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isFileName(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && !/[/\0]/.test(text);
}

/** The job where it is what was asked, or where that was a fresh draw of it; null where it is other work. */
function knownWork(
  several: SeveralRuns,
  name: string,
  { record }: RestoredFile,
  digest: string,
  job: PreparedJob | null,
): PreparedJob | null {
  if (job === null) return null;
  const sent = 'parameters_sent' in record ? canonicalJson(record.parameters_sent) : '';
  if (job.digest === digest) {
    if (several.has(name)) several.set(name, { digest, sent });
    return job;
  }
  const earlier = several.get(name);
  const isDraw =
    earlier?.digest === job.digest && earlier.sent === sent && record.prompt_sha256 === job.prompt_sha256;
  return isDraw ? { ...job, digest, request: drawWithoutWord(job.request, digest) } : null;
}

/** Of a result whose file says nothing of what was asked, and whose job is gone: the same work as no other. */
function ownDigest(file: RestoredFile, { name, epoch }: FilePlace): string {
  const { endpoint, model } = laneOfRestored(file, null);
  return digestOf(unknownRequest({ type: 'llm', endpoint, model, prompt: sha256(`${epoch}_${name}`) }));
}
