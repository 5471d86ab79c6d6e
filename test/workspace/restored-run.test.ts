import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/identity.ts';
import { DEFAULT_OPTIONS } from '../../src/core/job.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { endedFileText } from '../../src/workspace/ended-file.ts';
import {
  adoptionOf,
  laneOfRestored,
  readRestored,
  type RestoredFile,
  type RestoredParts,
} from '../../src/workspace/restored-run.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import { type BodyParts, NOON, publicationBody } from './publication-rows.ts';

const EPOCH = NOON + 1;

function restored(kind: 'result' | 'ended', text: string): RestoredFile {
  const file = readRestored(kind, text);
  if (file === null) throw new Error('expected a file of a run');
  return file;
}

function resultOf(parts: BodyParts = {}): RestoredFile {
  return restored('result', resultFileText(publicationBody(parts)));
}

function adopt(file: RestoredFile, more: Partial<RestoredParts> = {}) {
  const digest = `1:${'a'.repeat(64)}`;
  const parts = { epoch: EPOCH, name: 'faq-17', run: 1, digest, job: null, attachments: [], submitted_at: 5 };
  return adoptionOf(file, { ...parts, ...more });
}

const PAIR = restored('result', '{"job": "faq-17.json", "result": "Yes"}');

describe('a result file', () => {
  it('R9: gives the run that it was written of', () => {
    const { run, result } = publicationBody();
    const { row, result: answer, bodies, is_certain, answered_by } = adopt(resultOf());
    expect(row).toMatchObject({
      name: 'faq-17',
      run: 1,
      state: 'completed',
      attempt: 1,
      source: 'folder',
      endpoint: run.endpoint,
      model: run.model,
      submitted_at: run.submitted_at,
      finished_at: NOON,
      epoch: EPOCH,
    });
    expect(answer).toEqual({
      epoch: EPOCH,
      attempt: 1,
      text_sha256: result?.text_sha256,
      text_bytes: result?.text_bytes,
      meta: result?.meta,
      accepted_at: NOON,
    });
    expect([is_certain, answered_by]).toEqual([true, null]);
    for (const { sha256: hash, body } of bodies) expect(sha256(body)).toBe(hash);
    expect(bodies.map(({ body }) => body)).toContain(result?.text);
  });

  it('R9: whose text was changed is never taken', () => {
    const text = resultFileText(publicationBody()).replace('Because', 'Why not');
    expect(() => readRestored('result', text)).toThrow(Problem);
  });

  it.each([
    ['run', '{"job": "a.json", "result": "x", "run": 0}'],
    ['run', '{"job": "a.json", "result": "x", "run": 1.5}'],
    ['digest', '{"job": "a.json", "result": "x", "digest": "abc"}'],
  ])('R9: with a wrong "%s" is none', (part, text) => {
    expect(() => readRestored('result', text)).toThrow(`expected "${part}"`);
  });

  it('R9: without an answer is of no run', () => {
    expect(readRestored('result', '{"job": "a.json", "result": null}')).toBeNull();
  });

  it('R9: of which only the pair is there is taken as it is, and marked', () => {
    const { row, result, is_certain } = adopt(PAIR);
    expect(row).toMatchObject({ state: 'completed', attempt: 0, submitted_at: 5, finished_at: EPOCH });
    expect(row).toMatchObject({ endpoint: 'unknown', model: 'unknown' });
    expect(result?.meta.warnings).toEqual([
      'unverified: its file carried no hash when it was taken from the folder',
    ]);
    expect(is_certain).toBe(false);
    expect(adopt(resultOf()).result?.meta.warnings).toEqual([]);
  });

  it('R9: of an answer that another run gave names that run, and counts no attempt', () => {
    const shared = resultOf({ answered_by: { name: 'leader', run: 2 } });
    const { row, answered_by } = adopt(shared);
    expect([row.attempt, answered_by]).toEqual([0, { name: 'leader', run: 2 }]);
    const unclear = restored('result', '{"job": "a.json", "result": "x", "answered_by": "leader"}');
    expect(adopt(unclear).answered_by).toBeNull();
  });

  it('R9: of a line of a batch file is of that batch', () => {
    const lot = resultOf({ run: { batch: 'lot', key: 'k1' }, spec: { link: 'lot.jsonl#k1' } });
    expect(adopt(lot).row).toMatchObject({ source: 'batch_file', batch: 'lot', key: 'k1' });
    expect(adopt(lot).spec.link).toBe('lot.jsonl#k1');
  });
});

describe('the job of a file', () => {
  it('R9: where it is there gives what was asked, how, and where', () => {
    const job = {
      ...jobOf('faq-17', { endpoint: 'own', model: 'm', script: true }),
      attachments: { a: 'data' },
    };
    const { row, spec, needs, bodies } = adopt(PAIR, { job });
    expect(laneOfRestored(PAIR, job)).toEqual({ endpoint: 'own', model: 'm', needs: 'workspace' });
    expect([row.endpoint, row.model, needs]).toEqual(['own', 'm', 'workspace']);
    expect(spec).toMatchObject({
      spec_sha256: job.spec_sha256,
      prompt_sha256: job.prompt_sha256,
      request: job.request,
      options: job.options,
    });
    expect(bodies.map(({ body }) => body)).toEqual([job.spec, job.prompt, 'data', 'Yes']);
  });

  it('R9: where it is gone, is as much of it as the file shows', () => {
    const file = resultOf();
    const { spec, bodies } = adopt(file);
    const messages = [{ role: 'user', content: 'Why?' }];
    expect(bodies.map(({ body }) => body)).toContain(canonicalJson(messages));
    expect(spec.prompt_sha256).toBe(sha256(canonicalJson(messages)));
    expect(spec.options).toEqual(DEFAULT_OPTIONS);
    expect(laneOfRestored(file, null)).toEqual({ endpoint: 'ollama', model: 'llama3.2:3b', needs: '' });
  });

  it('R9: whose scripts made the prompt has the one that was sent beside it, where that is shown whole', () => {
    const job = jobOf('faq-17', { script: true });
    const sent = canonicalJson([{ role: 'user', content: 'Why?' }]);
    const { result, bodies } = adopt(resultOf(), { job });
    expect(result?.meta.prompt_sha256).toBe(sha256(sent));
    expect(bodies.map(({ body }) => body)).toContain(sent);
    const cut = restored(
      'result',
      JSON.stringify({ ...resultOf().record, prompt: [{ role: 'user', content: 'W' }] }),
    );
    expect(adopt(cut, { job }).result?.meta.prompt_sha256).toBeUndefined();
  });
});

describe('files that came with an answer', () => {
  it('R9: are stored with it', () => {
    const body = Buffer.from('png').toString('base64');
    const ref = {
      name: 'chart.png',
      media_type: 'image/png',
      bytes: 3,
      sha256: sha256('png'),
      body_sha256: sha256(body),
    };
    const { result, bodies } = adopt(PAIR, { attachments: [{ ref, body }] });
    expect(result?.meta.files).toEqual([ref]);
    expect(bodies).toContainEqual({ sha256: sha256(body), body });
    expect(adopt(PAIR).result?.meta.files).toBeUndefined();
  });
});

describe('an ended file', () => {
  const FAILED = restored('ended', endedFileText(publicationBody({ kind: 'ended' })));

  it('R9: gives the run as it ended, without an answer', () => {
    const { row, result, answered_by } = adopt(FAILED);
    expect(row).toMatchObject({
      state: 'failed',
      reason_code: 'BadRequest',
      reason_message: 'no such parameter',
      finished_at: EPOCH,
      attempt: 0,
    });
    expect([result, answered_by]).toEqual([null, null]);
  });

  it('R9: counts on from the latest attempt that it tells of', () => {
    const record = { ...FAILED.record, attempts: [{ attempt: 2 }, { attempt: 3 }, { attempt: 'x' }] };
    expect(adopt(restored('ended', JSON.stringify(record))).row.attempt).toBe(3);
  });

  it('R9: with a reason that nobody knows keeps its state, and no reason', () => {
    const record = { ...FAILED.record, reason: { code: 'Whatever', message: 'x' } };
    expect(adopt(restored('ended', JSON.stringify(record))).row).toMatchObject({
      state: 'failed',
      reason_code: null,
      reason_message: null,
    });
  });
});
