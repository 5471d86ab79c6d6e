// The request that a command script asks for: where it goes, what it carries, and what a refusal of the server means.
import { describe, expect, it } from 'vitest';
import type { HttpCommand } from '../../src/core/ports/http-command.ts';
import { failureOf } from './calls.ts';
import { KEY, siteOfFile } from './http-command-setup.ts';

const site = siteOfFile();
const send = site.send.bind(site);

describe('the request of a command', () => {
  it('R3: leaves as the script says, below the base_url of its endpoint', async () => {
    const answer = await send({
      method: 'PUT',
      path: '/own/path?draft=1',
      headers: [['x-trace', 'a b']],
      body: { model: 'test-model', temperature: 0.5, messages: [{ role: 'user', content: 'Hi' }] },
    });
    expect(site.asked).toMatchObject([
      {
        method: 'PUT',
        url: '/v1/own/path?draft=1',
        headers: { 'x-trace': 'a b', 'content-type': 'application/json' },
      },
    ]);
    expect(JSON.parse(site.asked[0]?.body ?? '')).toEqual({
      model: 'test-model',
      temperature: 0.5,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(answer).toEqual({
      text: 'Something.',
      reasoning: null,
      model_answered: null,
      finish_reason: 'stop',
      usage: null,
      parameters_sent: { model: 'test-model', temperature: 0.5 },
      warnings: [],
    });
  });

  it('R3: sends a text as it is, as plain text unless a header says otherwise', async () => {
    await send({ body: 'Say "Hi".\n' });
    await send({ body: '<prompt/>', headers: [['content-type', 'application/xml']] });
    expect(site.asked).toMatchObject([
      { body: 'Say "Hi".\n', headers: { 'content-type': 'text/plain; charset=utf-8' } },
      { body: '<prompt/>', headers: { 'content-type': 'application/xml' } },
    ]);
  });

  it('R3: a GET goes without a body', async () => {
    const answer = await send({ method: 'GET', path: '/status', body: null });
    expect(site.asked).toMatchObject([{ method: 'GET', url: '/v1/status', body: '' }]);
    expect(answer.parameters_sent).toEqual({});
  });

  it.each([
    ['', '/x'],
    ['/', '/x'],
    ['/v1', '/v1/x'],
    ['/v1/', '/v1/x'],
    ['/deep/er/v1//', '/deep/er/v1/x'],
  ])('R3: a base_url that ends with %j and the path /x make %s', async (end, expected) => {
    await send({ path: '/x' }, { base_url: `${site.url}${end}` });
    expect(site.asked.map((one) => one.url)).toEqual([expected]);
  });

  it.each([
    ['openai', { authorization: `Bearer ${KEY}` }],
    ['openai-compatible', { authorization: `Bearer ${KEY}` }],
    ['mistral', { authorization: `Bearer ${KEY}` }],
    ['ollama', { authorization: `Bearer ${KEY}` }],
    ['anthropic', { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' }],
    ['google', { 'x-goog-api-key': KEY }],
  ] as const)('R3: carries the key in the way of %s, and in no other', async (kind, expected) => {
    await send({}, { kind, api_key: KEY });
    const headers = site.asked[0]?.headers ?? {};
    expect(headers).toMatchObject(expected);
    const carrying = Object.entries(headers).filter(([, value]) => String(value).includes(KEY));
    expect(carrying).toHaveLength(1);
    expect(site.asked[0]?.url).not.toContain(KEY);
  });

  it('R3: carries the credentials of a base_url as a header', async () => {
    await send({}, { base_url: `${site.url.replace('//', '//user:pass%20word@')}/v1` });
    const pair = Buffer.from('user:pass word').toString('base64');
    expect(site.asked[0]?.headers.authorization).toBe(`Basic ${pair}`);
  });

  it('R3: a command may name another version of Anthropic’s protocol', async () => {
    await send({ headers: [['anthropic-version', '2024-01-01']] }, { kind: 'anthropic' });
    expect(site.asked[0]?.headers['anthropic-version']).toBe('2024-01-01');
  });

  describe.each(['', '/v1'])('R3: below the base_url %j', (folder) => {
    it.each([
      ...['@elsewhere/x', '//elsewhere/x', '/../x', '/%2e%2e/x', '/a/../../x', '\\\\elsewhere'],
      ...['', 'x', '/x#y', '/x"#y', '/a\t/b', ':81/x', '.elsewhere.example/x'],
    ])('a path %j, which nobody checked before, does not leave', async (path) => {
      const failure = await failureOf(send({ path }, { api_key: KEY, base_url: `${site.url}${folder}` }));
      expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
      expect(site.asked).toEqual([]);
    });
  });

  it('R3: a path that is longer for being encoded does not hide that it leads up', async () => {
    expect(await failureOf(send({ path: '/../""""x' }))).toMatchObject({ reason_code: 'BadRequest' });
    expect(site.asked).toEqual([]);
  });

  it.each(['simulator', 'ai-package', 'command'] as const)(
    'R3: an endpoint of kind %s cannot be asked',
    async (kind) => {
      const failure = await failureOf(send({}, { kind, base_url: '' }));
      expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
      expect(failure.message).toContain(`an endpoint of kind "${kind}" has no server`);
    },
  );
});

describe('what the server refuses', () => {
  const body = (script: object): HttpCommand['body'] => ({
    model: 'test-model',
    messages: [{ role: 'user', content: `@server ${JSON.stringify(script)}` }],
  });

  it.each([
    [{ status: 400, error: 'temperature is too high' }, 'job', 'BadRequest'],
    [{ status: 400, error: 'too long', error_code: 'context_length_exceeded' }, 'job', 'ContextTooLong'],
    [{ status: 401, error: 'Incorrect API key' }, 'hold', 'EndpointAuth'],
    [{ status: 402 }, 'hold', 'EndpointQuota'],
    [{ status: 429, error_code: 'insufficient_quota', error: 'quota' }, 'hold', 'EndpointQuota'],
    [{ status: 429, retry_after: '7' }, 'throttled', 'EndpointThrottled'],
    [{ status: 500 }, 'transient', 'ProviderError'],
    [{ close: true }, 'transient', 'ProviderError'],
  ])('R3: %j is %s, %s, as when a platform is asked', async (script, blame, reason_code) => {
    const failure = await failureOf(send({ body: body(script) }, { base_url: `${site.models.url}/v1` }));
    expect(failure).toMatchObject({ blame, reason_code });
  });

  it('R3: a server that is not there holds the endpoint', async () => {
    const failure = await failureOf(send({}, { base_url: 'http://127.0.0.1:1/v1' }));
    expect(failure).toMatchObject({ blame: 'hold', reason_code: 'EndpointUnreachable' });
  });

  it('R3: a path that is not there is the job’s fault alone: its script chose it', async () => {
    site.answering = (response) =>
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
    const failure = await failureOf(send({ path: '/nowhere?x=1' }));
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
    expect(failure.message).toContain('has no such path (HTTP 404): POST /nowhere.');
  });

  it('R3: a missing model holds its lane where it is the job’s, and is the job’s fault where the script named another', async () => {
    const at = { base_url: `${site.models.url}/v1`, model: 'gone' };
    const own = await failureOf(send({ body: { model: 'gone', messages: [] } }, at));
    expect(own).toMatchObject({ blame: 'hold', reason_code: 'ModelMissing', scope: 'model' });
    const other = await failureOf(send({ body: { model: 'other', messages: [] } }, at));
    expect(other).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
  });

  it.each([301, 302, 303, 307, 308])(
    'R3: a redirect (%i) is not followed, and its address is not told',
    async (status) => {
      const location = `${site.url}/elsewhere?token=hidden-in-location`;
      site.answering = (response, request) =>
        request.url === '/elsewhere' ? response.end('{}') : response.writeHead(status, { location }).end();
      const failure = await failureOf(send({}, { api_key: KEY }));
      expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
      expect(failure.message).toContain(`HTTP ${status}`);
      expect(failure.message).not.toContain('hidden-in-location');
      expect(site.asked).toHaveLength(1);
    },
  );

  it.each([
    ['a refusal', 400, (key: string) => JSON.stringify({ error: `you sent ${key}` }), 'you sent Bearer ***'],
    [
      'a refused key',
      401,
      (key: string) => JSON.stringify({ error: `you sent ${key}` }),
      'you sent Bearer ***',
    ],
    ['an answer that is no JSON', 200, (key: string) => `you sent ${key}`, 'you sent Bearer ***'],
    ['an answer elsewhere', 200, (key: string) => JSON.stringify({ [key]: 1 }), 'an object with Bearer ***'],
    ['a page', 500, (key: string) => `<html><title>${key}</title>`, 'Bearer ***'],
  ])('R3: no error repeats the key, such as of %s', async (_, status, body, expected) => {
    site.answering = (response, request) =>
      response.writeHead(status).end(body(request.headers.authorization ?? ''));
    const failure = await failureOf(send({}, { api_key: KEY }));
    expect(failure.message).toContain(expected);
    expect(failure.message).not.toContain(KEY);
  });
});
