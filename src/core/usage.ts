/** Tokens of one answer, the same for every platform; what the platform said itself is kept in `raw`. */
import type { JsonObject } from './json.ts';

export interface Usage {
  /** All tokens of the input, cached ones included; null where the platform did not say. */
  readonly input: number | null;
  /** Those of the input that were read from a cache. */
  readonly cached: number | null;
  /** All tokens of the output, reasoning included. */
  readonly output: number | null;
  readonly reasoning: number | null;
  readonly raw: JsonObject;
}
