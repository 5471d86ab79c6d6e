/** Submitting what was collected, and saying of what is refused where in which file it stands. */
import type { Client } from '../client/client.ts';
import type { JobIn } from '../client/job-in.ts';
import { type LotOptions, placeOf } from '../client/lot-answers.ts';
import { type Fault, Problem } from '../core/errors.ts';
import type { LotView } from '../core/views.ts';
import type { FileFault, SourceJob } from './intake/source-job.ts';

export interface SubmissionOptions {
  readonly client: Client;
  readonly jobs: readonly SourceJob[];
  /** `new_run`: work of another content under a known name is its next run. */
  readonly if_exists: 'same' | 'new_run';
  readonly on_invalid: 'refuse' | 'skip';
  /** A word that makes them fresh draws. */
  readonly fresh?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Submitted {
  readonly answer: LotView;
  readonly refused: readonly FileFault[];
}

/** Jobs of which the server refused at least one, with the place of each fault in its file. Nothing was submitted. */
export class JobsRefused extends Error {
  readonly faults: readonly FileFault[];
  readonly exit: number;

  constructor(problem: Problem, faults: readonly FileFault[]) {
    super(problem.message, { cause: problem });
    this.name = 'JobsRefused';
    this.faults = faults;
    this.exit = problem.exit;
  }
}

/** Submits all of them. Rejects with `JobsRefused`, or the client's `Problem`. */
export async function submitJobs(options: SubmissionOptions): Promise<Submitted> {
  const { client, jobs, signal } = options;
  try {
    const answer = await client.submitMany(jobsSent(options), { ...lotOptions(options), signal });
    const refused = (answer.refused ?? []).flatMap(({ index, errors }) =>
      placed(jobs, index, errors as readonly Fault[]),
    );
    return { answer, refused };
  } catch (error) {
    if (!(error instanceof Problem) || error.faults.length === 0) throw error;
    throw new JobsRefused(
      error,
      error.faults.flatMap((fault) => placedFault(jobs, fault)),
    );
  }
}

function jobsSent({ jobs, if_exists }: SubmissionOptions): JobIn[] {
  return jobs.map(({ job }) => (if_exists === 'same' ? job : { ...job, if_exists }));
}

function lotOptions({ on_invalid, fresh }: SubmissionOptions): Pick<LotOptions, 'on_invalid' | 'fresh'> {
  return { ...(on_invalid === 'skip' ? { on_invalid } : {}), ...(fresh === undefined ? {} : { fresh }) };
}

function placed(jobs: readonly SourceJob[], index: number, faults: readonly Fault[]): FileFault[] {
  const one = jobs[index];
  if (one === undefined) return [];
  return faults.map((fault) => ({
    file: one.file,
    fault: one.place({ ...fault, path: placeOf(fault)?.path ?? fault.path }),
  }));
}

function placedFault(jobs: readonly SourceJob[], fault: Fault): FileFault[] {
  const place = placeOf(fault);
  return placed(jobs, place?.index ?? 0, [{ ...fault, path: place?.path ?? fault.path }]);
}
