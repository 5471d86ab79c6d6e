/** The answer to a name that stands for another job: in what they differ, and what to do. */
import { type Fault, Problem } from '../core/errors.ts';
import { joinPaths } from '../core/job-path.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { PreparedJob } from '../core/submission.ts';
import type { Differing } from './http-options.ts';

const HINT = 'To ask again under this name: "if_exists": "new_run". Its first answer stays.';

interface NameTakenOptions {
  readonly reads: Pick<ReadStore, 'run' | 'spec' | 'body'>;
  readonly differing: Differing;
}

/** `place` is the job's own path in the submission: '' or `jobs[3]`. `explain: false` spares the reads of a long list. */
export function nameTakenFault(
  options: NameTakenOptions,
  job: PreparedJob,
  place: string,
  explain: boolean,
): Fault {
  const fields = explain ? fieldsThatDiffer(options, job) : [];
  const differs = fields.length === 0 ? '' : ` (differs: ${fields.join(', ')})`;
  return {
    code: 'NameTaken',
    path: joinPaths(place, 'name'),
    expected: 'a free name, or the same job',
    got: `"${job.name}" exists with another ${partOf(fields)}${differs}`,
    hint: HINT,
  };
}

export function nameTakenProblem(faults: readonly Fault[], shown_max: number): Problem {
  const [first] = faults;
  if (first === undefined) throw new RangeError('a conflict needs a job that conflicts');
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new Problem('NameTaken', `${first.got}${more}`, { hint: HINT, faults: faults.slice(0, shown_max) });
}

function fieldsThatDiffer(options: NameTakenOptions, job: PreparedJob): readonly string[] {
  const { reads, differing } = options;
  const stored = reads.run(job.name, null);
  const spec = stored === null ? null : reads.spec(stored.id);
  const body = spec === null ? null : reads.body(spec.spec_sha256);
  // Not there: the other job of that name stands in the same submission.
  return spec === null || body === null ? [] : differing(spec.request, job.request, body, job.spec);
}

function partOf(fields: readonly string[]): string {
  const parts = new Set(fields.map((field) => field.split(/[.[]/, 1)[0] ?? field));
  return parts.size === 1 ? [...parts].join('') : 'content';
}
