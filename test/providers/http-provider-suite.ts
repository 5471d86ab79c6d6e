// What providers hold to that speak HTTP, whatever a server does to them. The server is the scripted one.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import type { EndpointKind } from '../../src/core/endpoints.ts';
import type { Provider, ProviderAnswer, ProviderCall } from '../../src/core/ports/provider.ts';
import { startModelServer, type ModelScript, type ModelServer } from '../support/model-server.ts';
import { ask, callOf, endpointOf, failureOf, hear, neverAborted, realProvider } from './calls.ts';

const KEY = 'sk-test-0123456789abcdefXYZ';

/** What the server does, and whose fault it is. */
const FAILURES: readonly (readonly [
  title: string,
  script: ModelScript,
  expected: Partial<AttemptFailure>,
])[] = [
  [
    'a refused request',
    { status: 400, error: 'temperature is too high' },
    { blame: 'job', reason_code: 'BadRequest' },
  ],
  ['an unprocessable request', { status: 422 }, { blame: 'job', reason_code: 'BadRequest' }],
  [
    'a prompt that does not fit (Ollama)',
    { status: 400, error: 'the input length exceeds the context length' },
    { blame: 'job', reason_code: 'ContextTooLong' },
  ],
  [
    'a prompt that does not fit (OpenAI)',
    {
      status: 400,
      error: "This model's maximum context length is 8192 tokens.",
      error_code: 'context_length_exceeded',
    },
    { blame: 'job', reason_code: 'ContextTooLong' },
  ],
  [
    'a filtered prompt',
    { status: 400, error: 'The content was filtered', error_code: 'content_filter' },
    { blame: 'job', reason_code: 'ContentFiltered' },
  ],
  [
    'a wrong key',
    { status: 401, error: 'Incorrect API key' },
    { blame: 'hold', reason_code: 'EndpointAuth', scope: 'endpoint' },
  ],
  ['a forbidden key', { status: 403 }, { blame: 'hold', reason_code: 'EndpointAuth' }],
  ['a bill', { status: 402 }, { blame: 'hold', reason_code: 'EndpointQuota' }],
  [
    'an empty quota under 429',
    { status: 429, error: 'You exceeded your current quota', error_code: 'insufficient_quota' },
    { blame: 'hold', reason_code: 'EndpointQuota' },
  ],
  [
    '429 with seconds',
    { status: 429, retry_after: '7' },
    { blame: 'throttled', reason_code: 'EndpointThrottled', retry_after_ms: 7_000 },
  ],
  [
    '429 with a date that has passed',
    { status: 429, retry_after: 'Wed, 01 Jan 2020 00:00:00 GMT' },
    { blame: 'throttled', retry_after_ms: 0 },
  ],
  ['429 with nonsense', { status: 429, retry_after: 'soon' }, { blame: 'throttled', retry_after_ms: null }],
  [
    '429 with an absurd time',
    { status: 429, retry_after: '99999999999' },
    { blame: 'throttled', retry_after_ms: 3_600_000 },
  ],
  ['429 without a word', { status: 429 }, { blame: 'throttled', retry_after_ms: null }],
  ['529', { status: 529 }, { blame: 'throttled', reason_code: 'EndpointThrottled' }],
  [
    '503 that is busy',
    { status: 503, error: 'server busy, please try again. maximum pending requests exceeded' },
    { blame: 'throttled' },
  ],
  ['503 with Retry-After', { status: 503, retry_after: '2' }, { blame: 'throttled', retry_after_ms: 2_000 }],
  [
    '503 otherwise',
    { status: 503, error: 'down for maintenance' },
    { blame: 'transient', reason_code: 'ProviderError' },
  ],
  ['408', { status: 408 }, { blame: 'transient', reason_code: 'ProviderError' }],
  ['409', { status: 409 }, { blame: 'transient', reason_code: 'ProviderError' }],
  ['425', { status: 425 }, { blame: 'transient', reason_code: 'ProviderError' }],
  ['500', { status: 500 }, { blame: 'transient', reason_code: 'ProviderError' }],
  [
    'an HTML page of a proxy',
    { status: 502, body: '<!DOCTYPE html><title>Bad gateway</title>', content_type: 'text/html' },
    { blame: 'transient', reason_code: 'ProviderError' },
  ],
  [
    'an HTML page instead of an answer',
    { status: 200, body: '<html><title>Log in</title>', content_type: 'text/html' },
    { blame: 'transient', reason_code: 'InvalidAnswer' },
  ],
  [
    'a path that is not there',
    { status: 404, body: '404 page not found', content_type: 'text/plain' },
    { blame: 'hold', reason_code: 'EndpointUnreachable' },
  ],
  [
    'a 404 of another kind',
    { status: 404, error: 'no such deployment' },
    { blame: 'job', reason_code: 'BadRequest' },
  ],
  ['a redirect', { redirect: 'http://elsewhere.example/' }, { blame: 'job', reason_code: 'BadRequest' }],
  ['a closed connection', { close: true }, { blame: 'transient', reason_code: 'ProviderError' }],
  [
    'an answer cut in a line',
    { fault: { after: 2, kind: 'truncate' } },
    { blame: 'transient', reason_code: 'InvalidAnswer' },
  ],
  [
    'an answer without a finish',
    { fault: { after: 5, kind: 'end' } },
    { blame: 'transient', reason_code: 'InvalidAnswer' },
  ],
  [
    'an answer without anything',
    { tokens: 0, fault: { after: 0, kind: 'end' } },
    { blame: 'transient', reason_code: 'InvalidAnswer' },
  ],
  [
    'a connection that breaks',
    { fault: { after: 2, kind: 'reset' } },
    { blame: 'transient', reason_code: 'InvalidAnswer' },
  ],
  [
    'a broken line',
    { fault: { after: 2, kind: 'broken_line' } },
    { blame: 'transient', reason_code: 'InvalidAnswer' },
  ],
  [
    'bytes that are no text',
    { fault: { after: 2, kind: 'invalid_utf8' } },
    { blame: 'transient', reason_code: 'InvalidAnswer' },
  ],
  [
    'an error in the stream',
    { fault: { after: 2, kind: 'error' } },
    { blame: 'transient', reason_code: 'ProviderError' },
  ],
  [
    'a line without an end',
    { fault: { after: 2, kind: 'long_line' } },
    { blame: 'job', reason_code: 'AnswerTooLarge' },
  ],
];

/** In what a platform differs. */
export interface Manners {
  /** The header that carries the key, if not as a bearer. */
  readonly key_header?: string;
  /** The platform cannot leave out its counts: its answer would be none. */
  readonly always_counts?: boolean;
  /** The platform ends no answer with a filter. */
  readonly filters_nothing?: boolean;
  /** The platform counts what it thought, and does not tell it. */
  readonly hides_reasoning?: boolean;
}

export function httpProviderSuite(kind: EndpointKind, path: string, manners: Manners = {}): void {
  let server: ModelServer;
  let provider: Provider;
  const call = (prompt: string, more: Partial<ProviderCall> = {}): ProviderCall =>
    callOf(kind, `${server.url}${path}`, { messages: [{ role: 'user', content: prompt }], ...more });
  const answerTo = async (
    prompt: string,
    script: ModelScript,
    more: Partial<ProviderCall> = {},
  ): Promise<ProviderAnswer> => {
    server.script(prompt, script);
    return ask(provider, call(prompt, more));
  };

  beforeAll(async () => {
    provider = realProvider(kind);
    server = await startModelServer();
  });
  afterEach(() => server.reset());
  afterAll(async () => server.close());

  it('R5: passes pieces on while the server still writes', async () => {
    server.script('slow', { tokens: 4, hold: 2 });
    const heard = hear();
    const two = new Promise<void>((resolve) => {
      heard.onPiece = () => void (heard.pieces.length === 2 && resolve());
    });
    const asked = provider.call(call('slow'), heard.observer, neverAborted());
    await two;
    expect(server.requests[0]?.state).toBe('open');
    server.release();
    expect((await asked).text).toBe('token0 token1 token2 token3 of: slow');
  });

  it('sends the messages as they are, once', async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'One?' },
      { role: 'assistant', content: 'One.' },
      { role: 'user', content: 'Two “quoted”\n\u2028 and 😀?' },
    ] as const;
    await ask(provider, call('', { messages }));
    expect(server.requests[0]?.messages).toEqual(messages);
    expect(server.stats().total).toBe(1);
  });

  it('takes reasoning apart from the text, and for a sign of life', async (ctx) => {
    if (manners.hides_reasoning === true) ctx.skip('this platform does not tell what it reasons');
    server.script('think', { reasoning: ['Let me ', 'see.'], tokens: 2 });
    const heard = hear();
    const answer = await provider.call(call('think'), heard.observer, neverAborted());
    expect(answer.reasoning).toBe('Let me see.');
    expect(answer.text).toBe('token0 token1 of: think');
    expect(heard.signs).toBe(2);
  });

  it.each([{ tokens: 0 }, { pieces: ['', ''] }])(
    'takes an empty text with a finish for an answer: %o',
    async (script) => {
      expect(await answerTo('nothing', script)).toMatchObject({ text: '', finish_reason: 'stop' });
    },
  );

  it('R5: says when a content filter stopped an answer', async (ctx) => {
    if (manners.filters_nothing === true) ctx.skip('this platform ends no answer with a filter');
    expect((await answerTo('filtered', { finish: 'content_filter' })).finish_reason).toBe('content_filter');
  });

  it('says when an answer was cut by its length', async () => {
    expect((await answerTo('long', { finish: 'length' })).finish_reason).toBe('length');
  });

  it('has no usage where the server tells none', async (ctx) => {
    if (manners.always_counts === true) ctx.skip('this platform always says what was used');
    expect((await answerTo('uncounted', { usage: false })).usage).toBeNull();
  });

  it('tells the model that answered', async () => {
    expect((await answerTo('which', { model_answered: 'test-model-2026' })).model_answered).toBe(
      'test-model-2026',
    );
  });

  it('sends the key in one header, and only it', async () => {
    const { key_header = 'authorization' } = manners;
    await ask(provider, call('with', { api_key: KEY }));
    await ask(provider, call('without'));
    const [withKey, without] = server.requests.map(({ headers }) => headers);
    expect(withKey?.[key_header]).toBe(key_header === 'authorization' ? `Bearer ${KEY}` : KEY);
    expect(JSON.stringify({ ...withKey, [key_header]: '' })).not.toContain(KEY);
    for (const header of ['authorization', 'x-api-key', 'x-goog-api-key'])
      expect(without).not.toHaveProperty(header);
  });

  it('sends the key neither in the address nor in the body', async () => {
    await ask(provider, call('where', { api_key: KEY }));
    const [request] = server.requests;
    expect(request?.url).not.toContain(KEY);
    expect(JSON.stringify(request?.body)).not.toContain(KEY);
  });

  it('sends the credentials of a base_url as a header, since a request cannot carry them in its URL', async () => {
    const base_url = `${server.url.replace('//', '//me:p%40ss@')}${path}`;
    await ask(provider, call('basic', { base_url }));
    const [request] = server.requests;
    expect(request?.headers['authorization']).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });

  it('uses a connection again', async () => {
    for (let nth = 0; nth < 10; nth += 1) await ask(provider, call(`again ${nth}`));
    // The end of an answer may still be on its way when the next call begins: then there are two in turn.
    expect(new Set(server.requests.map(({ client_port }) => client_port)).size).toBeLessThanOrEqual(2);
  });

  it('makes hundreds of calls at a time', async () => {
    server.script('many', { hold: 'headers' });
    const asked = Array.from({ length: 300 }, async (_, nth) => ask(provider, call(`many ${nth}`)));
    await server.until(() => server.stats().open === 300);
    server.release();
    expect((await Promise.all(asked)).every(({ text }) => text !== '')).toBe(true);
  });

  describe('abort', () => {
    it.each(['headers', 0, 2] as const)(
      'closes the connection while the server is silent (%s)',
      async (stall) => {
        server.script('hangs', { stall });
        const controller = new AbortController();
        const asked = provider.call(call('hangs'), hear().observer, controller.signal);
        const request = await server.arrived('hangs');
        await server.until(() => request.pieces_sent === (stall === 'headers' ? 0 : stall));
        controller.abort('cancelled');
        await expect(asked).rejects.toBe('cancelled');
        await request.ended;
        expect(request.state).toBe('aborted');
      },
    );

    it('closes the connection of an answer that is too large', async () => {
      server.script('endless', { pieces: Array.from({ length: 50 }, () => 'x'.repeat(1000)), stall: 50 });
      await failureOf(ask(provider, call('endless', { result_bytes_max: 10_000 })));
      const request = await server.arrived('endless');
      await request.ended;
      expect(request.state).toBe('aborted');
    });
  });

  describe('R5: whose fault', () => {
    it.each(FAILURES)('%s', async (_title, script, expected) => {
      const failure = await failureOf(answerTo('fails', script, { api_key: KEY }));
      expect(failure).toMatchObject(expected);
      expect(failure.message).toContain(kind);
      expect(server.stats().total).toBe(1);
    });

    it('names the models that are there where one is missing', async () => {
      server.setModels(['a:1b', 'b']);
      const failure = await failureOf(ask(provider, call('x')));
      server.setModels(['test-model']);
      expect(failure).toMatchObject({ blame: 'hold', reason_code: 'ModelMissing', scope: 'model' });
      expect(failure.message).toContain(`${kind} has no model "test-model" (has: a:1b, b).`);
    });

    it('follows no redirect, and sends the key nowhere else', async () => {
      const other = await startModelServer();
      const failure = await failureOf(answerTo('moved', { redirect: other.url }, { api_key: KEY }));
      expect(failure.message).toContain('was not followed, and the key was not sent');
      expect(other.stats().paths).toEqual({});
      await other.close();
    });

    it.each([
      ['nobody listens', async () => deadUrl()],
      [
        'the host has no address',
        async () => Promise.resolve('http://user:hunter22@no-such-host.invalid:99'),
      ],
      ['the server speaks no TLS', async () => Promise.resolve(server.url.replace('http:', 'https:'))],
      ['the address is no URL', async () => Promise.resolve('http://')],
      ['a port that fetch refuses', async () => Promise.resolve('http://127.0.0.1:6000')],
    ] as const)('holds the endpoint where %s', async (_title, url) => {
      const base_url = `${await url()}${path}`;
      const failure = await failureOf(ask(provider, callOf(kind, base_url)));
      expect(failure).toMatchObject({ blame: 'hold', reason_code: 'EndpointUnreachable', scope: 'endpoint' });
      expect(failure.message).not.toContain('hunter22');
      if (URL.canParse(base_url)) expect(failure.message).toContain(new URL(base_url).host);
    });

    it('says of a list of models whose fault it is, too', async () => {
      const listed = provider.models(endpointOf(kind), `${await deadUrl()}${path}`, null, neverAborted());
      expect(await failureOf(listed)).toMatchObject({ blame: 'hold', reason_code: 'EndpointUnreachable' });
    });
  });

  it.each([400, 401, 429, 500])(
    'shows the key in no message, however the server repeats it (%i)',
    async (status) => {
      const error = `bad key ${KEY} in "Authorization: Bearer ${KEY}" (${encodeURIComponent(KEY)}) `.repeat(
        100,
      );
      const failure = await failureOf(answerTo('leaks', { status, error }, { api_key: KEY }));
      expect(JSON.stringify(failure)).not.toContain(KEY.slice(3));
      expect(failure.message).toContain('***');
      expect(failure.message.length).toBeLessThanOrEqual(4_000);
    },
  );
}

/** An address where a server was, so that the port is nobody's now. */
async function deadUrl(): Promise<string> {
  const server = await startModelServer();
  const { url } = server;
  await server.close();
  return url;
}
