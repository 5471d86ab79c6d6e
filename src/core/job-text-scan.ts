/**
 * Reads JSON with comments and trailing commas token by token, with a stack of its own, so that no text can overflow ours.
 * This is the careful way of job-text.ts: it knows where everything stands, and objects to what JSON.parse lets pass.
 */
import { createScanner, type JSONScanner } from 'jsonc-parser';
import { childPath, WHOLE } from './job-path.ts';
import { LIMITS } from './limits.ts';

/** Token numbers of jsonc-parser, whose ambient enum cannot be imported as a value. */
const TOKEN = {
  openBrace: 1,
  closeBrace: 2,
  openBracket: 3,
  closeBracket: 4,
  comma: 5,
  colon: 6,
  null: 7,
  true: 8,
  false: 9,
  string: 10,
  number: 11,
  lineComment: 12,
  blockComment: 13,
  lineBreak: 14,
  space: 15,
  unknown: 16,
  end: 17,
} as const;

const STRING_ERRORS: Readonly<Record<number, string>> = {
  2: 'a text without its closing quote',
  4: 'a \\u that is not followed by four hexadecimal digits',
  5: 'a backslash before a character that needs none',
  6: 'a control character inside a text',
};

/** What is wrong at an offset of the text. */
export interface TextFault {
  readonly offset: number;
  readonly path: string;
  readonly expected: string;
  readonly got: string;
  readonly hint?: string;
  /** Offset of the first of two equal keys. */
  readonly first?: number;
}

export interface Scan {
  readonly value: unknown;
  readonly faults: readonly TextFault[];
  /** Where each property (at its key) and each element begins, by path. Empty unless it was asked for. */
  readonly offsets: ReadonlyMap<string, number>;
}

interface Frame {
  readonly value: Record<string, unknown> | unknown[];
  readonly keys: Map<string, number>;
  key: string;
}

type Expecting = 'value' | 'value_or_end' | 'key_or_end' | 'colon' | 'comma_or_end' | 'nothing';

const EXPECTED: Readonly<Record<Exclude<Expecting, 'comma_or_end'>, string>> = {
  value: 'a JSON value',
  value_or_end: 'a JSON value or "]"',
  key_or_end: 'a key in double quotes or "}"',
  colon: '":" after the key',
  nothing: 'nothing after the end of the value',
};

/** A text fault ends the scan: what follows a missing bracket can only be guessed. */
class TextError extends Error {
  readonly fault: TextFault;

  constructor(fault: TextFault) {
    super(fault.expected);
    this.fault = fault;
  }
}

/** `places` asks for offsets, too, which takes twice the time. */
export function scanJobText(text: string, places: boolean): Scan {
  const scan = new TextScan(text, places);
  const value = scan.run();
  return { value, faults: scan.faults, offsets: scan.offsets };
}

class TextScan {
  readonly faults: TextFault[] = [];
  readonly offsets = new Map<string, number>();
  readonly #text: string;
  readonly #places: boolean;
  readonly #scanner: JSONScanner;
  readonly #stack: Frame[] = [];
  #expecting: Expecting = 'value';
  #value: unknown;

  constructor(text: string, places: boolean) {
    this.#text = text;
    this.#places = places;
    this.#scanner = createScanner(text, false);
  }

  run(): unknown {
    try {
      for (let token = this.#next(); token !== TOKEN.end; token = this.#next()) this.#take(token);
      if (this.#expecting !== 'nothing') throw this.#unexpected();
      return this.#value;
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      this.faults.push(error.fault);
      return undefined;
    }
  }

  /** The next token that is no white space and no comment. */
  #next(): number {
    for (;;) {
      const token: number = this.#scanner.scan();
      if (token === TOKEN.blockComment && this.#scanner.getTokenError() !== 0) {
        throw this.#error('the end of a comment, */', 'the end of the text');
      }
      if (token < TOKEN.lineComment || token > TOKEN.space) return token;
    }
  }

  #take(token: number): void {
    const expecting = this.#expecting;
    if (expecting === 'comma_or_end') return this.#takeSeparator(token);
    if (expecting === 'colon') {
      if (token !== TOKEN.colon) throw this.#unexpected();
      this.#expecting = 'value';
      return undefined;
    }
    if (expecting === 'key_or_end') return token === TOKEN.closeBrace ? this.#close() : this.#takeKey(token);
    if (expecting === 'nothing') throw this.#unexpected();
    if (expecting === 'value_or_end' && token === TOKEN.closeBracket) return this.#close();
    return this.#takeValue(token);
  }

  #takeSeparator(token: number): void {
    const list = Array.isArray(this.#stack.at(-1)?.value);
    if (token === TOKEN.comma) this.#expecting = list ? 'value_or_end' : 'key_or_end';
    else if (token === (list ? TOKEN.closeBracket : TOKEN.closeBrace)) this.#close();
    else throw this.#unexpected();
  }

  #takeKey(token: number): void {
    if (token !== TOKEN.string) throw this.#unexpected();
    const frame = this.#stack.at(-1);
    if (frame === undefined) throw this.#unexpected();
    const key = this.#string();
    const offset = this.#scanner.getTokenOffset();
    const first = frame.keys.get(key);
    frame.key = key;
    this.#expecting = 'colon';
    if (first === undefined) {
      frame.keys.set(key, offset);
      if (this.#places) this.offsets.set(this.#path(), offset);
    } else {
      const got = `${quoted(key)} a second time`;
      this.#object({ offset, path: this.#path(), expected: 'each key once', got, first });
    }
  }

  #takeValue(token: number): void {
    const frame = this.#stack.at(-1);
    if (this.#places && (frame === undefined || Array.isArray(frame.value))) {
      this.offsets.set(this.#path(), this.#scanner.getTokenOffset());
    }
    if (token === TOKEN.openBrace || token === TOKEN.openBracket) this.#open(token === TOKEN.openBrace);
    else if (token === TOKEN.string) this.#put(this.#string());
    else if (token === TOKEN.number) this.#put(this.#number());
    else if (token === TOKEN.true || token === TOKEN.false) this.#put(token === TOKEN.true);
    else if (token === TOKEN.null) this.#put(null);
    else throw this.#unexpected();
  }

  #open(object: boolean): void {
    if (this.#stack.length >= LIMITS.job_depth_max) {
      const expected = `at most ${LIMITS.job_depth_max} brackets inside each other`;
      const top = this.#pathIn(1);
      throw new TextError({ offset: this.#scanner.getTokenOffset(), path: top, expected, got: 'one more' });
    }
    this.#stack.push({ value: object ? {} : [], keys: new Map(), key: '' });
    this.#expecting = object ? 'key_or_end' : 'value_or_end';
  }

  #close(): void {
    const frame = this.#stack.pop();
    this.#put(frame?.value);
  }

  #put(value: unknown): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) {
      this.#value = value;
      this.#expecting = 'nothing';
      return;
    }
    if (Array.isArray(frame.value)) frame.value.push(value);
    // An assignment to this one key would set the prototype instead of a property.
    else if (frame.key === '__proto__')
      Object.defineProperty(frame.value, frame.key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    else frame.value[frame.key] = value;
    this.#expecting = 'comma_or_end';
  }

  #string(): string {
    const wrong = STRING_ERRORS[this.#scanner.getTokenError()];
    if (wrong !== undefined)
      throw this.#error('a text in double quotes, with line breaks written as \\n', wrong);
    const value = this.#scanner.getTokenValue();
    if (!value.isWellFormed()) {
      this.#object({
        offset: this.#scanner.getTokenOffset(),
        path: this.#path(),
        expected: 'Unicode text',
        got: 'half of a surrogate pair',
        hint: 'Write the character itself, or both halves: "\\ud83d\\ude00".',
      });
    }
    return value;
  }

  #number(): number {
    const literal = this.#scanner.getTokenValue();
    if (this.#scanner.getTokenError() !== 0) throw this.#error('digits', `the number ${clipped(literal)}`);
    const value = Number(literal);
    const offset = this.#scanner.getTokenOffset();
    if (/^-?\d+$/.test(literal) && !Number.isSafeInteger(value)) {
      const hint = 'JSON numbers this large lose digits. Write it as a text, in quotes.';
      this.#object({
        offset,
        path: this.#path(),
        expected: 'an integer within ±9007199254740991',
        got: clipped(literal),
        hint,
      });
    } else if (!Number.isFinite(value)) {
      this.#object({
        offset,
        path: this.#path(),
        expected: 'a number within ±1.8e308',
        got: clipped(literal),
      });
    }
    return value;
  }

  /** The path of what is being read: of a value, or of a key. */
  #path(): string {
    return this.#pathIn(this.#expecting === 'key_or_end' ? this.#stack.length - 1 : this.#stack.length);
  }

  /** The path through the outermost `depth` brackets. */
  #pathIn(depth: number): string {
    let path = WHOLE;
    for (const { value, key } of this.#stack.slice(0, depth))
      path = childPath(path, Array.isArray(value) ? value.length : key);
    return path;
  }

  /** An objection that leaves the rest readable. A text with very many of them is not worth reading to its end. */
  #object(fault: TextFault): void {
    if (this.faults.length >= LIMITS.faults_max) throw new TextError(fault);
    this.faults.push(fault);
  }

  #unexpected(): TextError {
    if (this.#expecting === 'comma_or_end') return this.#error(this.#separators(), this.#token());
    return this.#error(EXPECTED[this.#expecting], this.#token());
  }

  #separators(): string {
    return Array.isArray(this.#stack.at(-1)?.value) ? '"," or "]"' : '"," or "}"';
  }

  #error(expected: string, got: string): TextError {
    return new TextError({
      offset: this.#scanner.getTokenOffset(),
      path: this.#pathIn(this.#stack.length - 1),
      expected,
      got,
    });
  }

  #token(): string {
    const offset = this.#scanner.getTokenOffset();
    const found = this.#text.slice(offset, offset + this.#scanner.getTokenLength());
    return found === '' ? 'the end of the text' : clipped(found);
  }
}

function clipped(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37).toWellFormed()}…` : text.toWellFormed();
}

function quoted(text: string): string {
  return JSON.stringify(clipped(text));
}
