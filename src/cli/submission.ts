/** Submitting what was collected, and saying of what is refused where in which file it stands. */
import type { Client } from '../client/client.ts';
import type { JobIn } from '../client/job-in.ts';
import { placeOf } from '../client/lot-answers.ts';
import { type Fault, Problem } from '../core/errors.ts';
import type { LotView } from '../core/views.ts';
import type { FileFault, SourceJob } from './intake/source-job.ts';

export interface SubmissionOptions {
  readonly client: Client;
  readonly jobs: readonly SourceJob[];
  /** `new_run`: work of another content under a known name is its next run. */
  readonly if_exists: 'same' | 'new_run';
  readonly on_invalid: 'refuse' | 'skip';
  readonly signal: AbortSignal;
}

/** A job whose name stood for other work and which is asked as the next run. */
export interface Changed {
  readonly name: string;
  /** What differs, e.g. `prompt.base`; '' where the server did not say. */
  readonly differs: string;
}

export interface Submitted {
  readonly answer: LotView;
  readonly changed: readonly Changed[];
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

/**
 * Submits all of them. Where names are taken by other work and `if_exists` is `new_run`, these are found out first and then
 * asked as next runs, so that it can be said which they are. Rejects with `JobsRefused`, or the client's `Problem`.
 */
export async function submitJobs(options: SubmissionOptions): Promise<Submitted> {
  const { jobs } = options;
  const first = await attempt(options, jobs, new Set());
  if (!('taken' in first)) return { ...first, changed: [] };
  // The server names so many conflicts and no more: with as many as that, there may be others.
  const again = first.isCut ? new Set(jobs) : new Set(first.taken.keys());
  const changed = [...first.taken].map(([one, fault]) => ({
    name: String(one.job.name),
    differs: differing(fault),
  }));
  const second = await attempt(options, jobs, again);
  if ('taken' in second) throw new JobsRefused(second.problem, second.faults);
  return { ...second, changed };
}

type Outcome = Omit<Submitted, 'changed'> | Taken;

interface Taken {
  readonly taken: ReadonlyMap<SourceJob, Fault>;
  readonly isCut: boolean;
  readonly problem: Problem;
  readonly faults: readonly FileFault[];
}

async function attempt(
  options: SubmissionOptions,
  jobs: readonly SourceJob[],
  newRuns: ReadonlySet<SourceJob>,
): Promise<Outcome> {
  const sent = jobs.map(({ job }, index): JobIn => {
    const one = jobs[index];
    return one !== undefined && newRuns.has(one) ? { ...job, if_exists: 'new_run' } : job;
  });
  const skip = options.on_invalid === 'skip' ? ({ on_invalid: 'skip' } as const) : {};
  try {
    const answer = await options.client.submitMany(sent, { ...skip, signal: options.signal });
    const refused = (answer.refused ?? []).flatMap(({ index, errors }) =>
      placed(jobs, index, errors as readonly Fault[]),
    );
    const conflicts = conflictsIn(jobs, answer);
    if (conflicts.size === 0 || newRuns.size > 0 || options.if_exists === 'same') return { answer, refused };
    return {
      taken: conflicts,
      isCut: false,
      problem: new Problem('NameTaken', 'names are taken'),
      faults: refused,
    };
  } catch (error) {
    if (!(error instanceof Problem) || error.faults.length === 0) throw error;
    const faults = error.faults.flatMap((fault) => placedFault(jobs, fault));
    const taken = takenIn(jobs, error);
    if (taken === null || newRuns.size > 0 || options.if_exists === 'same')
      throw new JobsRefused(error, faults);
    return { taken, isCut: error.faults.length >= FAULTS_NAMED, problem: error, faults };
  }
}

/** As many faults as one answer names. */
const FAULTS_NAMED = 100;

/** The jobs whose names are taken, where that is all that is wrong. */
function takenIn(jobs: readonly SourceJob[], problem: Problem): ReadonlyMap<SourceJob, Fault> | null {
  if (problem.faults.some((fault) => fault.code !== 'NameTaken')) return null;
  return new Map(
    problem.faults.flatMap((fault) => {
      const one = jobs[placeOf(fault)?.index ?? 0];
      return one === undefined ? [] : [[one, fault] as const];
    }),
  );
}

function conflictsIn(jobs: readonly SourceJob[], answer: LotView): ReadonlyMap<SourceJob, Fault> {
  return new Map(
    (answer.refused ?? []).flatMap(({ index, errors }) => {
      const one = jobs[index];
      const [fault] = errors as readonly Fault[];
      return one === undefined || fault?.code !== 'NameTaken' ? [] : [[one, fault] as const];
    }),
  );
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

/** `prompt.base` out of `"faq-17", which exists with another prompt (differs: prompt.base)`. */
function differing(fault: Fault): string {
  return /\(differs: ([^)]*)\)/.exec(fault.got)?.[1] ?? '';
}
