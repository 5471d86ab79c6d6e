import { EXIT, Problem } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { Client } from '../../client/client.ts';
import type { Context } from '../context.ts';
import { changedText, receiptLine } from '../following/run-report.ts';
import { waitForRuns } from '../following/wait-for-runs.ts';
import { filesWrong, showFaults } from '../intake/fault-text.ts';
import { readAnyJobs } from '../intake/read-jobs.ts';
import { JobsRefused, submitJobs, type Submitted } from '../submission.ts';
import { shortRef } from '../short-ref.ts';
import { adHocJob, freshWord, jobDefaults } from '../submit-options.ts';
import { followLog } from './logs.ts';
import { readJobs } from './run.ts';

/** Submit only: a name a line. */
export async function submit(context: Context): Promise<number> {
  const { out, given, signal } = context;
  const on_invalid = given.oneOf('onInvalid', ['refuse', 'skip']) ?? 'refuse';
  const if_exists = given.oneOf('ifExists', ['same', 'new_run']) ?? 'same';
  const { right, faults } = await jobsGiven(context);
  showFaults(out, faults);
  if (faults.length > 0 && on_invalid === 'refuse') {
    out.complain(`${filesWrong(faults)}; nothing was submitted. To leave them out: --on-invalid skip`);
    return EXIT.invalid_job;
  }
  if (right.length > 1) refuseOptionsOfOne(context);
  if (right.length === 0) return faults.length > 0 ? EXIT.invalid_job : EXIT.ok;
  const client = await context.server();
  try {
    const fresh = freshWord(context);
    const submitted = await submitJobs({ client, jobs: right, if_exists, on_invalid, fresh, signal });
    await say(context, submitted);
    const wrong = faults.length + submitted.refused.length;
    const code = await follow(context, client, submitted);
    return code === EXIT.ok && wrong > 0 ? EXIT.invalid_job : code;
  } catch (error) {
    if (!(error instanceof JobsRefused)) throw error;
    if (error.faults.length > 1 || !(error.cause instanceof Problem)) showFaults(out, error.faults);
    if (error.cause instanceof Problem && (error.faults.length === 1 || error.cause.code === 'NameTaken'))
      throw error.cause;
    out.complain(`${filesWrong(error.faults)}; nothing was submitted.`);
    return error.exit;
  }
}

async function jobsGiven(context: Context): ReturnType<typeof readJobs> {
  const adHoc = await adHocJob(context);
  if (adHoc === null) {
    if (context.args.length > 0) return readJobs(context);
    throw new Problem(
      'InvalidRequest',
      'Which jobs? Name files, folders, or - for stdin; or give -m MODEL -p PROMPT.',
    );
  }
  const source = { file: '-p', bytes: Buffer.from(JSON.stringify(adHoc)) };
  const { jobs, faults } = readAnyJobs(source, jobDefaults(context));
  return { right: jobs, faults };
}

function refuseOptionsOfOne(context: Context): void {
  const { given } = context;
  for (const option of ['name', 'key']) {
    if (given.text(option) === undefined) continue;
    throw new Problem('InvalidRequest', `--${option} is for a single job, and here are several.`);
  }
  if (given.flag('follow'))
    throw new Problem(
      'InvalidRequest',
      '--follow is for a single job, and here are several. For many: --wait',
    );
}

async function say(context: Context, { answer, refused }: Submitted): Promise<void> {
  const { out } = context;
  showFaults(out, refused);
  for (const job of answer.jobs) {
    if (out.json) await out.value(job);
    else await out.line(shortRef(job));
  }
  for (const warning of answer.warnings ?? []) out.notice(`warning: ${warning}`);
  if (answer.next_runs !== undefined)
    out.notice(`changed, and asked as the next run: ${changedText(answer.next_runs)}`);
  out.notice(receiptLine(answer));
}

async function follow(context: Context, client: Client, { answer }: Submitted): Promise<number> {
  const { given } = context;
  const [only] = answer.jobs;
  if (given.flag('follow') && only !== undefined)
    return followLog(context, client, formatRunRef(only), undefined);
  if (!given.flag('wait')) return EXIT.ok;
  return waitForRuns(context, { refs: answer.jobs.map((job) => formatRunRef(job)) });
}
