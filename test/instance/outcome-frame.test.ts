import { describe, expect, it } from 'vitest';
import type { AnswerFile, AttemptReport } from '../../src/core/attempt.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { outcomeFrame } from '../../src/instance/outcome-frame.ts';

const META = {
  model: 'm',
  model_answered: null,
  endpoint: 'e',
  endpoint_kind: 'ai-package',
  parameters_sent: {},
  finish_reason: 'stop',
  warnings: [],
  usage: null,
  timings: { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: 1 },
  cost: null,
};

const fileOf = (name: string, bytes = 1): AnswerFile => ({
  name,
  media_type: 'image/png',
  data: Buffer.alloc(bytes, 'x').toString('base64'),
});

function reportOf(files: unknown, more: Partial<AttemptReport> = {}): AttemptReport {
  const answer = { text: 'text', meta: META, ...(files === undefined ? {} : { files }) };
  return {
    ...{ name: 'a', run: 1, attempt: 1, digest: '1:d', store_id: 's', outcome: 'succeeded', failure: null },
    timings: META.timings,
    answer: answer as unknown as AttemptReport['answer'],
    log: '',
    ...more,
  };
}

const failureOf = ({ report }: { report: AttemptReport }) => [
  report.outcome,
  report.failure?.blame,
  report.failure?.reason_code,
  report.failure?.message,
];

describe('the outcome of an attempt with files beside its answer', () => {
  it('R31: brings them under plain names, each once', () => {
    const files = [
      fileOf('/tmp/out/chart.png'),
      fileOf('CHART.png'),
      fileOf('.env'),
      fileOf('x'.repeat(999)),
    ];
    const { report } = outcomeFrame(reportOf(files));
    expect(report.outcome).toBe('succeeded');
    expect(report.answer!.files!.map(({ name }) => name)).toEqual([
      'chart.png',
      'CHART-2.png',
      'env',
      'x'.repeat(200),
    ]);
  });

  it('R31: is too large where text and files together are, and says how large they are', () => {
    const limits = { result_bytes_max: 104 };
    expect(outcomeFrame(reportOf([fileOf('a', 50), fileOf('b', 50)]), limits).report.outcome).toBe(
      'succeeded',
    );
    const message = 'The answer and its files have 105 bytes, and at most 104 (result_bytes_max) are taken';
    const large = outcomeFrame(reportOf([fileOf('a', 50), fileOf('b', 51)]), limits);
    expect(failureOf(large)).toEqual(['errored', 'job', 'AnswerTooLarge', message]);
    expect(large.report.answer).toBeNull();
  });

  it('R31: is refused where there are more files than anybody means', () => {
    const files = Array.from({ length: LIMITS.answer_files_max + 1 }, (_, n) => fileOf(`${n}`));
    expect(failureOf(outcomeFrame(reportOf(files)))).toEqual([
      'errored',
      'job',
      'AnswerTooLarge',
      'The answer has 1001 files, and at most 1000 are taken',
    ]);
    expect(outcomeFrame(reportOf(files.slice(1))).report.outcome).toBe('succeeded');
  });

  it.each([[5], ['chart.png'], [[null]], [[{ name: 'a' }]], [[{ ...fileOf('a'), data: Buffer.from('a') }]]])(
    'is an error of ours where a package broke its word: %j',
    (files) => {
      const [outcome, blame, code, message] = failureOf(outcomeFrame(reportOf(files)));
      expect([outcome, blame, code]).toEqual(['errored', 'transient', 'ProviderError']);
      expect(message).toContain('answer.files');
    },
  );

  it('R22: tells what an answer took that is too large', () => {
    const { endpoint, model, usage, parameters_sent, warnings } = META;
    const spent = { endpoint, model, usage, parameters_sent, warnings };
    const crowd = Array.from({ length: LIMITS.answer_files_max + 1 }, (_, n) => fileOf(`${n}`));
    expect(outcomeFrame(reportOf(undefined), { result_bytes_max: 3 }).report.spent).toEqual(spent);
    expect(outcomeFrame(reportOf(crowd)).report.spent).toEqual(spent);
    expect(outcomeFrame(reportOf([fileOf('a', 600)]), { frame_bytes_max: 800 }).report.spent).toEqual(spent);
  });

  it('R22: tells it not where it is what is too large itself, or of no shape', () => {
    const answer = { text: 'text', meta: { ...META, parameters_sent: { a: 'x'.repeat(900) } } };
    const { report, frame } = outcomeFrame(reportOf(undefined, { answer }), { frame_bytes_max: 800 });
    expect([report.failure?.reason_code, report.spent]).toEqual(['AnswerTooLarge', undefined]);
    expect(frame.length).toBeLessThan(800);
    const strange = { text: 'text', meta: { ...META, warnings: 'none' }, files: [] };
    const crowd = Array.from({ length: LIMITS.answer_files_max + 1 }, (_, n) => fileOf(`${n}`));
    for (const files of [[], crowd]) {
      const given = { answer: { ...strange, files } as unknown as AttemptReport['answer'] };
      const { report: broken } = outcomeFrame(reportOf(undefined, given));
      expect([broken.failure?.reason_code, broken.spent]).toEqual(['ProviderError', undefined]);
    }
  });

  it('gives up the log first, then the prompt that scripts made, and the answer last', () => {
    const log = 'l'.repeat(1_000);
    const prompt = 'p'.repeat(1_000);
    const framed = (frame_bytes_max: number) => {
      const { report } = outcomeFrame(reportOf([fileOf('a', 600)], { log, prompt }), { frame_bytes_max });
      return [report.outcome, report.log.length, report.prompt?.length ?? 0];
    };
    expect(framed(4_000)).toEqual(['succeeded', 1_000, 1_000]);
    expect(framed(3_000)).toEqual(['succeeded', 0, 1_000]);
    expect(framed(2_000)).toEqual(['succeeded', 0, 0]);
    expect(framed(1_000)).toEqual(['errored', 0, 0]);
  });
});
