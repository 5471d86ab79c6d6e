// Plays a script into one HTTP answer.
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { LONG_LINE_BYTES, type ModelScript } from './model-script.ts';
import type { Speech } from './model-speech.ts';

export interface Playing {
  readonly script: ModelScript;
  readonly speech: Speech;
  readonly response: ServerResponse;
  readonly stream: boolean;
  readonly pieces: readonly string[];
  readonly input_tokens: number;
  /** Called for every piece that was written. */
  sent(): void;
  /** Resolves when a test releases the request, or it has ended. */
  readonly held: Promise<void>;
}

export async function play(playing: Playing): Promise<void> {
  const { script, response } = playing;
  await pause(script.headers_delay_ms ?? 0, response);
  if (script.hold === 'headers') await playing.held;
  if (script.stall === 'headers' || response.destroyed) return;
  if (script.close === true) response.destroy(new Error('closed by the script'));
  else if (isPlain(script)) sendPlain(playing);
  else if (playing.stream) await sendStream(playing);
  else sendWhole(playing);
}

function isPlain(script: ModelScript): boolean {
  return [script.status, script.error, script.body, script.redirect].some((field) => field !== undefined);
}

/** Everything that is no stream of tokens: errors, pages, redirects. */
function sendPlain({ script, speech, response }: Playing): void {
  const status =
    script.status ?? (script.redirect === undefined ? (script.error === undefined ? 200 : 500) : 307);
  const body =
    script.body ??
    speech.errorBody(script.error ?? `scripted status ${status}`, script.error_code ?? 'scripted');
  response.writeHead(status, {
    'content-type': script.content_type ?? 'application/json',
    ...(script.retry_after === undefined ? {} : { 'retry-after': script.retry_after }),
    ...(script.redirect === undefined ? {} : { location: script.redirect }),
  });
  response.end(body);
}

/** Answers `stream: false` in both protocols' form at once, which is enough for a look with curl. */
function sendWhole({ script, pieces, response }: Playing): void {
  const text = pieces.join('');
  const message = { role: 'assistant', content: text };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({
      message,
      done: true,
      choices: [{ index: 0, message, finish_reason: script.finish ?? 'stop' }],
    }),
  );
}

async function sendStream(playing: Playing): Promise<void> {
  const { script, speech, response, pieces } = playing;
  const reasoning = script.reasoning ?? [];
  response.writeHead(200, { 'content-type': script.content_type ?? speech.content_type });
  response.flushHeaders();
  for (const piece of reasoning) await sendPiece(playing, speech.piece(piece, 'reasoning'));
  for (const [index, piece] of pieces.entries()) {
    if (await interrupts(playing, index)) return;
    await sendPiece(playing, speech.piece(piece, 'text'));
  }
  if ((await interrupts(playing, pieces.length)) || response.destroyed) return;
  const usage = { input: playing.input_tokens, output: pieces.length + reasoning.length };
  response.end(speech.finish(script.finish ?? 'stop', script.usage === false ? null : usage));
}

async function sendPiece({ script, response, sent }: Playing, line: string): Promise<void> {
  await pause(script.token_delay_ms ?? 0, response);
  if (response.destroyed) return;
  response.write(line);
  sent();
}

/** What the script wants after so many pieces of text; true where the stream is over. */
async function interrupts({ script, speech, response, held }: Playing, pieces: number): Promise<boolean> {
  if (script.hold === pieces) await held;
  if (script.stall === pieces || response.destroyed) return true;
  if (script.fault?.after !== pieces) return false;
  const { kind } = script.fault;
  if (typeof kind === 'object') {
    response.end(kind.event);
    return true;
  }
  switch (kind) {
    case 'end':
      response.end();
      return true;
    case 'truncate':
      response.end(speech.piece('cut', 'text').slice(0, -12));
      return true;
    case 'reset':
      response.destroy(new Error('reset by the script'));
      return true;
    case 'error':
      response.end(speech.error('the model fell over', 'server_error'));
      return true;
    case 'broken_line':
      response.write(speech.brokenLine());
      return false;
    case 'invalid_utf8':
      response.write(Buffer.from(speech.piece('@@', 'text').replace('@@', '\u00FF\u00FE'), 'latin1'));
      return false;
    case 'long_line':
      await writeSlowly(response, speech.piece('x'.repeat(LONG_LINE_BYTES), 'text'));
      return false;
  }
}

async function writeSlowly(response: ServerResponse, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length && !response.destroyed; at += 1_000_000) {
    if (response.write(bytes.subarray(at, at + 1_000_000))) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        response.off('drain', go).off('close', go);
        resolve();
      };
      response.on('drain', go).on('close', go);
    });
  }
}

/** Ends early when the answer has been closed, so that no timer outlives a test. */
async function pause(ms: number, response: ServerResponse): Promise<void> {
  if (ms <= 0 || response.destroyed) return;
  const stop = new AbortController();
  const onClose = (): void => stop.abort();
  response.once('close', onClose);
  await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  response.off('close', onClose);
}
