/** A name that stood for another job: in what they differ, and what to do, or that it is asked as the next run. */
import { type Fault, Problem } from '../core/errors.ts';
import { joinPaths } from '../core/job-path.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { PreparedJob, SubmittedJob } from '../core/submission.ts';
import type { NextRuns } from '../core/views.ts';
import type { Differing } from './http-options.ts';

/** So many next runs of a lot are told with what differs: each takes two reads. */
const NEXT_RUNS_TOLD_MAX = 20;
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
  const fields = explain ? fieldsThatDiffer(options, job, null) : [];
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

/** Which of these jobs are further runs of their names, and why. Undefined where none is. */
export function nextRuns(
  options: NameTakenOptions,
  jobs: readonly { readonly job: PreparedJob; readonly submitted: SubmittedJob }[],
): NextRuns | undefined {
  const next = jobs.filter(({ submitted }) => submitted.next_run);
  if (next.length === 0) return undefined;
  const some = next.slice(0, NEXT_RUNS_TOLD_MAX).map(({ job, submitted: { name, run } }) => ({
    name,
    run,
    differs: fieldsThatDiffer(options, job, run - 1),
  }));
  return { total: next.length, some };
}

/** From that run of the name, or from its latest. */
function fieldsThatDiffer(
  options: NameTakenOptions,
  job: PreparedJob,
  run: number | null,
): readonly string[] {
  const { reads, differing } = options;
  const stored = reads.run(job.name, run);
  const spec = stored === null ? null : reads.spec(stored.id);
  const body = spec === null ? null : reads.body(spec.spec_sha256);
  // Not there: the other job of that name stands in the same submission.
  return spec === null || body === null ? [] : differing(spec.request, job.request, body, job.spec);
}

function partOf(fields: readonly string[]): string {
  const parts = new Set(fields.map((field) => field.split(/[.[]/, 1)[0] ?? field));
  return parts.size === 1 ? [...parts].join('') : 'content';
}
