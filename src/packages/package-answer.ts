/** What `retrieve_job` gave, as an answer: text is the result itself, everything else a file beside it. */
import type { AnswerFile } from '../core/attempt.ts';
import { extensionOf, isText, mediaTypeOf, plainFileName } from './file-names.ts';
import type { CallOutcome } from './protocol.ts';

export interface PackageAnswer {
  readonly text: string;
  readonly files: readonly AnswerFile[];
}

/**
 * A file of text (by the file type that the job asked for, or by its name) is read. For any other the text is the name of
 * the file: a result is a text (R9), and this one says where to look.
 */
export function answerFrom(
  got: Extract<CallOutcome, { kind: 'text' | 'file' }>,
  file_type: string | null,
): PackageAnswer {
  if (got.kind === 'text') return { text: got.text.toWellFormed(), files: [] };
  const name = plainFileName(got.name ?? `answer${extensionOf(file_type ?? '')}`);
  const media_type = mediaTypeOf(name, file_type);
  const text = isText(media_type) ? decoded(got.data) : null;
  if (text !== null) return { text, files: [] };
  return { text: name, files: [{ name, media_type, data: got.data }] };
}

/** Null where it is no UTF-8. */
function decoded(data: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(data, 'base64'));
  } catch {
    return null;
  }
}
