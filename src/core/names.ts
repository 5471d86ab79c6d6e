/**
 * Names of jobs, references to runs, and the file names that carry both. Everything here works on text alone:
 * the result of a job, and the job of a result, are found without opening a file (R10, R11).
 */

/** A name is also a file name, a URL segment and a CLI argument, so it needs no escaping in any of them. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
export const NAME_EXPECTED =
  'a name of 1 to 200 letters, digits, ".", "_" or "-", starting with a letter or digit';

/** What a reference can say. */
export const RUN_MAX = 999_999_999;

export interface RunRef {
  readonly name: string;
  /** Numbered from 1; `null` means the latest run of the name. */
  readonly run: number | null;
}

export function isName(text: string): boolean {
  return NAME_PATTERN.test(text);
}

/** `faq-17` for the latest run, `faq-17@2` for a given one. */
export function formatRunRef(ref: RunRef): string {
  return ref.run === null ? ref.name : `${ref.name}@${ref.run}`;
}

/** The inverse of {@link formatRunRef}; `null` where the text is no reference. */
export function parseRunRef(text: string): RunRef | null {
  const at = text.indexOf('@');
  if (at === -1) return isName(text) ? { name: text, run: null } : null;
  const name = text.slice(0, at);
  const run = text.slice(at + 1);
  if (!isName(name) || !/^[1-9]\d{0,8}$/.test(run)) return null;
  return { name, run: Number(run) };
}

/** `<EPOCH>_<name>.json`, EPOCH in Unix milliseconds. */
export function resultFileName(epoch: number, name: string): string {
  return `${epoch}_${name}.json`;
}

/**
 * The job of a result, by splitting the file name at its first underscore: an epoch has digits only, so names that
 * contain digits, underscores and dots split without ambiguity. `null` where the name is no result file's: as nobody writes
 * the number, or so far ahead (behind the year 33000) that it may be no date, or leave no room for the next one.
 */
export function splitResultFileName(file: string): { readonly epoch: number; readonly name: string } | null {
  const match = /^(0|[1-9]\d{0,14})_(.+)\.json$/.exec(file);
  if (match === null) return null;
  const epoch = Number(match[1]);
  const name = match[2] ?? '';
  return isName(name) ? { epoch, name } : null;
}

export const MISNAMED_RESULT =
  'it is named nearly as an answer is: expected <EPOCH>_<name>.json, with Unix milliseconds (at most 15 digits, no zero before them) and the name of a job';

/** Whether whoever named it meant a result file, which {@link splitResultFileName} says that it is not. */
export function isMisnamedResult(file: string): boolean {
  return /^\d+_.+\.json$/.test(file) && splitResultFileName(file) === null;
}

/** `<EPOCH>_<name>.files`: the folder, beside the result file, of what came with the answer. */
export function answerFolderName(epoch: number, name: string): string {
  return `${epoch}_${name}.files`;
}

/** Where a file of an answer lies, seen from the folder of results. */
export function answerFilePath(epoch: number, name: string, file: string): string {
  return `${answerFolderName(epoch, name)}/${file}`;
}

/** Whether a folder is one of {@link answerFolderName}: what lies in it is no result, however it is called. */
export function isAnswerFolder(folder: string): boolean {
  return /^(0|[1-9]\d{0,14})_.+\.files$/.test(folder);
}

export function jobFileName(name: string): string {
  return `${name}.json`;
}

/** A line of a batch that has no name of its own: by its key where that makes a name, else by its digest. */
export function nameInBatch(batch: string, key: string | null, digestHex: string): string {
  if (key !== null) {
    const name = `${batch}.${key.replaceAll(/[^A-Za-z0-9._-]+/g, '-')}`;
    if (isName(name)) return name;
  }
  return `${batch.slice(0, 187)}.${digestHex.slice(0, 12)}`;
}

/** A job that came without any name is called by what it asks. */
export function nameFromDigest(digestHex: string): string {
  return digestHex.slice(0, 12);
}
