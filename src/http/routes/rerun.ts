/** Fresh draws: what is stored of a run, asked once more as the next run of its name. */
import { Problem } from '../../core/errors.ts';
import { formatRunRef, type RunRef } from '../../core/names.ts';
import type { RerunVerdict, RetryOptions, RunAnswer } from '../../core/ports/scheduler.ts';
import { freshDrawOf, type StoredJob } from '../../core/rerun.ts';
import type { RunRow } from '../../core/rows.ts';
import { hasEnded, RUN_STATES } from '../../core/states.ts';
import type { PreparedJob, SubmittedJob } from '../../core/submission.ts';
import { isUnknownWork } from '../../core/unknown-work.ts';
import { jobOut, manyOut, problemOut } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { NoSuchJob } from '../no-such-job.ts';
import { refParams, rerunBody, rerunManyBody } from '../schemas.ts';
import { isNew } from '../submission.ts';
import { many, retryOptions, selectedRuns } from './changes.ts';
import { refOf } from './jobs.ts';

const ENDED = RUN_STATES.filter(hasEnded);
const WORD_BYTES = 8;
/** Texts of runs that are in memory at a time. */
const CHUNK_CHARACTERS_MAX = 16 * 1024 * 1024;

/** What makes these draws, and how they run. */
interface Draw {
  readonly word: string;
  readonly options: RetryOptions;
}

export function rerunRoutes(app: App, context: HttpContext): void {
  const { scheduler, random } = context.options;

  app.post(
    '/jobs/:ref/rerun',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Ask a job once more, as the next run of its name',
        description:
          '201: the next run. 200: with the same `fresh` it was made before. 409: the run that is named has not ended.',
        params: refParams,
        body: rerunBody.nullish(),
        response: { 200: jobOut, 201: jobOut, '4xx': problemOut },
      },
    },
    async ({ params, body }, reply) => {
      const ref = refOf(params.ref);
      const draw = { word: body?.fresh ?? random.id(WORD_BYTES), options: retryOptions(body?.options) };
      const run = context.run(ref);
      const job = drawOf(context, run, draw);
      if (job === null) throw underWay(run);
      const { jobs } = await scheduler.submit([job], 'skip');
      const [made] = jobs;
      if (made === undefined) throw new NoSuchJob(ref);
      const view = await context.view(context.run({ name: made.name, run: made.run }), {
        created: isNew(made),
        answered_before: made.verdict === 'answered_before',
      });
      return reply.code(made.next_run ? 201 : 200).send(view);
    },
  );

  app.post(
    '/jobs/rerun',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Ask many jobs once more: by names, or all that a selection fits and that have ended',
        description: 'Those that are the same work share one new answer.',
        body: rerunManyBody,
        response: { 200: manyOut, '4xx': problemOut },
      },
    },
    async ({ body }) => {
      const { options, fresh, ...selection } = body;
      const draw = { word: fresh ?? random.id(WORD_BYTES), options: retryOptions(options) };
      return many(selectedRuns(context, selection, ENDED, true), (refs) => redraw(context, refs, draw));
    },
  );
}

function underWay(run: RunRow): Problem {
  if (hasEnded(run.state))
    return new Problem('WrongState', `What ${formatRunRef(run)} asked is not known any more`, {
      hint: 'The database was rebuilt from the folders, without the job as it was. Submit the job itself.',
    });
  return new Problem(
    'WrongState',
    `${formatRunRef(run)} is ${run.state}; only a run that has ended is asked again`,
    { hint: `Wait for it (promptd wait ${run.name}), or cancel it.` },
  );
}

/** Null where the run has not ended, and is not this very draw; or where nobody knows what it asked. */
function drawOf(context: HttpContext, run: RunRow, draw: Draw): PreparedJob | null {
  const stored = storedOf(context, run);
  if (isUnknownWork(stored.spec.request)) return null;
  const job = freshDrawOf(stored, draw.word, draw.options);
  return hasEnded(run.state) || job.digest === run.digest ? job : null;
}

function storedOf(context: HttpContext, run: RunRow): StoredJob {
  const { reads } = context.options;
  const spec = reads.spec(run.id);
  const spec_body = spec === null ? null : reads.body(spec.spec_sha256);
  const prompt_body = spec === null ? null : reads.body(spec.prompt_sha256);
  if (spec === null || spec_body === null || prompt_body === null) {
    throw new Problem('Corrupt', `${formatRunRef(run)}: what was asked is not in the database`, {
      hint: 'The database is damaged: stop promptd and look at the disk.',
    });
  }
  return { run, spec, spec_body, prompt_body };
}

/** Answers in the order of the runs; handed to the scheduler some at a time, since each carries its texts. */
async function redraw(
  context: HttpContext,
  refs: readonly RunRef[],
  draw: Draw,
): Promise<RunAnswer<RerunVerdict>[]> {
  const answers: RunAnswer<RerunVerdict>[] = [];
  let jobs: PreparedJob[] = [];
  let places: number[] = [];
  let characters = 0;
  const hand = async (): Promise<void> => {
    if (jobs.length === 0) return;
    const receipt = await context.options.scheduler.submit(jobs, 'skip');
    for (const [i, made] of receipt.jobs.entries()) answers[places[i] ?? i] = answerOf(made);
    [jobs, places, characters] = [[], [], 0];
  };
  for (const [place, ref] of refs.entries()) {
    const run = context.options.reads.run(ref.name, ref.run);
    const job = run === null ? null : drawOf(context, run, draw);
    if (run === null) answers[place] = { ...ref, run: ref.run ?? 0, verdict: 'not_found', state: null };
    else if (job === null)
      answers[place] = { name: run.name, run: run.run, verdict: 'wrong_state', state: run.state };
    else {
      jobs.push(job);
      places.push(place);
      characters += job.spec.length + job.prompt.length;
      if (characters > CHUNK_CHARACTERS_MAX) await hand();
    }
  }
  await hand();
  return answers;
}

function answerOf({ name, run, state, verdict }: SubmittedJob): RunAnswer<RerunVerdict> {
  // A next run is asked for, so that no name is taken.
  return { name, run, state, verdict: verdict === 'conflict' ? 'wrong_state' : verdict };
}
