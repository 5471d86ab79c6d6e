/** F71: an answer whose bytes the network cuts, in its characters, in its lines, and before its end. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProviderError } from '../../src/core/ports/provider.ts';
import { speechOf, type Protocol } from '../support/model-speech.ts';
import { ask, callOf, failureOf, realProvider } from './calls.ts';

const TEXT = 'größer als \u{1F600}, 你好\u2028"quoted"\n';

function ollama(): Buffer {
  const part = (more: object): string =>
    `${JSON.stringify({ model: 'm', created_at: '2026-01-01T00:00:00Z', ...more })}\n`;
  const pieces = Array.from(TEXT, (content) =>
    part({ message: { role: 'assistant', content }, done: false }),
  );
  const last = part({
    message: { role: 'assistant', content: '' },
    done: true,
    done_reason: 'stop',
    eval_count: 3,
  });
  return Buffer.from(pieces.join('') + last);
}

function openai(): Buffer {
  const part = (choice: object): string =>
    `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'm', choices: [{ index: 0, ...choice }] })}\n\n`;
  const pieces = Array.from(TEXT, (content) => part({ delta: { content }, finish_reason: null }));
  return Buffer.from(`${pieces.join('')}${part({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`);
}

/** A vendor's answer, in the words of the scripted server. */
function spoken(protocol: Protocol): Buffer {
  const speech = speechOf(protocol, 'm');
  const pieces = Array.from(TEXT, (text) => speech.piece(text, 'text'));
  return Buffer.from(pieces.join('') + speech.finish('stop', { input: 1, output: 3 }));
}

const PROTOCOLS = [
  { kind: 'ollama', path: '', type: 'application/x-ndjson', whole: ollama(), done: '"done":true' },
  {
    kind: 'openai-compatible',
    path: '/v1',
    type: 'text/event-stream',
    whole: openai(),
    done: '"finish_reason":"stop"',
  },
  ...(
    [
      ['openai', '"finish_reason":"stop"'],
      ['mistral', '"finish_reason":"stop"'],
      ['anthropic', '{"type":"message_stop"'],
      ['google', '"finishReason":"STOP"'],
    ] as const
  ).map(([kind, done]) => ({ kind, path: '', type: 'text/event-stream', whole: spoken(kind), done })),
] as const;

/** How the server gives the answer of the next request. */
interface Way {
  readonly bytes: Buffer;
  readonly piece_bytes: number;
  readonly end: 'end' | 'reset';
}

let way: Way;
let type = '';
const server = createServer(async (request, response) => {
  request.resume();
  await once(request, 'end');
  response.writeHead(200, { 'content-type': type });
  response.flushHeaders();
  const { bytes, piece_bytes, end } = way;
  for (let at = 0; at < bytes.length && !response.destroyed; at += piece_bytes) {
    response.write(bytes.subarray(at, at + piece_bytes));
    // Each piece is a packet of its own, as far as this machine lets it be.
    if (at % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (end === 'end') response.end();
  else response.socket?.resetAndDestroy();
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe.each(PROTOCOLS)('an answer of $kind', ({ kind, path, type: content_type, whole, done }) => {
  const provider = realProvider(kind);
  const given = (next: Way) => {
    way = next;
    type = content_type;
    const { port } = server.address() as AddressInfo;
    return ask(provider, callOf(kind, `http://127.0.0.1:${port}${path}`));
  };

  it.each([1, 2, 3, 5, 7, 1_000])(
    'F71: in pieces of %i bytes is the same text, no character cut in two',
    async (piece_bytes) => {
      const answer = await given({ bytes: whole, piece_bytes, end: 'end' });
      expect(answer.text).toBe(TEXT);
      expect(answer.finish_reason).toBe('stop');
    },
  );

  it(
    'F71: that ends anywhere before it says that it is done is no answer, never a shorter one',
    { timeout: 60_000 },
    async () => {
      const said = whole.indexOf(done);
      expect(said).toBeGreaterThan(100);
      for (let bytes = 0; bytes < said; bytes += 61)
        for (const end of ['end', 'reset'] as const) {
          const asked = given({ bytes: whole.subarray(0, bytes), piece_bytes: 1_000, end });
          const failure = await failureOf(asked);
          expect([bytes, end, failure.blame]).toEqual([bytes, end, 'transient']);
          expect(['InvalidAnswer', 'ProviderError']).toContain(failure.reason_code);
        }
    },
  );

  it(
    'F71: with a byte that is no text anywhere in it is refused, not mended',
    { timeout: 60_000 },
    async () => {
      for (let at = 3; at < whole.length; at += 97) {
        const bytes = Buffer.from(whole);
        bytes[at] = 0xff;
        const outcome = await given({ bytes, piece_bytes: 1_000, end: 'end' }).then(
          () => 'answered',
          (error: unknown) => (error instanceof ProviderError ? error.failure.reason_code : error),
        );
        // 0xff stands in no UTF-8: whatever it hits, the answer is not what the server meant.
        expect([at, outcome]).toEqual([at, 'InvalidAnswer']);
      }
    },
  );
});
