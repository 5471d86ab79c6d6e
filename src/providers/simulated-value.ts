/** What the simulator answers where a schema is asked for: a value that matches the plain ones. Patterns are beyond it. */
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';

/** Below this, only what must be there is made up, so that a schema that refers to itself comes to an end. */
const DEPTH_MAX = 4;
const DEPTH_GIVEN_UP = 50;
/** Values and references of one answer: a schema can ask for more than there is room for. */
const STEPS_MAX = 2_000;
const CHARS_MAX = 500;
const WORDS = ['summary', 'finding', 'reading', 'evidence', 'context', 'measure', 'claim', 'note'];

/** `draw` gives a number below its argument, and decides everything. */
export function simulatedValue(schema: JsonObject, draw: (max: number) => number): Json {
  return new Maker(schema, draw).make(schema, 0);
}

class Maker {
  readonly #root: JsonObject;
  readonly #draw: (max: number) => number;
  #steps = 0;

  constructor(root: JsonObject, draw: (max: number) => number) {
    this.#root = root;
    this.#draw = draw;
  }

  make(given: Json | undefined, depth: number): Json {
    if (!isJsonObject(given) || this.#isEnough(depth)) return null;
    const schema = this.#whole(given, depth);
    if ('const' in schema) return schema['const'] ?? null;
    if (Array.isArray(schema['enum'])) return this.#oneOf(schema['enum'] as readonly Json[]) ?? null;
    const branches = schema['anyOf'] ?? schema['oneOf'];
    if (Array.isArray(branches))
      return this.make(this.#branch(branches as readonly Json[], depth), depth + 1);
    switch (typeOf(schema)) {
      case 'object':
        return this.#object(schema, depth);
      case 'array':
        return this.#array(schema, depth);
      case 'string':
        return this.#string(schema);
      case 'integer':
      case 'number':
        return this.#number(schema);
      case 'boolean':
        return this.#draw(2) === 1;
      default:
        return null;
    }
  }

  #isEnough(depth: number): boolean {
    this.#steps += 1;
    return depth > DEPTH_GIVEN_UP || this.#steps > STEPS_MAX;
  }

  /** With what `$ref` and `allOf` bring in. */
  #whole(schema: JsonObject, depth: number): JsonObject {
    const { $ref, allOf, ...own } = schema;
    const parts = [...(Array.isArray(allOf) ? (allOf as readonly Json[]) : []), this.#at($ref)];
    if (this.#isEnough(depth) || parts.every((part) => !isJsonObject(part))) return own;
    const brought = parts.filter((part) => isJsonObject(part)).map((part) => this.#whole(part, depth + 1));
    return [...brought, own].reduce((all, one) => ({
      ...all,
      ...one,
      ...joined('properties', all, one),
    }));
  }

  /** What a reference within the schema names. */
  #at(ref: Json | undefined): Json | undefined {
    if (typeof ref !== 'string' || !ref.startsWith('#')) return undefined;
    const keys = ref.slice(1).split('/').slice(1);
    return keys
      .map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<Json | undefined>((at, key) => (isJsonObject(at) ? at[key] : undefined), this.#root);
  }

  #branch(branches: readonly Json[], depth: number): Json | undefined {
    const end = branches.find((one) => isJsonObject(one) && one['type'] === 'null');
    return depth > DEPTH_MAX && end !== undefined ? end : this.#oneOf(branches);
  }

  #oneOf(list: readonly Json[]): Json | undefined {
    return list[this.#draw(list.length)];
  }

  #object(schema: JsonObject, depth: number): JsonObject {
    const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
    const required = Array.isArray(schema['required']) ? (schema['required'] as readonly Json[]) : [];
    const names = depth < DEPTH_MAX ? [...Object.keys(properties), ...required] : required;
    return Object.fromEntries(
      [...new Set(names)]
        .filter((name) => typeof name === 'string')
        .map((name) => [name, this.make(properties[name], depth + 1)]),
    );
  }

  #array(schema: JsonObject, depth: number): Json {
    const [least, most] = between(schema, 'minItems', 'maxItems', depth < DEPTH_MAX ? 2 : 0, STEPS_MAX);
    const first = Array.isArray(schema['prefixItems']) ? (schema['prefixItems'] as readonly Json[]) : [];
    const length = Math.min(Math.max(least, first.length), most);
    return Array.from({ length }, (_, index) => this.make(first[index] ?? schema['items'], depth + 1));
  }

  #string(schema: JsonObject): string {
    const [least, most] = between(schema, 'minLength', 'maxLength', 1, CHARS_MAX);
    let text = WORDS[this.#draw(WORDS.length)] ?? '';
    while (text.length < least) text += ` ${WORDS[this.#draw(WORDS.length)] ?? ''}`;
    return text.slice(0, most);
  }

  #number(schema: JsonObject): number {
    const step = numberIn(schema, 'multipleOf') ?? 1;
    const above = numberIn(schema, 'exclusiveMinimum');
    const below = numberIn(schema, 'exclusiveMaximum');
    const least = numberIn(schema, 'minimum') ?? (above === null ? null : above + step);
    const most = numberIn(schema, 'maximum') ?? (below === null ? null : below - step);
    const first = Math.ceil((least ?? Math.min(0, most ?? 0)) / step);
    const last = Math.floor((most ?? Math.max(100, (least ?? 0) + 100)) / step);
    // A range without a whole step in it, such as 0.2 to 0.8.
    if (last < first) return ((least ?? 0) + (most ?? 0)) / 2;
    return (first + this.#draw(Math.min(last - first + 1, 1_000))) * step;
  }
}

function typeOf(schema: JsonObject): Json | undefined {
  const { type } = schema;
  if (Array.isArray(type)) return (type as readonly Json[]).find((one) => one !== 'null') ?? 'null';
  if (type !== undefined) return type;
  if ('properties' in schema || 'required' in schema) return 'object';
  return 'items' in schema || 'prefixItems' in schema ? 'array' : undefined;
}

/** The least and the most of something; where the schema does not say, `usual` and `max`. */
function between(
  schema: JsonObject,
  leastName: string,
  mostName: string,
  usual: number,
  max: number,
): readonly [number, number] {
  const most = Math.min(numberIn(schema, mostName) ?? max, max);
  return [Math.min(numberIn(schema, leastName) ?? usual, most), most];
}

function numberIn(schema: JsonObject, name: string): number | null {
  const value = schema[name];
  return typeof value === 'number' ? value : null;
}

function joined(name: string, a: JsonObject, b: JsonObject): JsonObject {
  const [one, other] = [a[name], b[name]];
  return isJsonObject(one) && isJsonObject(other) ? { [name]: { ...one, ...other } } : {};
}
