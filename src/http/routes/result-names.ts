/** Results of a job, and the job of a result, by file names: no file is opened, and no text is read (R10, R11, R12). */
import { jobFileName, resultFileName, splitResultFileName } from '../../core/names.ts';
import type { RunRow } from '../../core/rows.ts';
import type { JobOfResultView, ResultNamesView, ResultNameView } from '../../core/views.ts';
import { jobOfResultOut, problemOut, resultNamesOut } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { refuse } from '../problems.ts';
import { refParams, resultFileParams } from '../schemas.ts';
import { nullResult } from '../views.ts';
import { refOf } from './jobs.ts';

export function resultNameRoutes(app: App, context: HttpContext): void {
  app.get(
    '/jobs/:ref/results',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The result files of a job, by name',
        description:
          'The oldest first. Where there is none, `result: null` stands beside the empty list: the null result.',
        params: refParams,
        response: { 200: resultNamesOut, '4xx': problemOut },
      },
    },
    ({ params }, reply) => reply.send(namesOf(context, refOf(params.ref))),
  );

  app.get(
    '/results/:result_file/job',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The job of a result file',
        description:
          'By the name of the file alone: it need not be there. `run` is null where no run has this file.',
        params: resultFileParams,
        response: { 200: jobOfResultOut, '4xx': problemOut },
      },
    },
    ({ params }, reply) => reply.send(jobOf(context, params.result_file)),
  );
}

/** Throws NotFound where there is no such job. */
function namesOf(context: HttpContext, ref: ReturnType<typeof refOf>): ResultNamesView {
  const { reads, limits } = context.options;
  const run = context.run(ref);
  const runs = ref.run === null ? reads.runsOf(ref.name, limits.page_runs_max) : [run];
  const results = runs.flatMap((one) => nameOf(context, one) ?? []);
  const { job } = nullResult(run, reads.spec(run.id));
  return {
    job,
    results: results.toSorted((one, other) => one.epoch - other.epoch),
    ...(results.length === 0 ? { result: null } : {}),
    ...(runs.length === limits.page_runs_max && runs.at(-1)?.run !== 1 ? { has_more: true } : {}),
  };
}

function nameOf(context: HttpContext, run: RunRow): ResultNameView | null {
  const row = context.options.reads.result(run.id);
  if (row === null) return null;
  const epoch = run.epoch ?? row.epoch;
  return { file: resultFileName(epoch, run.name), epoch, name: run.name, run: run.run };
}

function jobOf(context: HttpContext, file: string): JobOfResultView {
  const split = splitResultFileName(file);
  if (split === null) throw refuse('path.result_file', 'the name of a result file', file);
  const { reads, limits } = context.options;
  const runs = reads.runsOf(split.name, limits.page_runs_max);
  const run = runs.find((one) => nameOf(context, one)?.file === file);
  return { job: jobFileName(split.name), file, ...split, run: run?.run ?? null };
}
