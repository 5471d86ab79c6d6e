/**
 * An answer as the turn takes it: its text and its files by their hashes, its cost by our prices, the prompt that was made
 * for it. All that an instance cannot say, or is not believed.
 */
import { plainFiles } from '../core/answer-files.ts';
import type { AnswerFile, AttemptReport, HashedAnswer, SpentInVain } from '../core/attempt.ts';
import { costOf, type Prices } from '../core/cost.ts';
import { sha256, sha256Bytes } from '../core/identity.ts';
import type { AnswerMeta, ResultFileRef } from '../core/rows.ts';

interface StoredFile {
  readonly file: AnswerFile;
  readonly ref: ResultFileRef;
}

/** Null where the report has no answer. `prompt_sha256`: of the report's prompt. */
export function hashedAnswer(
  report: AttemptReport,
  prompt_sha256: string | null,
  prices: Prices,
): HashedAnswer | null {
  if (report.answer === null) return null;
  const { text, meta: said } = report.answer;
  const stored = plainFiles(report.answer.files ?? []).map(storedFile);
  const { files: _files, prompt_sha256: _prompt, ...own } = said;
  const meta: AnswerMeta = {
    ...own,
    cost: costOf(prices, said.endpoint, said.model, said.usage),
    ...(stored.length === 0 ? {} : { files: stored.map(({ ref }) => ref) }),
    ...(prompt_sha256 === null ? {} : { prompt_sha256 }),
  };
  return {
    text,
    meta,
    ...(stored.length === 0 ? {} : { files: stored.map(({ file }) => file) }),
    sha256: sha256(text),
    bytes: Buffer.byteLength(text),
  };
}

/** What a refused answer took; null where the report tells of none. */
export function spentInVain({ answer, spent }: AttemptReport, prices: Prices): SpentInVain | null {
  if (answer !== null || spent === undefined) return null;
  const { endpoint, model, usage, parameters_sent, warnings } = spent;
  return { usage, cost: costOf(prices, endpoint, model, usage), parameters_sent, warnings };
}

/** Base64 of the same bytes is the same text here, however it was written. */
function storedFile({ name, media_type, data }: AnswerFile): StoredFile {
  const bytes = Buffer.from(data, 'base64');
  const body = bytes.toString('base64');
  return {
    file: { name, media_type, data: body },
    ref: {
      name,
      media_type,
      bytes: bytes.length,
      sha256: sha256Bytes(bytes),
      body_sha256: sha256(body),
    },
  };
}
