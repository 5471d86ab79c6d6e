// The answer that a command script asks for: where in the server's it stands, and what is none.
import { describe, expect, it } from 'vitest';
import { failureOf, hear } from './calls.ts';
import { bytes, events, json, KEY, siteOfFile, type Answering } from './http-command-setup.ts';

const site = siteOfFile();
const send = site.send.bind(site);
const CONTENT = '/choices/0/message/content';

describe('an answer in one piece', () => {
  it.each([
    ['a text', CONTENT, { choices: [{ message: { content: 'größer 😀' } }] }, 'größer 😀'],
    ['an object', '/a', { a: { b: [1, null] } }, '{"b":[1,null]}'],
    ['a number', '/a/1', { a: [1, 2.5] }, '2.5'],
    ['false', '/a', { a: false }, 'false'],
    ['an empty text', '/a', { a: '' }, ''],
    ['the whole body', '', ['x'], '["x"]'],
    ['a key with a slash and a tilde', '/a~1b~0c', { 'a/b~c': 'x' }, 'x'],
    ['an empty key', '/', { '': 'x' }, 'x'],
  ])('R3: %s that a JSON pointer leads to is the answer', async (_, pointer, body, expected) => {
    site.answering = json(body);
    const heard = hear();
    const answer = await send({ result: { kind: 'json', pointer } }, { heard });
    expect(answer.text).toBe(expected);
    expect(heard.pieces.join('')).toBe(expected);
    expect(heard.signs, 'its bytes are a sign of life').toBeGreaterThan(0);
  });

  it('R3: usage, model and finish are taken where they are plain to see', async () => {
    const usage = { prompt_tokens: 3, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 1 } };
    site.answering = json({
      model: 'm-2026',
      choices: [{ message: { content: 'x' }, finish_reason: 'length' }],
      usage,
    });
    expect(await send()).toMatchObject({
      model_answered: 'm-2026',
      finish_reason: 'length',
      usage: { input: 3, cached: 1, output: 5, reasoning: null, raw: usage },
    });
  });

  it.each([
    ['other words', { tokens: 3 }],
    ['more than anybody keeps', { prompt_tokens: 1, completion_tokens: 1, x: 'x'.repeat(10_000) }],
    ['no counts', { prompt_tokens: 'many' }],
  ])('R3: usage with %s is none', async (_, usage) => {
    site.answering = json({ usage, choices: [{ message: { content: 'x' } }] });
    expect((await send()).usage).toBeNull();
  });

  it.each([
    [
      'nothing',
      CONTENT,
      {},
      'nothing stands at /choices/0/message/content: the body is an object with no keys',
    ],
    ['a list that is empty', CONTENT, { choices: [] }, 'at /choices is an empty list'],
    ['null', '/a', { a: null }, 'null stands at /a'],
    ['another key', '/a/b', { a: { c: 1, d: 2 } }, 'at /a is an object with c, d'],
    ['a property that every object has', '/__proto__', {}, 'nothing stands at /__proto__'],
    ['a property that every list has', '/length', [1], 'nothing stands at /length'],
    ['a text in the way', '/a/0', { a: 'text' }, 'at /a is "text"'],
  ])('R3: %s where the answer should be is no answer, and is said', async (_, pointer, body, expected) => {
    site.answering = json(body);
    const failure = await failureOf(send({ result: { kind: 'json', pointer } }));
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'InvalidAnswer' });
    expect(failure.message).toContain(expected);
  });

  it('R3: an error that comes with status 200 is an error', async () => {
    site.answering = json({ error: { message: 'the model fell over', code: 500 } });
    const failure = await failureOf(send());
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'ProviderError' });
    expect(failure.message).toContain('the model fell over');
  });

  it.each([
    ['no JSON', '<html>Log in</html>', 'expected JSON, got <html>Log in</html>'],
    ['nothing', '', 'expected JSON, got nothing'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'bytes that are not UTF-8'],
  ])('R3: %s is no answer', async (_, body, expected) => {
    site.answering = bytes(body);
    const failure = await failureOf(send());
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'InvalidAnswer' });
    expect(failure.message).toContain(expected);
  });

  it('R3: a value that is too deep to be written is no answer', async () => {
    site.answering = bytes(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
    const failure = await failureOf(send({ result: { kind: 'json', pointer: '/a' } }));
    expect(failure).toMatchObject({ reason_code: 'InvalidAnswer' });
    expect(failure.message).toContain('too deep');
  });

  it('R3: a whole body is the answer where the command says text', async () => {
    site.answering = bytes('\u{1F600}\nplain', 'text/html');
    const answer = await send({ result: { kind: 'text' } });
    expect(answer.text).toBe('\u{1F600}\nplain');
    expect(site.asked[0]?.headers.accept).toBe('*/*');
  });

  it.each([
    ['json', { kind: 'json', pointer: '' }, 2_000_000],
    ['text', { kind: 'text' }, 1_001],
  ] as const)(
    'R3: an answer as %s that is longer than a result may be is cut off',
    async (_, result, length) => {
      site.answering = (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write(JSON.stringify('x'.repeat(length)));
      };
      const failure = await failureOf(send({ result }, { result_bytes_max: 1_000 }));
      expect(failure).toMatchObject({ blame: 'job', reason_code: 'AnswerTooLarge' });
    },
  );

  it('R3: a body that breaks off is an error', async () => {
    site.answering = (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"choices":', () => response.destroy());
    };
    const failure = await failureOf(send());
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'InvalidAnswer' });
    expect(failure.message).toContain('broke in the middle');
  });
});

describe('an answer as a stream of events', () => {
  const delta = (content: string): unknown => ({ choices: [{ delta: { content } }] });
  const SSE = { kind: 'sse', pointer: '/choices/0/delta/content', end: null } as const;

  it('R3: is told piece by piece, in the words of OpenAI', async () => {
    site.models.script('commanded', {
      pieces: ['One', ' two', ' größer.'],
      reasoning: ['Hm.'],
      finish: 'length',
    });
    const heard = hear();
    const body = { model: 'test-model', stream: true, messages: [{ role: 'user', content: 'commanded' }] };
    const answer = await send({ body, result: SSE }, { base_url: `${site.models.url}/v1`, heard });
    expect(heard.pieces).toEqual(['One', ' two', ' größer.']);
    expect(answer).toMatchObject({
      text: 'One two größer.',
      reasoning: 'Hm.',
      finish_reason: 'length',
      parameters_sent: { model: 'test-model', stream: true },
    });
    expect(answer.usage?.output).toBe(4);
  });

  it('R3: speaks Anthropic’s, Google’s and other words by a pointer of its own', async () => {
    const body = { model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }] };
    const anthropic = await send(
      { path: '/messages', body, result: { ...SSE, pointer: '/delta/text' } },
      { kind: 'anthropic', base_url: `${site.models.url}/anthropic/v1` },
    );
    expect(anthropic).toMatchObject({
      text: expect.stringContaining('token4 of: hi'),
      finish_reason: 'stop',
    });
    const google = await send(
      {
        path: '/models/test-model:streamGenerateContent?alt=sse',
        body: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
        result: { ...SSE, pointer: '/candidates/0/content/parts/0/text' },
      },
      { kind: 'google', base_url: `${site.models.url}/google/v1beta` },
    );
    expect(google).toMatchObject({ text: expect.stringContaining('token4 of: hi'), parameters_sent: {} });
  });

  it('R3: ends where the command says that it ends', async () => {
    site.answering = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"content":"a","stop":false}\n\ndata: {"content":"b","stop":true}\n\n');
    };
    const answer = await send({ result: { kind: 'sse', pointer: '/content', end: '/stop' } });
    expect(answer.text).toBe('ab');
  });

  it('R3: reads events over several lines, with comments, any line end, and no empty line behind the last', async () => {
    const body =
      ': hello\r\nid: 1\r\nevent: x\r\ndata: {"t":\r\ndata:"a"}\r\n\r\n\r\ndata: {"t":"b"}\n\ndata: [DONE]';
    site.answering = bytes(body, 'text/event-stream');
    expect((await send({ result: { kind: 'sse', pointer: '/t', end: null } })).text).toBe('ab');
  });

  it('R3: reads a last event that has no empty line before [DONE]', async () => {
    site.answering = bytes('data: {"t":"a"}\n\ndata: {"t":"b"}\ndata: [DONE]\n', 'text/event-stream');
    expect((await send({ result: { kind: 'sse', pointer: '/t', end: null } })).text).toBe('ab');
  });

  it('R3: an event that never ends is cut off', async () => {
    site.answering = bytes(`data: ${'x'.repeat(100_000)}\n`.repeat(20), 'text/event-stream');
    const failure = await failureOf(send({ result: SSE }, { result_bytes_max: 1_000 }));
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'AnswerTooLarge' });
  });

  it.each([
    ['that ends too early', events(delta('a')), 'ended before it was done'],
    ['without anything', events(), 'ended before it was done'],
    ['with an event that is no JSON', events(delta('a'), '{"b'), 'expected JSON, got {"b'],
    [
      'with an object where a text should be',
      events({ choices: [{ delta: { content: {} } }] }),
      'an empty object',
    ],
    ['that is none', json({}), 'Ask for one in the body, as {"stream": true} does'],
    [
      'with bytes that are no text',
      bytes(Buffer.from([...Buffer.from('data: '), 0xff]), 'text/event-stream'),
      'not UTF-8',
    ],
  ])('R3: a stream %s is no answer', async (_, answer, expected) => {
    site.answering = answer;
    const failure = await failureOf(send({ result: SSE }));
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'InvalidAnswer' });
    expect(failure.message).toContain(expected);
  });

  it('R3: a stream that the network cuts is an error, and so is one that says an error', async () => {
    site.answering = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(delta('a'))}\n\n`, () => response.destroy());
    };
    expect(await failureOf(send({ result: SSE }))).toMatchObject({ reason_code: 'InvalidAnswer' });
    site.answering = events(delta('a'), { error: { message: 'rate limit', code: 'rate_limit_exceeded' } });
    expect(await failureOf(send({ result: SSE }))).toMatchObject({ blame: 'throttled' });
  });

  it('R3: a stream that is longer than a result may be is cut off', async () => {
    site.answering = events(delta('x'.repeat(600)), delta('x'.repeat(600)), '[DONE]');
    const failure = await failureOf(send({ result: SSE }, { result_bytes_max: 1_000 }));
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'AnswerTooLarge' });
  });

  it('R3: an abort in the middle closes the connection, and rejects with its reason', async () => {
    const closed = Promise.withResolvers<void>();
    site.answering = (response) => {
      response.on('close', closed.resolve);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(delta('a'))}\n\n`);
    };
    const controller = new AbortController();
    const heard = hear();
    heard.onPiece = () => controller.abort('cancelled');
    await expect(send({ result: SSE }, { heard, signal: controller.signal })).rejects.toBe('cancelled');
    await closed.promise;
  });
});

describe('an answer with the key in it', () => {
  const echo: Answering = (response, request) =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(
      Array.from(`${request.headers.authorization ?? ''}x`)
        .map((t) => `data: ${JSON.stringify({ t })}\n\n`)
        .join('') + 'data: [DONE]\n\n',
    );

  it.each([
    ['text', json({ headers: { authorization: `Bearer ${KEY}` } }), { kind: 'text' }],
    ['json', json({ headers: { authorization: `Bearer ${KEY}` } }), { kind: 'json', pointer: '/headers' }],
    ['sse', echo, { kind: 'sse', pointer: '/t', end: null }],
  ] as const)(
    'R3: an answer as %s that repeats the key is thrown away, and nobody hears a piece of it',
    async (_, answer, result) => {
      site.answering = answer;
      const heard = hear();
      const failure = await failureOf(send({ result }, { api_key: KEY, heard }));
      expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
      expect(failure.message).not.toContain(KEY);
      expect(heard.pieces.join('')).not.toContain(KEY.slice(0, 1));
    },
  );

  it('R3: a text that only begins like the key is told in the end', async () => {
    site.answering = events({ t: 'a sk-te' }, { t: 'st-01' }, '[DONE]');
    const answer = await send({ result: { kind: 'sse', pointer: '/t', end: null } }, { api_key: KEY });
    expect(answer.text).toBe('a sk-test-01');
  });
});
