// Errors as the vendors write them, and whose fault they are. Bodies are those of the vendors' references and of reports by
// people who met them; names and amounts are changed.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { ask, callOf, endpointOf, failureOf, realProvider } from './calls.ts';
import { VENDORS } from './vendors.ts';

const KEY = 'sk-test-0123456789abcdefXYZ';
type Vendor = 'openai' | 'anthropic' | 'google' | 'mistral';
type Expected = Partial<AttemptFailure>;

const AUTH: Expected = { blame: 'hold', reason_code: 'EndpointAuth', scope: 'endpoint' };
const QUOTA: Expected = { blame: 'hold', reason_code: 'EndpointQuota', scope: 'endpoint' };
const MISSING: Expected = { blame: 'hold', reason_code: 'ModelMissing', scope: 'model' };
const THROTTLED: Expected = { blame: 'throttled', reason_code: 'EndpointThrottled' };
const TRANSIENT: Expected = { blame: 'transient', reason_code: 'ProviderError' };
const TOO_LONG: Expected = { blame: 'job', reason_code: 'ContextTooLong' };
const FILTERED: Expected = { blame: 'job', reason_code: 'ContentFiltered' };
const BAD: Expected = { blame: 'job', reason_code: 'BadRequest' };

const openai = (message: string, type: string, code: string | null): object => ({
  error: { message, type, param: null, code },
});
const anthropic = (type: string, message: string): object => ({
  ...{ type: 'error', error: { type, message }, request_id: 'req_1' },
});
const google = (code: number, status: string, message: string, ...details: object[]): object => ({
  error: { code, message, status, ...(details.length === 0 ? {} : { details }) },
});
const mistral = (message: unknown, type: string, code: string): object => ({
  ...{ object: 'error', message, type, param: null, code },
});
const rpc = (name: string, more: object): object => ({
  '@type': `type.googleapis.com/google.rpc.${name}`,
  ...more,
});

const PLANS = 'You exceeded your current quota, please check your plan and billing details.';
const PER_MINUTE =
  'on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s. You can increase your rate limit by adding a payment method to your account at https://platform.openai.com/account/billing.';

const REFUSALS: readonly (readonly [Vendor, number, object, Expected, string?])[] = [
  [
    'openai',
    401,
    openai(`Incorrect API key provided: ${KEY}.`, 'invalid_request_error', 'invalid_api_key'),
    AUTH,
  ],
  [
    'openai',
    403,
    openai(
      'Country, region, or territory not supported',
      'request_forbidden',
      'unsupported_country_region_territory',
    ),
    AUTH,
  ],
  ['openai', 429, openai(PLANS, 'insufficient_quota', 'insufficient_quota'), QUOTA],
  [
    'openai',
    429,
    openai(`Rate limit reached for gpt-4o ${PER_MINUTE}`, 'tokens', 'rate_limit_exceeded'),
    { ...THROTTLED, retry_after_ms: 2_000 },
    '2',
  ],
  [
    'openai',
    429,
    openai(
      'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 36278. The input or output tokens must be reduced in order to run successfully.',
      'tokens',
      'rate_limit_exceeded',
    ),
    TOO_LONG,
  ],
  [
    'openai',
    404,
    openai(
      'The model `gpt-9` does not exist or you do not have access to it.',
      'invalid_request_error',
      'model_not_found',
    ),
    MISSING,
  ],
  [
    'openai',
    403,
    openai(
      'Project `proj_1` does not have access to model `gpt-9`',
      'invalid_request_error',
      'model_not_found',
    ),
    MISSING,
  ],
  [
    'openai',
    400,
    openai(
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
      'invalid_request_error',
      'context_length_exceeded',
    ),
    TOO_LONG,
  ],
  [
    'openai',
    400,
    openai(
      'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
      'invalid_request_error',
      'invalid_prompt',
    ),
    FILTERED,
  ],
  [
    'openai',
    400,
    openai(
      "Unsupported value: 'temperature' does not support 0.2 with this model.",
      'invalid_request_error',
      'unsupported_value',
    ),
    BAD,
  ],
  [
    'openai',
    500,
    openai('The server had an error while processing your request.', 'server_error', null),
    TRANSIENT,
  ],
  ['openai', 503, openai('Slow down', 'service_unavailable', null), THROTTLED],
  ['anthropic', 401, anthropic('authentication_error', 'invalid x-api-key'), AUTH],
  [
    'anthropic',
    403,
    anthropic('permission_error', 'Your API key does not have permission to use the specified resource.'),
    AUTH,
  ],
  [
    'anthropic',
    400,
    anthropic(
      'invalid_request_error',
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    ),
    QUOTA,
  ],
  [
    'anthropic',
    400,
    anthropic(
      'invalid_request_error',
      'You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC.',
    ),
    QUOTA,
  ],
  ['anthropic', 404, anthropic('not_found_error', 'model: claude-9'), MISSING],
  [
    'anthropic',
    429,
    anthropic(
      'rate_limit_error',
      "This request would exceed your organization's rate limit of 40,000 input tokens per minute. You may also contact sales to discuss your options for a rate limit increase.",
    ),
    { ...THROTTLED, retry_after_ms: 13_000 },
    '13',
  ],
  [
    'anthropic',
    429,
    anthropic('rate_limit_error', 'Extra usage is required for long context requests.'),
    TOO_LONG,
  ],
  ['anthropic', 529, anthropic('overloaded_error', 'Overloaded'), THROTTLED],
  [
    'anthropic',
    400,
    anthropic('invalid_request_error', 'prompt is too long: 213000 tokens > 200000 maximum'),
    TOO_LONG,
  ],
  [
    'anthropic',
    400,
    anthropic(
      'invalid_request_error',
      'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000',
    ),
    TOO_LONG,
  ],
  [
    'anthropic',
    400,
    anthropic('invalid_request_error', 'Output blocked by content filtering policy'),
    FILTERED,
  ],
  [
    'anthropic',
    400,
    anthropic(
      'invalid_request_error',
      'max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens',
    ),
    BAD,
  ],
  ['anthropic', 500, anthropic('api_error', 'Internal server error'), TRANSIENT],
  ['anthropic', 504, anthropic('timeout_error', 'Request timed out'), TRANSIENT],
  [
    'google',
    400,
    google(
      400,
      'INVALID_ARGUMENT',
      'API key not valid. Please pass a valid API key.',
      rpc('ErrorInfo', { reason: 'API_KEY_INVALID', domain: 'googleapis.com' }),
    ),
    AUTH,
  ],
  ['google', 403, google(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers."), AUTH],
  [
    'google',
    400,
    google(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
    AUTH,
  ],
  [
    'google',
    429,
    google(
      429,
      'RESOURCE_EXHAUSTED',
      PLANS,
      rpc('QuotaFailure', { violations: [] }),
      rpc('RetryInfo', { retryDelay: '36.5s' }),
    ),
    { ...THROTTLED, retry_after_ms: 36_500 },
  ],
  ['google', 429, google(429, 'RESOURCE_EXHAUSTED', PLANS, rpc('Help', { links: [] })), QUOTA],
  [
    'google',
    429,
    google(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'),
    THROTTLED,
  ],
  [
    'google',
    404,
    google(
      404,
      'NOT_FOUND',
      'models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models.',
    ),
    MISSING,
  ],
  [
    'google',
    400,
    google(
      400,
      'INVALID_ARGUMENT',
      'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    ),
    TOO_LONG,
  ],
  ['google', 400, google(400, 'INVALID_ARGUMENT', 'Invalid value at generation_config'), BAD],
  ['google', 500, google(500, 'INTERNAL', 'An internal error has occurred.'), TRANSIENT],
  ['google', 503, google(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'), THROTTLED],
  [
    'google',
    504,
    google(504, 'DEADLINE_EXCEEDED', 'The service is unable to finish processing within the deadline.'),
    TRANSIENT,
  ],
  ['mistral', 401, { message: 'Unauthorized', request_id: 'r1' }, AUTH],
  ['mistral', 401, { detail: 'Unauthorized' }, AUTH],
  ['mistral', 400, mistral('Invalid model: mistral-9', 'invalid_model', '1500'), MISSING],
  [
    'mistral',
    422,
    mistral(
      { detail: [{ type: 'missing', loc: ['body', 'messages'], msg: 'Field required' }] },
      'invalid_request_error',
      '1',
    ),
    BAD,
  ],
  [
    'mistral',
    429,
    mistral('Service tier capacity exceeded for this model.', 'service_tier_capacity_exceeded', '3505'),
    THROTTLED,
  ],
  ['mistral', 429, { message: 'Requests rate limit exceeded' }, THROTTLED],
  [
    'mistral',
    400,
    mistral(
      'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      'invalid_request_prompt',
      '3051',
    ),
    TOO_LONG,
  ],
  ['mistral', 500, mistral('Service unavailable.', 'internal_server_error', '1000'), TRANSIENT],
];

const IN_STREAM: readonly (readonly [Vendor, object, Expected])[] = [
  ['openai', openai(PLANS, 'insufficient_quota', 'insufficient_quota'), QUOTA],
  ['openai', openai('Rate limit reached', 'tokens', 'rate_limit_exceeded'), THROTTLED],
  ['openai', openai('The server had an error', 'server_error', null), TRANSIENT],
  ['anthropic', anthropic('overloaded_error', 'Overloaded'), THROTTLED],
  ['anthropic', anthropic('api_error', 'Internal server error'), TRANSIENT],
  ['google', google(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'), THROTTLED],
  [
    'google',
    google(429, 'RESOURCE_EXHAUSTED', PLANS, rpc('RetryInfo', { retryDelay: '7s' })),
    { ...THROTTLED, retry_after_ms: 7_000 },
  ],
  ['google', google(500, 'INTERNAL', 'An internal error has occurred.'), TRANSIENT],
  [
    'mistral',
    mistral('Service tier capacity exceeded for this model.', 'service_tier_capacity_exceeded', '3505'),
    THROTTLED,
  ],
];

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterEach(() => server.reset());
afterAll(async () => server.close());

async function failing(kind: Vendor): Promise<AttemptFailure> {
  const path = VENDORS.find(([vendor]) => vendor === kind)?.[1] ?? '';
  const endpoint = endpointOf(kind, { api_key_env: 'THE_KEY' });
  return failureOf(ask(realProvider(kind), callOf(kind, `${server.url}${path}`, { endpoint, api_key: KEY })));
}

describe('whose fault an error of a vendor is', () => {
  const cases = REFUSALS.map(
    ([kind, status, body, expected, after]) => [kind, status, JSON.stringify(body), expected, after] as const,
  );
  it.each(cases)('R5: %s %i %s', async (kind, status, body, expected, retry_after) => {
    server.script(/./, { status, body, ...(retry_after === undefined ? {} : { retry_after }) });
    const failure = await failing(kind);
    expect(failure).toMatchObject(expected);
    expect(JSON.stringify(failure)).not.toContain(KEY);
    expect(server.stats().total).toBe(1);
  });

  it.each(['openai', 'anthropic', 'google', 'mistral'] as const)(
    'says where the key of %s belongs',
    async (kind) => {
      server.script(/./, { status: 401, error: 'no' });
      expect((await failing(kind)).message).toContain('Put a valid key into THE_KEY.');
    },
  );
});

describe('an error in the middle of a vendor’s answer', () => {
  it.each(IN_STREAM)('R5: %s %j, before the first word and after some', async (kind, body, expected) => {
    const event = `${kind === 'anthropic' ? 'event: error\n' : ''}data: ${JSON.stringify(body)}\n\n`;
    server.script(/./, { status: 200, body: event, content_type: 'text/event-stream' });
    expect(await failing(kind)).toMatchObject(expected);
    server.script(/./, { fault: { after: 2, kind: { event } } });
    expect(await failing(kind)).toMatchObject(expected);
  });
});
