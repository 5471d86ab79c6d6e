import { describe, expect, it } from 'vitest';
import type { AttemptRow } from '../../src/core/rows.ts';
import { endedFileText, parseEndedFile } from '../../src/workspace/ended-file.ts';
import { NOON, publicationBody } from './publication-rows.ts';

function attempt(number: number, more: Partial<AttemptRow> = {}): AttemptRow {
  return {
    job: 1,
    attempt: number,
    instance: 0,
    started_at: NOON - 1_000 + number,
    ended_at: NOON - 500 + number,
    outcome: 'errored',
    charged_for: 'errors',
    reason_code: 'ProviderError',
    error: 'HTTP 500',
    timings: null,
    usage: null,
    cost: null,
    parameters_sent: null,
    warnings: [],
    log_file: null,
    log_offset: 0,
    log_bytes: 0,
    kept_answer: null,
    prompt_sha256: null,
    ...more,
  };
}

describe('the file of a run that ended without an answer', () => {
  it('says how it ended, why, and what was tried', () => {
    const file = parseEndedFile(
      endedFileText(publicationBody({ kind: 'ended', attempts: [attempt(1), attempt(2)] })),
    );
    expect(file).toMatchObject({
      job: 'faq-17.json',
      result: null,
      name: 'faq-17',
      run: 1,
      state: 'failed',
      ended_at: new Date(NOON + 1).toISOString(),
      reason: { code: 'BadRequest', message: 'no such parameter' },
      prompt: [{ role: 'user', content: 'Why?' }],
    });
    expect(file.attempts.map((one) => [one['attempt'], one['outcome'], one['error']])).toEqual([
      [1, 'errored', 'HTTP 500'],
      [2, 'errored', 'HTTP 500'],
    ]);
  });

  it('tells of that end, though the run was retried since and is under way again', () => {
    const later = {
      started_at: NOON + 5_000,
      ended_at: NOON + 6_000,
      outcome: 'timed_out',
      reason_code: 'StallTimeout',
    } as const;
    const running = { started_at: NOON + 7_000, ended_at: null, outcome: null, reason_code: null };
    const attempts = [attempt(1), attempt(2, later), attempt(3, running)];
    const body = publicationBody({
      kind: 'ended',
      attempts,
      run: { state: 'running', epoch: null, reason_code: null },
    });
    const file = parseEndedFile(endedFileText(body));
    expect(file).toMatchObject({ state: 'failed', reason: { code: 'ProviderError', message: 'HTTP 500' } });
    expect(file.attempts).toHaveLength(1);
  });

  it('does not change when an answer comes too late', () => {
    const kept_answer = { text_sha256: 'x', text_bytes: 1, meta: publicationBody().result!.meta };
    const body = (more: Partial<AttemptRow>) =>
      publicationBody({ kind: 'ended', attempts: [attempt(1, more)] });
    expect(endedFileText(body({ kept_answer }))).toBe(endedFileText(body({})));
  });

  it('is told from other files when it is read', () => {
    expect(() => parseEndedFile('{"job": "a.json", "result": "x"}')).toThrow(
      'expected "name", "run" and a "state"',
    );
  });
});
