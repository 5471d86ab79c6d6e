/** Reads what a command script prints: `{"http": {…}}` or `{"exec": {…}}`, and nothing else. */
import { z } from 'zod';
import { anyOf, describe } from '../core/describe.ts';
import type { Fault } from '../core/errors.ts';
import { JobFaults } from '../core/job-faults.ts';
import { childPath, WHOLE } from '../core/job-path.ts';
import { parseJobText } from '../core/job-text.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import { isJsonPointer } from '../core/json-pointer.ts';
import { HTTP_METHODS, type HttpCommand, type ResultPlace } from '../core/ports/http-command.ts';
import { isSecretKey } from '../core/secrets.ts';
import { faultOfPath } from './command-path.ts';

/** A program to run instead of asking a server. */
export interface ExecCommand {
  readonly argv: readonly [program: string, ...args: string[]];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
}

export type Command =
  | { readonly kind: 'http'; readonly http: HttpCommand }
  | { readonly kind: 'exec'; readonly exec: ExecCommand };

/** What is wrong with it where it is none; the list is not empty then. */
export type ReadCommand = Command | { readonly kind: 'none'; readonly faults: readonly Fault[] };

/** The words of OpenAI's streams, which most servers imitate. */
const OPENAI_DELTA = '/choices/0/delta/content';
const COMMAND_EXPECTED = '{"http": {…}} or {"exec": {…}}';
const HEADERS_MAX = 64;
const HEADER_CHARS_MAX = 8_192;
const POINTER_CHARS_MAX = 1_000;

const nulFree = (error: string): z.ZodString => z.string({ error }).regex(/^[^\0]*$/, { error });

const pathSchema = z
  .string({ error: 'a path that begins with one /, such as "/chat/completions"' })
  .superRefine((path, context) => {
    const expected = faultOfPath(path);
    if (expected !== null) context.addIssue({ code: 'custom', message: expected });
  });

const httpSchema = z.strictObject(
  {
    method: z.enum(HTTP_METHODS, { error: anyOf(HTTP_METHODS) }).default('POST'),
    path: pathSchema,
    headers: z.unknown().optional(),
    body: z.unknown().optional(),
    result: z.unknown().optional(),
  },
  {
    error:
      'an object such as {"path": "/chat/completions", "body": {…}, "result": "/choices/0/message/content"}',
  },
);

const pointerSchema = z
  .string({ error: 'a JSON pointer such as "/choices/0/delta/content"' })
  .max(POINTER_CHARS_MAX, { error: `a JSON pointer of at most ${POINTER_CHARS_MAX} characters` })
  .refine(isJsonPointer, { error: 'a JSON pointer such as "/choices/0/delta/content"' });

const sseSchema = z.strictObject({ sse: pointerSchema, end: pointerSchema.optional() });

const ARGV_EXPECTED = 'a list of texts, the program first';
const execSchema = z.strictObject(
  {
    argv: z
      .array(nulFree('a text without NUL'), { error: ARGV_EXPECTED })
      .min(1, { error: ARGV_EXPECTED })
      .refine(([program]) => program !== '', { error: 'a program in front' }),
    stdin: z.string({ error: 'a text' }).default(''),
    env: z.unknown().optional(),
  },
  { error: 'an object such as {"argv": ["/usr/bin/env", "date"]}' },
);

export function readCommand(text: string): ReadCommand {
  const { value, faults: textFaults } = parseJobText(text);
  if (textFaults.length > 0) return { kind: 'none', faults: textFaults };
  const faults = new JobFaults();
  const command = commandOf(value, faults);
  return command === null || faults.list.length > 0 ? { kind: 'none', faults: faults.list } : command;
}

function commandOf(value: unknown, faults: JobFaults): Command | null {
  if (!isJsonObject(value)) return wrong(faults, WHOLE, COMMAND_EXPECTED, describe(value));
  for (const key of Object.keys(value))
    if (key !== 'http' && key !== 'exec') faults.unknownKey(WHOLE, key, ['http', 'exec']);
  const { http, exec } = value;
  if (http !== undefined && exec !== undefined)
    return wrong(faults, WHOLE, `${COMMAND_EXPECTED}, one of them`, 'both');
  if (http !== undefined) return httpOf(http, faults);
  if (exec !== undefined) return execOf(exec, faults);
  return faults.list.length > 0 ? null : wrong(faults, WHOLE, COMMAND_EXPECTED, describe(value));
}

function wrong(faults: JobFaults, path: string, expected: string, got: string): null {
  faults.add('InvalidJob', path, expected, got);
  return null;
}

function httpOf(value: Json, faults: JobFaults): Command | null {
  const given = faults.check(httpSchema, value, 'http');
  if (given === undefined) return null;
  const { method, path } = given;
  // What JSON.parse made is JSON; the schema only looked at the rest.
  const body = (given.body ?? null) as Json;
  if (method === 'GET' && body !== null) wrong(faults, 'http.body', 'no body with GET', describe(body));
  const headers = headersOf(given.headers, faults);
  const result = resultOf(given.result, faults);
  return result === null ? null : { kind: 'http', http: { method, path, headers, body, result } };
}

const RESULT_EXPECTED =
  'a JSON pointer such as "/choices/0/message/content", "sse", {"sse": pointer} or "text"';

function resultOf(value: unknown, faults: JobFaults): ResultPlace | null {
  if (value === 'text') return { kind: 'text' };
  if (value === 'sse') return { kind: 'sse', pointer: OPENAI_DELTA, end: null };
  if (isJsonObject(value)) {
    const stream = faults.check(sseSchema, value, 'http.result');
    return stream === undefined ? null : { kind: 'sse', pointer: stream.sse, end: stream.end ?? null };
  }
  if (typeof value !== 'string' || value.length > POINTER_CHARS_MAX || !isJsonPointer(value))
    return wrong(faults, 'http.result', RESULT_EXPECTED, describe(value));
  return { kind: 'json', pointer: value };
}

/** Those of the connection, and those by which a proxy would take the request for another one. */
const REFUSED_HEADERS =
  /^(?:host|connection|keep-alive|upgrade|te|trailer|expect|content-length|content-encoding|transfer-encoding|http2-settings|set-cookie2?|cookie2|proxy-.*|forwarded|x-forwarded-.*|x-real-ip|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override)$/;
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,99}$/;
/** Printable ASCII and tabs: no line can be broken. */
const HEADER_VALUE = /^[\t\u0020-\u007E]*$/;

function headersOf(value: unknown, faults: JobFaults): HttpCommand['headers'] {
  if (value === undefined) return [];
  const all = entriesOf(value, 'http.headers', faults);
  if (all.length > HEADERS_MAX)
    wrong(faults, 'http.headers', `at most ${HEADERS_MAX} headers`, String(all.length));
  const seen = new Set<string>();
  // A value is never shown: it may be the secret that made the header a refused one.
  return all.flatMap(([name, text]) => {
    const lower = name.toLowerCase();
    const at = childPath('http.headers', name);
    if (!HEADER_NAME.test(name))
      wrong(faults, 'http.headers', 'names of letters, digits and hyphens', describe(name));
    else if (REFUSED_HEADERS.test(lower) || isSecretKey(lower))
      wrong(
        faults,
        at,
        'no such header: promptd sets the address, the key and the connection itself',
        describe(name),
      );
    else if (seen.has(lower)) wrong(faults, at, 'each header once', describe(name));
    else if (typeof text !== 'string' || text.length > HEADER_CHARS_MAX || !HEADER_VALUE.test(text))
      wrong(faults, at, `a text of printable ASCII, at most ${HEADER_CHARS_MAX} characters`, 'another value');
    else {
      seen.add(lower);
      return [[lower, text] as const];
    }
    return [];
  });
}

function execOf(value: Json, faults: JobFaults): Command | null {
  const given = faults.check(execSchema, value, 'exec');
  if (given === undefined) return null;
  const [program, ...args] = given.argv;
  if (program === undefined) return null;
  return {
    kind: 'exec',
    exec: { argv: [program, ...args], stdin: given.stdin, env: envOf(given.env, faults) },
  };
}

function envOf(value: unknown, faults: JobFaults): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const env: [string, string][] = [];
  for (const [name, text] of entriesOf(value, 'exec.env', faults)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name === '__proto__')
      wrong(faults, 'exec.env', 'names of letters, digits and _', describe(name));
    else if (typeof text !== 'string' || text.includes('\0'))
      wrong(faults, childPath('exec.env', name), 'a text without NUL', 'another value');
    else env.push([name, text]);
  }
  return Object.fromEntries(env);
}

/** By hand, since a record of zod's passes over a key `__proto__` in silence. */
function entriesOf(value: unknown, path: string, faults: JobFaults): readonly [string, Json][] {
  if (isJsonObject(value)) return Object.entries(value);
  wrong(faults, path, 'an object of texts', describe(value));
  return [];
}
