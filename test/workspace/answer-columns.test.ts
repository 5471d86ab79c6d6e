import { describe, expect, it } from 'vitest';
import { readAnswerFile } from '../../src/workspace/adopted-file.ts';
import { endedFileText } from '../../src/workspace/ended-file.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { publicationBody } from './publication-rows.ts';

const DIGEST = `1:${'a'.repeat(64)}`;

function result(more: object): unknown {
  const text = JSON.stringify({ job: 'x.json', result: 'Yes', ...more });
  return readAnswerFile('result', text, 'x')?.record;
}

function ended(more: object): unknown {
  const text = JSON.stringify({ job: 'x.json', result: null, name: 'x', run: 1, state: 'failed', ...more });
  return readAnswerFile('ended', text, 'x')?.record;
}

describe('what a file says of which run it is', () => {
  it.each([
    { run: 1e18, digest: DIGEST },
    { run: 1_000_000_000 },
    { run: 0 },
    { run: 1.5 },
    { run: 'one' },
    { attempt: 1e18 },
    { attempt: -1 },
    { digest: 'abc' },
    { batch: '../..' },
    { key: 7 },
    { endpoint: null },
    { answered_by: 5 },
  ])('R9 R26: is refused where no run can be so: %o', (more) => {
    expect(() => result(more)).toThrow(`"${Object.keys(more)[0]}"`);
  });

  it.each([{ run: 1e18 }, { run: -1.5 }, { run: 0 }, { digest: 5 }])(
    'R9 R26: is refused in ended/ as well: %o',
    (more) => {
      expect(() => ended(more)).toThrow(`"${Object.keys(more)[0]}"`);
    },
  );
});

describe('what a file says of how its answer came', () => {
  it.each([
    { usage: 'many' },
    { usage: { input: -5, cached: null, output: 1e300, reasoning: null, raw: {} } },
    { usage: { prompt_tokens: 3, completion_tokens: 5 } },
    { cost: { amount: '1', currency: 'EUR', as_of: '' } },
    { timings: 'quick' },
    { warnings: 'w' },
    { parameters_sent: [1] },
    { finish_reason: 5 },
    { model_answered: {} },
    { reasoning: 7 },
    { endpoint_kind: 3 },
    { promptd_version: 4 },
    { prompt: 7 },
    { prompt_sha256: 5 },
  ])('R9: is left out where promptd never writes it so, and the answer is taken: %o', (more) => {
    expect(result(more)).toEqual({ job: 'x.json', result: 'Yes' });
  });

  it.each([{ attempts: [null] }, { attempts: 'zz' }, { attempts: [{ attempt: 1e18 }] }])(
    'R26: is left out in ended/ as well: %o',
    (more) => {
      expect(ended(more)).toEqual({
        ...{ job: 'x.json', result: null, name: 'x', run: 1, state: 'failed', reason: null },
      });
    },
  );

  it('R9: is kept as promptd writes it', () => {
    const body = publicationBody();
    for (const [kind, text] of [
      ['result', resultFileText(body)],
      ['ended', endedFileText(body)],
    ] as const)
      expect(readAnswerFile(kind, text, 'faq-17')?.record).toEqual(JSON.parse(text));
  });
});
