/** Whether an answer matches the schema that its job asked for. Patterns in schemas are code of the user: they run elsewhere. */
import type { JsonObject } from '../json.ts';

export type AnswerVerdict =
  | { readonly kind: 'matches' }
  /** `message` says where and why, at most 1,000 characters. */
  | { readonly kind: 'differs'; readonly message: string }
  /** The schema itself is none. */
  | { readonly kind: 'bad_schema'; readonly message: string }
  | { readonly kind: 'too_slow'; readonly limit_ms: number };

export interface AnswerChecker {
  /** `text` is the whole answer; null asks whether the schema is one. Rejects only for errors of promptd itself. */
  check(schema: JsonObject, text: string | null): Promise<AnswerVerdict>;
}
