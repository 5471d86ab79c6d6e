import { describe, expect, it } from 'vitest';
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import { failureOfStatus, missingModel, type Upstream } from '../../src/providers/failures.ts';
import { endpointOf } from './calls.ts';

function upstreamOf(endpoint: Partial<EndpointConfig>, more: Partial<Upstream> = {}): Upstream {
  const kind = endpoint.kind ?? 'openai-compatible';
  return {
    endpoint: endpointOf(kind, endpoint),
    base_url: 'https://api.example/v1',
    api_key: null,
    model: 'm',
    ...more,
  };
}

function failureFor(status: number, body: unknown, upstream = upstreamOf({})) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return failureOfStatus(upstream, { status, headers: new Headers(), body: text, now: 0 });
}

describe('failureOfStatus', () => {
  it.each([
    ['Ollama', { error: 'boom' }],
    ['OpenAI', { error: { message: 'boom', type: 'server_error', code: null } }],
    ['Google', [{ error: { code: 500, message: 'boom' } }]],
    ['FastAPI', { detail: 'boom' }],
    ['a plain object', { message: 'boom' }],
    ['plain text', 'boom'],
  ])('reads the message as %s writes it', (_who, body) => {
    expect(failureFor(500, body).message).toBe('openai-compatible (HTTP 500): boom');
  });

  it('reads a title where a proxy answers with a page', () => {
    const page = '<!doctype html><html><head><title>502 Bad Gateway</title></head>';
    expect(failureFor(502, page).message).toBe(
      'openai-compatible (HTTP 502): an HTML page "502 Bad Gateway"',
    );
  });

  it('says only the status where the body is empty', () => {
    expect(failureFor(500, '').message).toBe('openai-compatible (HTTP 500)');
  });

  it.each([
    [
      { api_key_env: 'OPENAI_API_KEY' },
      'sk-wrong-key',
      'openai: the key was refused (HTTP 401: no). Put a valid key into OPENAI_API_KEY.',
    ],
    [
      { api_key_file: '/run/k' },
      'sk-wrong-key',
      'openai: the key was refused (HTTP 401: no). Put a valid key into the file /run/k.',
    ],
    [
      {},
      null,
      'openai: a key is needed (HTTP 401: no). Set "api_key_env" or "api_key_file" of the endpoint "openai" in promptd.config.json.',
    ],
  ])('says where a key belongs: %o', (config, api_key, message) => {
    const upstream = upstreamOf({ name: 'openai', ...config }, { api_key });
    expect(failureFor(401, { error: { message: 'no' } }, upstream)).toMatchObject({
      reason_code: 'EndpointAuth',
      message,
    });
  });

  it.each([
    [404, { error: { message: 'The model `m` does not exist', code: 'model_not_found' } }],
    [404, { error: "model 'm' not found" }],
    [404, { error: 'model "m" not found, try pulling it first' }],
    [404, { object: 'error', message: 'The model `m` does not exist.', type: 'NotFoundError' }],
    [400, { error: { message: 'no access', code: 'model_not_found' } }],
    [403, { error: { message: 'Project does not have access to model m', code: 'model_not_found' } }],
  ])('knows a missing model: %i %o', (status, body) => {
    expect(failureFor(status, body)).toMatchObject({
      blame: 'hold',
      reason_code: 'ModelMissing',
      scope: 'model',
    });
  });

  it.each([
    [
      400,
      { error: { message: 'Please reduce the length of the messages.', code: 'context_length_exceeded' } },
    ],
    [
      400,
      {
        error: {
          code: 400,
          message: 'the request exceeds the available context size',
          type: 'exceed_context_size_error',
        },
      },
    ],
    [400, { error: 'the input length exceeds the context length' }],
    [413, { error: { message: 'prompt is too long: 250000 tokens > 200000 maximum' } }],
    [500, { error: 'input length exceeds the context length' }],
  ])('knows a prompt that does not fit: %i %o', (status, body) => {
    expect(failureFor(status, body)).toMatchObject({ blame: 'job', reason_code: 'ContextTooLong' });
  });

  it.each(['404 page not found', '', '<html><title>nginx</title>', { detail: 'Not Found' }])(
    'holds the endpoint where there is no such path, since every job would get the same: %o',
    (body) => {
      const failure = failureFor(404, body);
      expect(failure).toMatchObject({ blame: 'hold', reason_code: 'EndpointUnreachable' });
      expect(failure.message).toContain('Look at its base_url. Most servers want /v1 at its end.');
    },
  );
});

describe('missingModel', () => {
  it('names ten models at most', () => {
    const has = Array.from({ length: 12 }, (_, index) => `m${index}`);
    expect(missingModel(upstreamOf({ kind: 'ollama' }), has).message).toBe(
      'ollama has no model "m" (has: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, and 2 more). On that machine: ollama pull m',
    );
  });

  it('says where there are none, and says nothing where that is not known', () => {
    expect(missingModel(upstreamOf({}), []).message).toContain('(has: none)');
    expect(missingModel(upstreamOf({}), null).message).not.toContain('has:');
  });
});
