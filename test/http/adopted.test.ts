import { describe, expect, it } from 'vitest';
import { UNVERIFIED } from '../../src/core/adoption.ts';
import type { AttemptRow, ResultRow, RunRow } from '../../src/core/rows.ts';
import { adoptedOf } from '../../src/http/adopted.ts';
import { prepare } from './fake-prepare.ts';
import { newAttempt, newResult, newRun, NOW } from './fake-reads.ts';

async function ended(more: Partial<RunRow> = {}): Promise<RunRow> {
  const prepared = await prepare(
    { name: 'a', prompt: 'p', configuration: { LLM_name: 'simulator:parrot' } },
    { via: 'socket' },
  );
  if (!prepared.ok) throw new Error('the job is right');
  return { ...newRun(1, prepared.job, 1, 'completed'), epoch: 7, finished_at: NOW, ...more };
}

function rows(result: ResultRow | null, attempts: readonly AttemptRow[] = []) {
  return { result: () => result, attempts: () => attempts };
}

describe('an answer of elsewhere', () => {
  it('R8: is named with its file where no attempt here brought it', async () => {
    const run = await ended();
    const result = newResult(run, 'text', 7);
    expect(adoptedOf(run, rows(result))).toEqual({ file: 'results/7_a.json', unverified: false });
  });

  it('R8: is unverified where its file carried no hash', async () => {
    const run = await ended();
    const result = newResult(run, 'text', 7);
    const bare = { ...result, meta: { ...result.meta, warnings: [UNVERIFIED] } };
    expect(adoptedOf(run, rows(bare))).toEqual({ file: 'results/7_a.json', unverified: true });
  });

  it('is told from one that an attempt brought, in time, late, or while another was asked', async () => {
    const run = await ended({ attempt: 2 });
    const result = { ...newResult(run, 'text', 7), attempt: 1 };
    const first = { ...newAttempt(1, 1), ended_at: NOW };
    for (const attempt of [
      { ...first, outcome: 'succeeded' as const },
      { ...first, outcome: 'lost' as const, parameters_sent: {} },
    ])
      expect(adoptedOf(run, rows(result, [attempt]))).toBeNull();
    const inVain = [
      { ...first, outcome: 'cancelled' as const },
      { ...newAttempt(1, 2), outcome: 'succeeded' as const },
    ];
    expect(adoptedOf(run, rows(result, inVain))).not.toBeNull();
  });

  it('is told from the answer of another run, and from none', async () => {
    const result = newResult(await ended(), 'text', 7);
    expect(adoptedOf(await ended({ answered_by: 5 }), rows(result))).toBeNull();
    expect(adoptedOf(await ended({ state: 'queued', epoch: null }), rows(null))).toBeNull();
  });
});

describe('an end of elsewhere', () => {
  it('R8: is named with its file where its attempts were none of here', async () => {
    const run = await ended({ state: 'failed', attempt: 3 });
    expect(adoptedOf(run, rows(null))).toEqual({ file: 'ended/7_a.json', unverified: false });
    expect(adoptedOf({ ...run, started_at: NOW }, rows(null))).toBeNull();
    expect(adoptedOf({ ...run, attempt: 0 }, rows(null))).toBeNull();
  });
});
