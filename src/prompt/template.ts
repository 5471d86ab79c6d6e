/**
 * Templates in prompts: Liquid, with nothing in reach but the job's own data. A template may come from anybody who may
 * submit, and is rendered where others wait, so its time, its memory and its output are bounded.
 */
import { Context, type Emitter, Liquid, LiquidError, type Template, toValueSync } from 'liquidjs';
import { anyOf, describe } from '../core/describe.ts';
import type { Json } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { nearest } from '../core/vocabulary.ts';
import { boundEngine, BudgetSpent, newBudget } from './template-budget.ts';

/** Codes that a door and an attempt have in common. */
export type TemplateCode = 'TemplateError' | 'VariableMissing' | 'TemplateLimit';

/** Why a template gave no text, in the words of a fault. */
export class TemplateFailure extends Error {
  readonly code: TemplateCode;
  readonly expected: string;
  readonly got: string;
  readonly hint: string | undefined;

  constructor(code: TemplateCode, expected: string, got: string, hint?: string) {
    super(`expected ${expected}, got ${got}`);
    this.name = 'TemplateFailure';
    this.code = code;
    this.expected = expected;
    this.got = got;
    this.hint = hint;
  }
}

export type Variables = Readonly<Record<string, Json>>;

/** Tags and outputs in one template, and the characters inside of them: parsing so much takes up to 200 ms. */
const TEMPLATE_MARKS_MAX = 10_000;
const TEMPLATE_CODE_MAX = 256 * 1024;
/** They read files. Without them a template that has one is refused when it is parsed, wherever it stands. */
const FILE_TAGS = ['include', 'render', 'layout', 'block'] as const;
/** Templates kept parsed: the jobs of a sweep have one in common. */
const PARSED_KEPT_MAX = 64;
const PARSED_KEPT_LENGTH_MAX = 64 * 1024;

/** Stops at the limit, so that no loop can fill the memory. Also what `capture` collects goes through one. */
class BoundedEmitter implements Emitter {
  buffer = '';

  write(piece: unknown): void {
    const text = typeof piece === 'string' ? piece : asText(piece);
    if (this.buffer.length + text.length > LIMITS.template_output_bytes_max) throw new OutputTooLong();
    this.buffer += text;
  }
}

class OutputTooLong extends Error {}

export class Templates {
  readonly #liquid: Liquid;
  readonly #parsed = new Map<string, Template[]>();

  constructor(limits: { readonly time_ms: number } = { time_ms: LIMITS.template_time_ms }) {
    this.#liquid = new Liquid({
      templates: {},
      strictVariables: true,
      strictFilters: true,
      lenientIf: true,
      ownPropertyOnly: true,
      outputEscape: asText,
      // Prompts must not depend on where the server stands.
      timezoneOffset: 0,
      locale: 'en-US',
      parseLimit: LIMITS.template_output_bytes_max,
      renderLimit: limits.time_ms,
    });
    boundEngine(this.#liquid);
    for (const tag of FILE_TAGS) delete this.#liquid.tags[tag];
    const { renderer } = this.#liquid;
    const render = renderer.renderTemplates.bind(renderer);
    renderer.renderTemplates = (templates, context, emitter = new BoundedEmitter()) =>
      render(templates, context, emitter);
  }

  /** The text that the template makes of the variables. Throws a {@link TemplateFailure}. */
  render(text: string, variables: Variables): string {
    // Plain text is the commonest template of all.
    if (isPlain(text)) return text;
    try {
      const liquid = this.#liquid;
      const limits = { liquid, memoryLimit: newBudget() };
      const context = new Context(variables, liquid.options, { sync: true }, limits);
      const made: unknown = toValueSync(
        this.#liquid.renderer.renderTemplates(this.#parse(text), context) as Generator<unknown, unknown>,
      );
      return typeof made === 'string' ? made : asText(made);
    } catch (error) {
      throw failureOf(error, variables);
    }
  }

  /** Throws a {@link TemplateFailure} where the text is no template at all. What it will lack is not known yet. */
  check(text: string): void {
    if (isPlain(text)) return;
    try {
      this.#parse(text);
    } catch (error) {
      throw failureOf(error, {});
    }
  }

  #parse(text: string): Template[] {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    refuseTooMuchCode(text);
    const parsed = this.#liquid.parse(text);
    if (text.length <= PARSED_KEPT_LENGTH_MAX) {
      if (this.#parsed.size >= PARSED_KEPT_MAX) this.#parsed.clear();
      this.#parsed.set(text, parsed);
    }
    return parsed;
  }
}

function isPlain(text: string): boolean {
  return !text.includes('{{') && !text.includes('{%');
}

/** The time limit holds for rendering only, so what is parsed is bounded by its size. Linear in the text. */
function refuseTooMuchCode(text: string): void {
  const opening = /\{[{%]/g;
  let code = 0;
  for (let marks = 1; opening.test(text); marks++) {
    const start = opening.lastIndex;
    const end = text.indexOf(text[start - 1] === '{' ? '}}' : '%}', start);
    code += (end === -1 ? text.length : end) - start;
    if (marks > TEMPLATE_MARKS_MAX || code > TEMPLATE_CODE_MAX) {
      const expected = `at most ${TEMPLATE_MARKS_MAX} tags and outputs with ${TEMPLATE_CODE_MAX} characters in them`;
      throw new TemplateFailure(
        'TemplateLimit',
        expected,
        'more',
        'Use a loop, or put long texts into "data".',
      );
    }
    if (end === -1) return;
    opening.lastIndex = end + 2;
  }
}

/** Texts as they are, nothing for null, JSON for lists and objects: what a reader, or a model, can make something of. */
function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

function failureOf(error: unknown, variables: Variables): TemplateFailure {
  if (error instanceof TemplateFailure) return error;
  const cause = error instanceof LiquidError ? (error as { originalError?: unknown }).originalError : error;
  if (!(error instanceof Error))
    return new TemplateFailure('TemplateError', 'a template that can be rendered', describe(String(error)));
  const limit = limitIn(error, cause);
  if (limit !== null)
    return new TemplateFailure('TemplateLimit', ...limit, 'Check the loops of the template.');
  const missing = missingVariable(cause);
  if (missing !== null) return unknownVariable(missing, placeIn(error), variables);
  const message = error.message.replace(/, file:.*$/s, '');
  const tag = /^tag "(\w+)" not found/.exec(message)?.[1];
  if (tag !== undefined && (FILE_TAGS as readonly string[]).includes(tag))
    return new TemplateFailure(
      'TemplateError',
      'a template without includes',
      'one that includes another',
      'Put the text in as data: {"file": "prompts/…"}.',
    );
  return new TemplateFailure('TemplateError', 'a template in Liquid', message);
}

/** Which limit it ran into, as what was expected and what was got; null where it is another error. */
function limitIn(error: Error, cause: unknown): readonly [expected: string, got: string] | null {
  if (error instanceof OutputTooLong || cause instanceof OutputTooLong)
    return [`at most ${LIMITS.template_output_bytes_max} characters of output`, 'more'];
  if (/template render limit exceeded/.test(error.message))
    return [`a template that is rendered within ${LIMITS.template_time_ms} ms`, 'one that takes longer'];
  if (
    error instanceof BudgetSpent ||
    cause instanceof BudgetSpent ||
    /Invalid string length|Invalid array length|call stack|parse length limit/.test(error.message)
  )
    return ['a template that needs less memory', 'one that makes very long texts, lists or nestings'];
  return null;
}

function missingVariable(cause: unknown): string | null {
  if (typeof cause !== 'object' || cause === null || !('variableName' in cause)) return null;
  return typeof cause.variableName === 'string' ? cause.variableName : null;
}

function unknownVariable(name: string, place: string, variables: Variables): TemplateFailure {
  const parts = name.split('.');
  const last = parts.at(-1) ?? name;
  const parent = parts
    .slice(0, -1)
    .reduce<unknown>((value, part) => (isObject(value) ? value[part] : undefined), variables);
  const known = isObject(parent) ? Object.keys(parent) : [];
  const of = parts.length === 1 ? 'a variable of "data"' : `a field of ${parts.slice(0, -1).join('.')}`;
  const meant = nearest(last, known);
  const expected = known.length === 0 ? `${of}; there are none` : `${of} (${anyOf(known)})`;
  return new TemplateFailure(
    'VariableMissing',
    expected,
    `${describe(name)}${place}`,
    meant === null ? undefined : `Did you mean ${meant}?`,
  );
}

function placeIn(error: Error): string {
  const found = /, line:(\d+), col:(\d+)/.exec(error.message);
  return found === null ? '' : ` in line ${found[1]}, column ${found[2]} of the template`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
