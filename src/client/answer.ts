/** Reading answers: JSON bodies, and the problems that stand in the place of one. */
import type { IncomingMessage } from 'node:http';
import { Problem, type ProblemBody, problemFromBody } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import { unreachable } from './unreachable.ts';

/** The whole body as text. Rejects with `Problem('Unreachable')` where the connection breaks off in its middle. */
export async function readText(answer: IncomingMessage, place: string): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw unreachable(place, error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The body as JSON, taken at its word: both ends are of one version of one contract. */
export async function readJson<T>(answer: IncomingMessage, place: string): Promise<T> {
  const text = await readText(answer, place);
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw notPromptd(answer, place, text, error);
  }
}

/** The server's problem; or, where something else answers at that place, one that says so. */
export async function problemOf(answer: IncomingMessage, place: string): Promise<Problem> {
  const text = await readText(answer, place);
  const type = answer.headers['content-type'] ?? '';
  if (/\bjson\b/.test(type)) {
    try {
      const body: unknown = JSON.parse(text);
      if (isJsonObject(body) && typeof body['code'] === 'string' && typeof body['detail'] === 'string') {
        return problemFromBody(body as unknown as ProblemBody);
      }
    } catch {
      // It claims to be JSON and is none: said below, with its beginning.
    }
  }
  return notPromptd(answer, place, text);
}

function notPromptd(answer: IncomingMessage, place: string, text: string, cause?: unknown): Problem {
  const start = text.slice(0, 120).replaceAll(/\s+/g, ' ').trim();
  const got = `${answer.statusCode ?? 0} ${answer.headers['content-type'] ?? 'without a type'}`;
  return new Problem(
    'Unreachable',
    `${place}: expected an answer of promptd, got ${got}${start === '' ? '' : `: ${start}`}`,
    {
      hint: 'Something else may listen there, or stand between: look at PROMPTD_URL.',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
