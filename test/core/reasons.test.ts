import { expect, it } from 'vitest';
import { reason, REASONS } from '../../src/core/reasons.ts';

it('says the advice behind what is the matter, with one full stop between', () => {
  expect(reason('ProviderError', 'ollama (HTTP 500): out of memory.').message).toBe(
    `ollama (HTTP 500): out of memory. ${REASONS.ProviderError.advice}`,
  );
  expect(reason('ProviderError').message).toBe(REASONS.ProviderError.advice);
});

it('leaves a question its own mark', () => {
  expect(reason('ScriptOutputInvalid', 'got "bodi". Did you mean body?').message).toBe(
    `got "bodi". Did you mean body? ${REASONS.ScriptOutputInvalid.advice}`,
  );
});

it.each([
  [
    'EndpointUnreachable',
    'gpu: gpu1:11434 cannot be reached: nothing listens there (ECONNREFUSED). Start it with: ollama serve, or mend base_url.',
  ],
  ['ModelMissing', 'ollama has no model "m" (has: none). On that machine: ollama pull m'],
  ['EndpointAuth', 'openai: no key. Set OPENAI_API_KEY.'],
] as const)('%s says once what to do, as the failure says it', (code, what) => {
  const { message } = reason(code, what);
  expect(message).toBe(`${what.replace(/\.$/, '')}. It goes on by itself.`);
  expect(message).not.toContain(REASONS[code].advice);
});

it('leaves the advice out where the sentence has it already', () => {
  const what =
    'gpu: the answer is longer than result_bytes_max (5 bytes). Set max_tokens, or raise result_bytes_max.';
  expect(reason('AnswerTooLarge', what).message).toBe(what);
  expect(reason('AnswerTooLarge', 'The answer has 9 bytes').message).toBe(
    'The answer has 9 bytes. Set max_tokens, or raise result_bytes_max.',
  );
});

it('says of a run that is tried again what happened and that it goes on, once', () => {
  expect(reason('Backoff', 'Attempt 1 failed with ProviderError: HTTP 500', 7)).toEqual({
    code: 'Backoff',
    message: 'Attempt 1 failed with ProviderError: HTTP 500. It is tried again by itself.',
    until: 7,
  });
  expect(reason('BeginTime', 'It begins at noon').message).toBe('It begins at noon.');
});
