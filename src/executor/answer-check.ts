/**
 * Checks an answer against the schema that its job asked for (JSON Schema 2020-12, 2019-09 and drafts 6 and 7). It may run for as
 * long as a pattern of the schema likes, so it belongs into a thread. Nothing is fetched.
 */
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { messageOf } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { AnswerVerdict } from '../core/ports/answer-checker.ts';

type Verdict = Exclude<AnswerVerdict, { readonly kind: 'too_slow' }>;

const MESSAGE_CHARS_MAX = 1_000;
const EXCERPT_CHARS = 120;
/** Compiling costs milliseconds, and the jobs of a batch have one schema; a list that never ends must not fill the memory. */
const SCHEMAS_KEPT_MAX = 100;

/** Unknown keywords are other people's; formats only describe. The first fault is enough. */
const OPTIONS: Options = {
  strict: false,
  allErrors: false,
  validateFormats: false,
  // With the value that an error is about.
  verbose: true,
  logger: false,
  code: { regExp: Object.assign(regExp, { code: 'regExp' }) },
};

/** `[\w-.]` and `\-` are no patterns in Unicode mode, but many schemas have such ones. */
function regExp(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch {
    return new RegExp(pattern, flags.replace('u', ''));
  }
}

type Dialect = typeof Ajv | typeof Ajv2019 | typeof Ajv2020;

/** The dialects that a schema may be meant in. One that does not say it is tried as the newest first. */
function dialectsOf({ $schema }: JsonObject): readonly Dialect[] {
  if ($schema === undefined) return [Ajv2020, Ajv];
  const uri = (typeof $schema === 'string' ? $schema : '').replace(/#$/, '');
  if (uri.endsWith('/2020-12/schema')) return [Ajv2020];
  if (uri.endsWith('/2019-09/schema')) return [Ajv2019];
  if (/\/draft-0[67]\/schema$/.test(uri)) return [Ajv];
  throw new Error(
    `"$schema" is ${excerpt($schema)}; expected JSON Schema 2020-12, 2019-09, draft-07 or draft-06`,
  );
}

export class AnswerCheck {
  readonly #kept = new Map<string, ValidateFunction>();

  /** `text` null: whether the schema is one. */
  check(schema: JsonObject, text: string | null): Verdict {
    let validate: ValidateFunction;
    try {
      validate = this.#compiled(schema);
    } catch (error) {
      return { kind: 'bad_schema', message: cut(messageOf(error)) };
    }
    return text === null ? { kind: 'matches' } : judged(validate, text);
  }

  #compiled(schema: JsonObject): ValidateFunction {
    const key = JSON.stringify(schema);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const validate = compiled(schema);
    if (this.#kept.size >= SCHEMAS_KEPT_MAX) this.#kept.clear();
    this.#kept.set(key, validate);
    return validate;
  }
}

/** What the first dialect says of a schema that none takes. */
function compiled(schema: JsonObject): ValidateFunction {
  let first: unknown = null;
  for (const Dialect of dialectsOf(schema)) {
    try {
      // Each schema has a checker of its own, so that two of them may have one `$id`.
      const { $schema: _said, ...rest } = schema;
      return new Dialect(OPTIONS).compile(rest);
    } catch (error) {
      first ??= error;
    }
  }
  if (first instanceof Ajv.MissingRefError)
    throw new Error(
      `the "$ref" to ${excerpt(first.missingRef)} leads nowhere within the schema, and nothing is fetched`,
      { cause: first },
    );
  throw first;
}

function judged(validate: ValidateFunction, text: string): Verdict {
  const bare = text.trim();
  let value: unknown;
  try {
    value = JSON.parse(bare);
  } catch {
    return { kind: 'differs', message: cut(notJson(bare)) };
  }
  try {
    if (validate(value)) return { kind: 'matches' };
  } catch (error) {
    // A schema that refers to itself goes as deep as the answer.
    if (!(error instanceof RangeError)) throw error;
    return { kind: 'differs', message: 'the answer is nested too deep to be checked' };
  }
  return { kind: 'differs', message: cut(faultsOf(validate.errors ?? [])) };
}

function notJson(bare: string): string {
  if (bare === '') return 'expected JSON, got an empty answer';
  if (bare.startsWith('```'))
    return 'expected JSON alone, got a Markdown code fence (```). Ask for JSON without a fence around it';
  return `expected JSON, got ${excerpt(bare)}`;
}

/** The last error is the outermost: those before it say why no branch of an `anyOf` matched. */
function faultsOf(errors: readonly ErrorObject[]): string {
  const outer = errors.at(-1);
  if (outer === undefined) return 'it does not match';
  const [inner] = errors;
  return inner === undefined || inner === outer ? faultOf(outer) : `${faultOf(outer)}; ${faultOf(inner)}`;
}

function faultOf({ instancePath, keyword, params, message, data }: ErrorObject): string {
  const at = instancePath === '' ? 'at its root' : `at ${instancePath}`;
  return `${at}: ${message ?? keyword}${detailOf(keyword, params)}, got ${excerpt(data)}`;
}

/** What ajv's sentence leaves out. */
function detailOf(keyword: string, params: Readonly<Record<string, unknown>>): string {
  if (keyword === 'enum') return ` (${excerpt(params['allowedValues'])})`;
  if (keyword === 'const') return ` (${excerpt(params['allowedValue'])})`;
  if (keyword === 'additionalProperties') return ` (${excerpt(params['additionalProperty'])})`;
  if (keyword === 'unevaluatedProperties') return ` (${excerpt(params['unevaluatedProperty'])})`;
  return '';
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > EXCERPT_CHARS ? `${text.slice(0, EXCERPT_CHARS)}…` : text;
}

function cut(text: string): string {
  return text.length > MESSAGE_CHARS_MAX ? `${text.slice(0, MESSAGE_CHARS_MAX - 1)}…` : text;
}
