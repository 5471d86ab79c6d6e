/** Takes the answer of a command out of what the server sent. */
import type { AttemptObserver } from '../core/attempt.ts';
import { describe } from '../core/describe.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import { lookUp, type Pointed } from '../core/json-pointer.ts';
import type { ResultPlace } from '../core/ports/http-command.ts';
import { ProviderError, type ProviderAnswer } from '../core/ports/provider.ts';
import type { AnswerText } from './answer-text.ts';
import { readErrorValue } from './error-body.ts';
import { answerTooLarge, failureInStream, invalidAnswer, type Upstream } from './failures.ts';
import { eventsOf } from './http-command-events.ts';
import { KeyWatch } from './http-command-key.ts';
import { Said } from './http-command-said.ts';
import { failureInAnswer } from './network-failures.ts';

export interface AnswerReading {
  readonly place: ResultPlace;
  readonly upstream: Upstream;
  readonly text: AnswerText;
  readonly observer: AttemptObserver;
  readonly result_bytes_max: number;
}

type ReadAnswer = Omit<ProviderAnswer, 'parameters_sent' | 'warnings'>;

/** JSON has quotes, escapes and a frame around the answer. */
const FRAME_BYTES = 1024 * 1024;

export async function readAnswer(response: Response, reading: AnswerReading): Promise<ReadAnswer> {
  const { place, upstream } = reading;
  if (place.kind === 'sse') return readStream(response, reading, place);
  const body = await readWhole(response, reading);
  if (place.kind === 'text') return finished(body, new Said(), reading);
  const value = parsed(body, upstream);
  const said = new Said();
  said.hear(value);
  return finished(textAt(value, place.pointer, upstream), said, reading);
}

/** Told as one piece: only so it is known to hold no key. */
function finished(answer: string, said: Said, { text, upstream }: AnswerReading): ReadAnswer {
  const watch = new KeyWatch(upstream);
  text.addText(watch.pass(answer));
  text.addText(watch.rest());
  return { text: text.text, reasoning: text.reasoning, ...said.told };
}

async function readWhole(response: Response, reading: AnswerReading): Promise<string> {
  const { place, upstream, observer, result_bytes_max } = reading;
  const bytesMax = result_bytes_max + (place.kind === 'text' ? 0 : FRAME_BYTES);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of partsOf(response, upstream)) {
    parts.push(part);
    bytes += part.byteLength;
    if (bytes > bytesMax) throw new ProviderError(answerTooLarge(upstream, result_bytes_max));
    observer.phase('streaming');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new ProviderError(invalidAnswer(upstream, 'bytes that are not UTF-8'));
  }
}

async function* partsOf(response: Response, upstream: Upstream): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of response.body ?? []) yield part as Uint8Array;
  } catch (error) {
    throw error instanceof ProviderError ? error : new ProviderError(failureInAnswer(upstream, error), error);
  }
}

function parsed(body: string, upstream: Upstream): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    const got = body.trim() === '' ? 'nothing' : body.slice(0, 200);
    throw new ProviderError(invalidAnswer(upstream, `expected JSON, got ${got}`));
  }
}

function textAt(value: Json, pointer: string, upstream: Upstream): string {
  const pointed = lookUp(value, pointer);
  const { found } = pointed;
  if (typeof found === 'string') return found;
  // Some servers say 200 and mean an error.
  if (found == null && isJsonObject(value) && value['error'] != null)
    throw new ProviderError(failureInStream(upstream, readErrorValue(value)));
  if (found === undefined || found === null)
    throw new ProviderError(invalidAnswer(upstream, nothingAt(pointer, pointed)));
  try {
    return JSON.stringify(found);
  } catch {
    // JSON.parse takes any depth, JSON.stringify does not.
    throw new ProviderError(
      invalidAnswer(upstream, `what stands at ${pointer} is too deep to be written as JSON`),
    );
  }
}

const KEYS_SHOWN_MAX = 10;

function nothingAt(pointer: string, pointed: Pointed): string {
  if (pointed.found !== undefined) return `null stands at ${pointer}, which is no answer`;
  const { at, there } = pointed;
  const where = at === '' ? 'the body is' : `at ${at} is`;
  if (!isJsonObject(there)) return `nothing stands at ${pointer}: ${where} ${describe(there)}`;
  const keys = Object.keys(there);
  const more = keys.length > KEYS_SHOWN_MAX ? ', …' : '';
  return `nothing stands at ${pointer}: ${where} an object with ${keys.slice(0, KEYS_SHOWN_MAX).join(', ') || 'no keys'}${more}`;
}

type StreamPlace = Extract<ResultPlace, { readonly kind: 'sse' }>;

async function readStream(
  response: Response,
  reading: AnswerReading,
  place: StreamPlace,
): Promise<ReadAnswer> {
  const { upstream, text, result_bytes_max } = reading;
  const type = response.headers.get('content-type') ?? '';
  if (/^(?:application\/json|text\/html)/i.test(type)) {
    const what = `expected a stream of events, got ${type}. Ask for one in the body, as {"stream": true} does, or mend "result".`;
    throw new ProviderError(invalidAnswer(upstream, what));
  }
  const said = new Said();
  const watch = new KeyWatch(upstream);
  let ended = false;
  const tooLong = (): Error => new ProviderError(answerTooLarge(upstream, result_bytes_max));
  for await (const data of eventsOf(partsOf(response, upstream), result_bytes_max + FRAME_BYTES, tooLong)) {
    if (data === '[DONE]') ended = true;
    else {
      const event = parsed(data, upstream);
      said.hear(event);
      text.addReasoning(said.reasoningIn(event));
      text.addText(watch.pass(pieceAt(event, place.pointer, upstream)));
      ended = isEnd(event, place.end);
    }
    if (ended) break;
  }
  text.addText(watch.rest());
  if (!ended && !said.finished)
    throw new ProviderError(invalidAnswer(upstream, 'the answer ended before it was done'));
  return { text: text.text, reasoning: text.reasoning, ...said.told };
}

/** Events that carry no text are many: the role, the usage, a sign of life. */
function pieceAt(event: Json, pointer: string, upstream: Upstream): string {
  const { found } = lookUp(event, pointer);
  if (found === undefined || found === null) return '';
  if (typeof found === 'string') return found;
  throw new ProviderError(
    invalidAnswer(upstream, `an event with ${describe(found)} at ${pointer}, where a text was expected`),
  );
}

function isEnd(event: Json, end: string | null): boolean {
  if (isJsonObject(event) && event['type'] === 'message_stop') return true;
  if (end === null) return false;
  const { found } = lookUp(event, end);
  return found !== undefined && found !== null && found !== false;
}
