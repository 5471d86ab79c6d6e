import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { type DroppedName, droppedName, faultBefore, readDropped } from '../../src/workspace/dropped-file.ts';

function nameOf(file: string): DroppedName {
  const name = droppedName(file);
  if (name === null) throw new Error(`${file} is no job by its name`);
  return name;
}

function faultOf(file: string, bytes: number) {
  return faultBefore(nameOf(file), { kind: 'file', id: '1', bytes, mtime_ms: 0 });
}

describe('a dropped file', () => {
  it('R14: is called after itself, without its ending, be it a job or a batch', () => {
    expect(droppedName('5_a.b.json')).toEqual({ kind: 'job', base: '5_a.b' });
    expect(droppedName('lot.json.jsonl')).toEqual({ kind: 'batch', base: 'lot.json' });
    for (const file of ['.a.json', '.jsonl', 'a.json5', 'a.jsonll', 'json'])
      expect(droppedName(file)).toBeNull();
  });

  it('R14: that is larger than a job, or a batch, may be is refused before it is read', () => {
    const { job_bytes_max, submission_bytes_max } = LIMITS;
    expect([faultOf('a.json', job_bytes_max), faultOf('a.jsonl', submission_bytes_max)]).toEqual([
      null,
      null,
    ]);
    expect(faultOf('a.json', job_bytes_max + 1)).toMatchObject({ code: 'TooLarge', path: '(file)' });
    expect(faultOf('a.jsonl', submission_bytes_max + 1)).toMatchObject({ code: 'TooLarge' });
  });

  it('R14: of more lines than a submission may have is refused before any of them is made into a job', () => {
    const most = LIMITS.submission_jobs_max;
    const read = (lines: number) => readDropped('batch', Buffer.from('{"a":1}\n'.repeat(lines)));
    const [one, ...more] = read(most + 1);
    expect(one).toMatchObject({ ok: false, whole: true, faults: [{ code: 'TooManyJobs', path: '(file)' }] });
    expect(more).toEqual([]);
    expect(read(most).next().value).toMatchObject({ ok: true });
  });
});
