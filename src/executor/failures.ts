/** What the executor itself can find wrong with an attempt, in sentences that say what to do. */
import type { AttemptFailure, AttemptOrder } from '../core/attempt.ts';
import type { AnswerVerdict } from '../core/ports/answer-checker.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import type { TimeLimit } from './watch.ts';

function failure(
  blame: AttemptFailure['blame'],
  reason_code: AttemptFailure['reason_code'],
  message: string,
): AttemptFailure {
  return { blame, reason_code, message, scope: 'endpoint', retry_after_ms: null };
}

export function unknownEndpoint(name: string, known: readonly string[]): AttemptFailure {
  const has = known.length === 0 ? 'none' : known.join(', ');
  return failure(
    'hold',
    'EndpointUnreachable',
    `This instance does not know the endpoint "${name}" (knows: ${has}). Add it to "endpoints" of its configuration, or start it with the endpoints it serves.`,
  );
}

export function noProvider(endpoint: EndpointConfig): AttemptFailure {
  return failure(
    'hold',
    'EndpointUnreachable',
    `${endpoint.name}: this instance has no provider of the kind "${endpoint.kind}".`,
  );
}

export function noKey(
  { name, api_key_env, api_key_file }: EndpointConfig,
  cause: string | null,
): AttemptFailure {
  const what = cause === null ? 'no key' : `its key cannot be read (${cause})`;
  const file =
    api_key_file === null
      ? 'or "api_key_file" of this endpoint in promptd.config.json'
      : `the file ${api_key_file}`;
  const cure =
    api_key_env === null
      ? `Put it into ${file}.`
      : `Set ${api_key_env}, ${api_key_file === null ? file : `or put it into ${file}`}.`;
  return failure('hold', 'EndpointAuth', `${name}: ${what}. ${cure}`);
}

export function commandsOff(): AttemptFailure {
  return failure('job', 'ExecOff', 'Commands are off on this instance.');
}

/** The scheduler sends such jobs only to instances that say they have one. */
export function noWorkspace(): AttemptFailure {
  return failure('hold', 'NoInstance', 'This instance has no workspace to run scripts from.');
}

export function schemaMismatch(
  endpoint: string,
  verdict: Exclude<AnswerVerdict, { readonly kind: 'matches' }>,
): AttemptFailure {
  if (verdict.kind === 'differs')
    return failure(
      'transient',
      'SchemaMismatch',
      `${endpoint}: the answer breaks response_schema: ${verdict.message}`,
    );
  const what =
    verdict.kind === 'bad_schema'
      ? `response_schema is no JSON Schema that can be checked: ${verdict.message}`
      : `checking the answer against response_schema took longer than ${verdict.limit_ms} ms. Simplify its patterns.`;
  return failure('job', 'SchemaMismatch', `${endpoint}: ${what}`);
}

export function contentFiltered(endpoint: string): AttemptFailure {
  return failure('job', 'ContentFiltered', `${endpoint} stopped the answer with its content filter.`);
}

export function answerTooLarge(endpoint: string, bytes: number, result_bytes_max: number): AttemptFailure {
  return failure(
    'job',
    'AnswerTooLarge',
    `${endpoint}: the answer has ${bytes} bytes, more than result_bytes_max (${result_bytes_max}). Set max_tokens, or raise result_bytes_max.`,
  );
}

export function broken(endpoint: string, message: string): AttemptFailure {
  return failure(
    'transient',
    'ProviderError',
    `${endpoint}: an error inside promptd: ${message}`.slice(0, 4_000),
  );
}

export function timedOut(limit: TimeLimit, order: AttemptOrder, tokens: number): AttemptFailure {
  const { attempt_timeout_ms, first_token_timeout_ms, stall_timeout_ms } = order;
  const far = tokens === 0 ? 'no token had come' : `${tokens} tokens had come`;
  const texts: Record<TimeLimit, string> = {
    TotalTimeout: `${order.endpoint}: not done after ${attempt_timeout_ms} ms (options.timeout); ${far}.`,
    FirstTokenTimeout: `${order.endpoint}: no token within ${first_token_timeout_ms} ms (options.first_token_timeout).`,
    StallTimeout: `${order.endpoint}: silent for ${stall_timeout_ms} ms in the middle of the answer (options.stall_timeout); ${far}.`,
  };
  return failure('transient', limit, texts[limit]);
}
