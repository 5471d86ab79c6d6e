/** Whether the schema that a job wants its answer in is one: said at the door, before anybody waits for it. */
import type { Fault } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import { canonicalJson, isJsonObject, type JsonObject } from '../core/json.ts';
import type { AnswerChecker } from '../core/ports/answer-checker.ts';

/** The jobs of a batch have one schema; a list that never ends must not fill the memory. */
const KEPT_MAX = 1_000;

export class ResponseSchemas {
  readonly #checker: AnswerChecker | null;
  /** What is wrong with a schema, by its SHA-256; null: nothing. */
  readonly #kept = new Map<string, Promise<string | null>>();

  constructor(checker: AnswerChecker | null) {
    this.#checker = checker;
  }

  /** Null where there is none, or none that is wrong for sure: what could not be checked here is told by the attempt. */
  async faultOf(parameters: JsonObject): Promise<Fault | null> {
    const schema = parameters['response_schema'];
    if (!isJsonObject(schema) || this.#checker === null) return null;
    const got = await this.#wrong(this.#checker, schema);
    if (got === null) return null;
    return {
      code: 'InvalidJob',
      path: 'configuration.response_schema',
      expected: 'a JSON Schema (2020-12, 2019-09, draft-07 or draft-06) that refers to nothing outside of it',
      got,
    };
  }

  #wrong(checker: AnswerChecker, schema: JsonObject): Promise<string | null> {
    const key = sha256(canonicalJson(schema));
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    const asked = checker.check(schema, null).then(
      (verdict) => (verdict.kind === 'bad_schema' ? verdict.message : null),
      () => {
        this.#kept.delete(key);
        return null;
      },
    );
    this.#kept.set(key, asked);
    return asked;
  }
}
