import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/identity.ts';
import type { StoredRun } from '../../src/core/verification.ts';
import { endedFileText } from '../../src/workspace/ended-file.ts';
import { checkEndedFile, checkResultFile } from '../../src/workspace/published-check.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { NOON, publicationBody } from './publication-rows.ts';

const EPOCH = NOON + 1;
const AT = { epoch: EPOCH, name: 'faq-17' };
const ENDED = endedFileText(publicationBody({ kind: 'ended' }));
const CHART = { name: 'chart.png', media_type: 'image/png', bytes: 3, sha256: sha256('png') };

/** Its own file, with some of what it says in other words. */
function resultText(more: object = {}): string {
  return JSON.stringify({ ...(JSON.parse(resultFileText(publicationBody())) as object), ...more });
}

/** The run of that file, as the database has it. */
function stored(more: Partial<StoredRun> = {}): StoredRun {
  const { run, result } = publicationBody();
  const { text_sha256 = '', text_bytes = 0, attempt = 1 } = result ?? {};
  return {
    job: 1,
    name: 'faq-17',
    run: 1,
    state: 'completed',
    source: 'http',
    digest: run.digest,
    request: '{}',
    epoch: EPOCH,
    last_epoch: EPOCH,
    result: { attempt, text_sha256, text_bytes, stored_bytes: text_bytes, files: [], prompt_sha256: null },
    ...more,
  };
}

function knowing(run: StoredRun | null) {
  return (name: string, number: number) => (name === run?.name && number === run.run ? run : null);
}

/** What is wrong with it, in short. */
function faultsOf(text: string, run: StoredRun | null = stored(), at = AT): string[] {
  return checkResultFile(at, text, knowing(run)).faults.map(({ kind, message }) => `${kind}: ${message}`);
}

describe('a result file', () => {
  it('R9: that is as it was written has no fault, with the database and without it', () => {
    expect(checkResultFile(AT, resultText(), knowing(stored()))).toEqual({
      faults: [],
      is_hashed: true,
      files: [],
    });
    expect(checkResultFile(AT, resultText(), null).faults).toEqual([]);
  });

  it('R9: is held to its own hash', () => {
    const [fault, ...others] = checkResultFile(AT, resultText({ result: '# No\n' }), null).faults;
    expect(others).toEqual([]);
    expect(fault?.kind).toBe('changed');
    expect(fault?.message).toContain(`its text has SHA-256 ${sha256('# No\n')}`);
  });

  it('R9: whose text and hash were both changed is held to the database', () => {
    const changed = resultText({ result: 'No', sha256: sha256('No') });
    expect(checkResultFile(AT, changed, null).faults).toEqual([]);
    expect(faultsOf(changed)).toEqual(['changed: its text is not that of the database']);
  });

  it('R9: that says another attempt, digest or files than the database is changed', () => {
    const { digest } = stored();
    expect(faultsOf(resultText({ attempt: 2 }))).toEqual(['changed: its attempt is 2, the database has 1']);
    expect(faultsOf(resultText({ digest: '1:0' }))).toEqual([
      `changed: its digest is "1:0", the database has "${digest}"`,
    ]);
    expect(faultsOf(resultText({ files: [CHART] }))).toEqual([
      `changed: its files is "chart.png ${CHART.sha256}", the database has ""`,
    ]);
  });

  it('R9: that lacks a file which the database has is changed', () => {
    const { result } = stored();
    if (result === null) throw new Error('expected a result');
    const ref = { ...CHART, body_sha256: sha256('') };
    const run = stored({ result: { ...result, files: [ref] } });
    expect(faultsOf(resultText(), run)).toEqual([
      `changed: its files is "", the database has "chart.png ${CHART.sha256}"`,
    ]);
    expect(faultsOf(resultText({ files: [CHART] }), run)).toEqual([]);
    expect(checkResultFile(AT, resultText({ files: [CHART] }), knowing(run)).files).toEqual([CHART]);
  });

  it('R9: of a run without an answer, or of none that is known, is told', () => {
    expect(faultsOf(resultText(), stored({ result: null, state: 'failed' }))).toEqual([
      'changed: the database has no answer of faq-17@1',
    ]);
    expect(faultsOf(resultText(), null)).toEqual(['unknown: the database knows no run faq-17@1']);
  });

  it('R9: whose run has another file is unknown, and that one is named', () => {
    expect(faultsOf(resultText(), stored({ epoch: EPOCH + 5 }))).toEqual([
      `unknown: faq-17@1 has the file ${EPOCH + 5}_faq-17.json, not this one`,
    ]);
    expect(faultsOf(resultText(), stored({ epoch: null }))).toEqual([
      'unknown: faq-17@1 has no file, not this one',
    ]);
  });

  it('R9: under the name of another job is changed', () => {
    expect(faultsOf(resultText(), stored({ name: 'other' }), { epoch: EPOCH, name: 'other' })).toEqual([
      'changed: it is named after other, and says that it is of faq-17',
    ]);
  });

  it('R9: of which only the pair is there has no fault, and carries no hash', () => {
    expect(checkResultFile(AT, '{"job": "faq-17.json", "result": "Yes"}', knowing(null))).toEqual({
      faults: [],
      is_hashed: false,
      files: [],
    });
    expect(checkResultFile(AT, '{"job": "faq-17.json", "result": null}', knowing(null)).faults).toEqual([]);
  });

  it.each(['', '{"job": "a.json"', '[]', '7', '{"result": "x"}', '{"job": "a.json", "result": 7}'])(
    'R9: that says %j is unreadable, and is no pair without a hash',
    (text) => {
      const { faults, is_hashed } = checkResultFile(AT, text, knowing(stored()));
      expect(faults.map(({ kind }) => kind)).toEqual(['unreadable']);
      expect(is_hashed).toBe(true);
    },
  );
});

describe('an ended file', () => {
  const failed = stored({ state: 'failed', result: null });

  it('R9: that is as it was written has no fault', () => {
    expect(checkEndedFile(AT, ENDED, knowing(failed)).faults).toEqual([]);
    expect(checkEndedFile(AT, ENDED, null).faults).toEqual([]);
  });

  it('R9: that says another state or digest than the database is changed', () => {
    const { faults } = checkEndedFile(AT, ENDED, knowing({ ...failed, state: 'cancelled', digest: '1:0' }));
    expect(faults.map(({ message }) => message)).toEqual([
      `its digest is "${failed.digest}", the database has "1:0"`,
      'its state is "failed", the database has "cancelled"',
    ]);
  });

  it('R9: of a run that was retried since may be an earlier end, and never a later one', () => {
    const retried = stored({ epoch: EPOCH + 9, last_epoch: EPOCH + 9 });
    expect(checkEndedFile(AT, ENDED, knowing(retried)).faults).toEqual([]);
    const earlier = { ...failed, epoch: EPOCH - 9, last_epoch: EPOCH - 9 };
    expect(checkEndedFile(AT, ENDED, knowing(earlier)).faults).toEqual([
      { kind: 'unknown', message: `faq-17@1 has the file ${EPOCH - 9}_faq-17.json, not this one` },
    ]);
  });

  it.each(['queued', 'running', 'retrying'] as const)(
    'R9: of a run that was retried and is %s now is as it was written',
    (state) => {
      const retried = stored({ state, result: null });
      expect(checkEndedFile(AT, ENDED, knowing(retried)).faults).toEqual([]);
    },
  );

  it('R9: of no known run, of another name, or that is none, is told', () => {
    expect(checkEndedFile(AT, ENDED, knowing(null)).faults.map(({ kind }) => kind)).toEqual(['unknown']);
    const other = { epoch: EPOCH, name: 'other' };
    expect(checkEndedFile(other, ENDED, null).faults.map(({ kind }) => kind)).toEqual(['changed']);
    expect(checkEndedFile(AT, '{', null).faults.map(({ kind }) => kind)).toEqual(['unreadable']);
  });
});
