/** What the scheduler would send to an instance for the first attempt of a job's first run. */
import type { AttemptOrder } from '../core/attempt.ts';
import { SHOWN_JOBS } from '../core/endpoints.ts';
import { attachedTo, jobAsGiven, needsJob, orderOf } from '../core/order-of.ts';
import type { PreparedJob } from '../core/submission.ts';
import type { Config } from './config.ts';

export function orderFor(job: PreparedJob, { endpoints }: Pick<Config, 'endpoints'>): AttemptOrder {
  const { name, digest, request, prompt, options: limits } = job;
  const order = orderOf({ ref: { name, run: 1, attempt: 1, digest }, request, prompt, limits });
  const kind = endpoints.get(order.endpoint)?.kind;
  const isShown = needsJob(order) || (kind !== undefined && SHOWN_JOBS.has(kind));
  const named = attachedTo(order).map((sha256) => [sha256, job.attachments[sha256]] as const);
  const attachments = Object.fromEntries(
    named.filter((one): one is readonly [string, string] => one[1] !== undefined),
  );
  return { ...order, attachments, job: isShown ? jobAsGiven({ ...job, run: 1 }, job.spec) : null };
}
