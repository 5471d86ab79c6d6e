import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/core/durations.ts';
import { childPath, joinPaths, parentPath, pathOf } from '../../src/core/job-path.ts';
import { editDistance, mistakeIn, nearest, PARAMETERS } from '../../src/core/vocabulary.ts';

describe('R3: a word that is no parameter', () => {
  it.each([
    ['temprature', 'temperature'],
    ['Temperature', 'temperature'],
    ['temp', 'temperature'],
    ['top-p', 'top_p'],
    ['topP', 'top_p'],
    ['tok_k', 'top_k'],
    ['maxTokens', 'max_tokens'],
    ['max_token', 'max_tokens'],
    ['max_output_tokens', 'max_tokens'],
    ['max_completion_tokens', 'max_tokens'],
    ['num_predict', 'max_tokens'],
    ['stop_sequences', 'stop'],
    ['sede', 'seed'],
    ['frequencyPenalty', 'frequency_penalty'],
    ['presense_penalty', 'presence_penalty'],
    ['think', 'reasoning'],
    ['reasoning_effort', 'reasoning'],
    ['responseSchema', 'response_schema'],
    ['json_schema', 'response_schema'],
    ['llm_name', 'LLM_name'],
    ['modle', 'model'],
    ['olama', 'ollama'],
    ['openai_compatible', 'openai-compatible'],
  ])('%s was probably meant as %s', (word, meant) => {
    expect(mistakeIn(word)).toBe(`Did you mean ${meant}?`);
  });

  it.each([
    'mirostat',
    'top_a',
    'min_tokens',
    'repeat_penalty',
    'repetition_penalty',
    'typical_p',
    'logit_bias',
    'logprobs',
    'num_ctx',
    'user',
    'tools',
    'keep_alive',
    'grammar',
    'steps',
    'constructor',
    'toString',
    'hasOwnProperty',
  ])('%s is a word of some platform', (word) => {
    expect(mistakeIn(word)).toBeNull();
  });

  it.each(['n', 'stream', 'messages', 'timeout', 'endpoint', '__proto__'])(
    '%s is refused with a reason of its own',
    (word) => {
      expect(mistakeIn(word)).toMatch(/\.$|…$/);
      expect(mistakeIn(word)).not.toMatch(/^Did you mean/);
    },
  );

  it('is never one of the vocabulary itself', () => {
    for (const word of PARAMETERS) expect(nearest(word, PARAMETERS)).toBe(word);
  });

  it('is measured by insertions, deletions, substitutions and swaps', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('seed', 'sede')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('same', 'same')).toBe(0);
  });
});

describe('a duration', () => {
  it.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['2d', 172_800_000],
    [1_500, 1_500],
    [0, 0],
  ])('%s has %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(parseDuration(formatDuration(ms))).toBe(ms);
  });

  it.each(['', '10', '10 minutes', 'm', '-5s', '1e3s', '5 m', Number.NaN, -1, Infinity])(
    'is not %s',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});

describe('a path', () => {
  it('is put together and taken apart', () => {
    expect(pathOf(['configuration', 'stop', 1])).toBe('configuration.stop[1]');
    expect(pathOf(['metadata', 'two words', 'x'])).toBe('metadata["two words"].x');
    expect(pathOf([])).toBe('(job)');
    expect(childPath('(job)', 'a.b')).toBe('["a.b"]');
    expect(parentPath('metadata["two words"]')).toBe('metadata');
    expect(parentPath('a.b[3]')).toBe('a.b');
    expect(parentPath('[3]')).toBe('(job)');
    expect(parentPath('a')).toBe('(job)');
    expect(parentPath('(job)')).toBeNull();
    expect(joinPaths('[3]', 'prompt')).toBe('[3].prompt');
    expect(joinPaths('[3]', '(job)')).toBe('[3]');
    expect(joinPaths('', 'prompt')).toBe('prompt');
  });
});
