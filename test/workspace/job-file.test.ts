import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/json.ts';
import { checkJob, type CheckedJob } from '../../src/core/job.ts';
import { digestOf, requestOf, sha256 } from '../../src/core/identity.ts';
import { parseJobText } from '../../src/core/job-text.ts';
import { jobFileText } from '../../src/workspace/job-file.ts';
import { publicationBody } from './publication-rows.ts';

const KNOWN = { endpoints: new Set(['ollama']), default_endpoint: 'ollama' };

const GIVEN = {
  prompt: { prepend: 'You are careful.', base: 'Why {{ x }}?', append: '', data: { x: { value: 'not' } } },
  configuration: {
    LLM_name: 'ollama:llama3.2:3b',
    temperature: 0.1,
    seed: 9_007_199_254_740_991,
    stop: ['\n\n', '\u2028'],
    ollama: { num_ctx: 16_384 },
    sample: 'second',
  },
  options: {
    priority: -3,
    timeout: '90s',
    run_at: '2026-12-01T08:00:00Z',
    tags: ['nightly'],
    max_attempts: 2,
  },
  metadata: { gold: 'B', deep: [1.5, null, { __proto__x: 1 }] },
  batch: 'night',
  key: 'law/17',
};

function checked(text: string): CheckedJob {
  const { value, faults } = parseJobText(text);
  expect(faults).toEqual([]);
  const outcome = checkJob(value, KNOWN);
  if (!outcome.ok) throw new Error(outcome.faults.map((fault) => fault.path).join());
  return outcome.job;
}

function digest(job: CheckedJob): string {
  return digestOf(
    requestOf(job, { prompt_sha256: sha256(canonicalJson(job.spec['prompt'])), endpoint_kind: 'ollama' }),
  );
}

describe('the file of a job that came by HTTP', () => {
  it('R1: is taken again as the same job, with the same digest, options and metadata', () => {
    const job = checked(JSON.stringify(GIVEN));
    const { batch, key, metadata, options } = job;
    const body = publicationBody({
      kind: 'job',
      given: job.spec,
      run: { batch, key },
      spec: { metadata, options },
    });
    const again = checked(jobFileText(body));
    expect(digest(again)).toBe(digest(job));
    expect(again).toEqual(job);
  });

  it('has the keys in the order in which people write them, and none that says nothing', () => {
    const text = jobFileText(publicationBody({ kind: 'job' }));
    expect(Object.keys(JSON.parse(text))).toEqual(['type', 'prompt', 'configuration', 'options']);
    expect(JSON.parse(text).options).toEqual({
      priority: 0,
      timeout: '10m',
      first_token_timeout: '5m',
      stall_timeout: '1m30s',
      max_attempts: 4,
    });
  });

  it('does not change with the fate of its run', () => {
    const fate = publicationBody({
      kind: 'job',
      run: { state: 'failed', max_attempts: 9, attempt: 3, priority: 7 },
    });
    expect(jobFileText(fate)).toBe(jobFileText(publicationBody({ kind: 'job' })));
  });

  it('is not written from a stored job that is damaged', () => {
    const body = { ...publicationBody({ kind: 'job' }), spec_body: '{"type": "llm", "prom' };
    expect(() => jobFileText(body)).toThrow('faq-17@1: the stored job is no JSON');
    expect(() => jobFileText({ ...body, spec_body: '{}' })).toThrow('has no prompt or no configuration');
  });
});
