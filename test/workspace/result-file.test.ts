import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/identity.ts';
import { parseResultFile, resultFileText } from '../../src/workspace/result-file.ts';
import { NOON, publicationBody } from './publication-rows.ts';

describe('a result file', () => {
  it('R9: begins with the link to the job and the text, and has all that is known about the answer', () => {
    const body = publicationBody({
      run: { key: 'law/17', batch: 'night' },
      spec: { metadata: { gold: 'B' } },
    });
    const text = resultFileText(body);
    expect(text.startsWith('{\n  "job": "faq-17.json",\n  "result": "# Yes\\n\\nBecause.\\n",\n')).toBe(true);
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toEqual({
      job: 'faq-17.json',
      result: '# Yes\n\nBecause.\n',
      name: 'faq-17',
      run: 1,
      batch: 'night',
      key: 'law/17',
      metadata: { gold: 'B' },
      digest: body.run.digest,
      attempt: 1,
      endpoint: 'ollama',
      endpoint_kind: 'ollama',
      model: 'llama3.2:3b',
      model_answered: 'llama3.2:3b',
      parameters_sent: { seed: 7 },
      finish_reason: 'stop',
      warnings: [],
      usage: { input: 3, cached: null, output: 4, reasoning: null, raw: {} },
      timings: { queued_ms: 1, build_ms: 0, first_token_ms: 20, call_ms: 30 },
      prompt_sha256: body.spec.prompt_sha256,
      prompt: [{ role: 'user', content: 'Why?' }],
      sha256: sha256('# Yes\n\nBecause.\n'),
      submitted_at: new Date(NOON - 5_000).toISOString(),
      accepted_at: new Date(NOON).toISOString(),
      format: 1,
    });
  });

  it('has the cost, the reasoning and the version where they are known, and says whose answer it shares', () => {
    const { result } = publicationBody();
    const cost = { amount: 0.02, currency: 'USD', as_of: '2026-11-02' };
    const meta = { ...result!.meta, cost, reasoning: 'Hm.', promptd_version: '0.1.0' };
    const shared = publicationBody({ result: { meta }, answered_by: { name: 'faq-3', run: 2 } });
    expect(JSON.parse(resultFileText(shared))).toMatchObject({
      cost,
      reasoning: 'Hm.',
      promptd_version: '0.1.0',
      answered_by: 'faq-3@2',
    });
  });

  it('repeats a prompt of 64 KiB, and of a larger one the hash alone', () => {
    const sized = (bytes: number) => {
      const frame = JSON.stringify([{ content: '', role: 'user' }]).length;
      return publicationBody({ messages: [{ role: 'user', content: 'x'.repeat(bytes - frame) }] });
    };
    expect(JSON.parse(resultFileText(sized(65_536)))).toHaveProperty('prompt');
    const large = JSON.parse(resultFileText(sized(65_537)));
    expect(large).not.toHaveProperty('prompt');
    expect(large).toHaveProperty('prompt_sha256');
  });

  it('is a function of columns that no longer change', () => {
    const once = resultFileText(publicationBody());
    const later = publicationBody({
      run: { priority: 9, rank: 77, instance: 4, max_attempts: 9, leads: true, cancel_requested_at: NOON },
    });
    expect(resultFileText(later)).toBe(once);
  });

  it('is not written from an answer that is damaged', () => {
    const damaged = publicationBody({ result: { text_sha256: sha256('another text') } });
    expect(() => resultFileText(damaged)).toThrow(/^faq-17@1: the stored answer has SHA-256/);
  });

  it('reads back every text as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const read = parseResultFile(resultFileText(publicationBody({ text })));
        expect(read.result).toBe(text);
      }),
    );
  });
});

describe('reading a result file', () => {
  it('R9: takes the bare pair that people write', () => {
    expect(parseResultFile('{"job": "faq-17.json", "result": "Yes."}')).toEqual({
      job: 'faq-17.json',
      result: 'Yes.',
    });
    expect(parseResultFile('{"job": "faq-17.json", "result": null}').result).toBe(null);
  });

  it('never takes a changed text for the answer', () => {
    const changed = resultFileText(publicationBody()).replace('Because.', 'Be quiet.');
    expect(() => parseResultFile(changed)).toThrow('the text does not match its sha256');
  });

  it.each([
    ['', 'expected JSON, got an empty file'],
    ['{"job": "a.json", "res', 'expected JSON, got other text'],
    ['[]', 'expected a JSON object, got an array'],
    ['null', 'expected a JSON object, got null'],
    ['{"result": "x"}', 'expected "job", the link to the job, as a text; got undefined'],
    ['{"job": "a.json"}', 'expected "result" as a text, or null; got undefined'],
    ['{"job": "a.json", "result": 7}', 'expected "result" as a text, or null; got number'],
  ])('says of %j what is wrong with it', (text, message) => {
    expect(() => parseResultFile(text)).toThrow(new Problem('Corrupt', message));
  });
});
