/** `POST /jobs`: one job, an array, or NDJSON. The body is read as bytes, so that faults can be told by line and column. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../core/errors.ts';
import type { JobView } from '../../core/views.ts';
import type { App } from '../app.ts';
import { jobOut, lotOut, problemOut } from '../answer-schemas.ts';
import type { HttpContext } from '../http-context.ts';
import { readLot } from '../lot.ts';
import { mediaTypeProblem } from '../problems.ts';
import { submissionBody, submitQuery } from '../schemas.ts';
import { isNew, lotView, submitLot, type Submitted } from '../submission.ts';

/** What was sent as one job is answered as one. */
const answer = z.union([jobOut, lotOut]);

export function submitRoutes(app: App, context: HttpContext): void {
  app.post(
    '/jobs',
    {
      config: { scope: 'submit', raw_body: true },
      schema: {
        summary: 'Submit jobs',
        description:
          'One transaction. Any fault refuses all of it, unless ?on_invalid=skip. May be sent again: a job that is known is answered, not asked again.',
        querystring: submitQuery,
        body: submissionBody,
        consumes: ['application/json', 'application/x-ndjson'],
        response: { 200: answer, 201: answer, '4xx': problemOut, '5xx': problemOut },
      },
    },
    async (request, reply) => {
      const onInvalid = request.query.on_invalid === 'skip' ? 'skip' : 'refuse_all';
      const lot = readLot(bytesOf(request), kindOf(request), context.options.limits);
      const { fresh } = request.query;
      const admin = context.isAdmin(request);
      const how = { onInvalid, via: context.viaOf(request), admin, fresh } as const;
      const submitted = await submitLot(context.options, lot, how);
      const isAnythingNew = submitted.receipt.jobs.some(isNew);
      await sendJson(
        reply,
        isAnythingNew ? 201 : 200,
        lot.single ? await oneJob(context, submitted) : lotView(submitted),
      );
    },
  );
}

/** Large answers are made into text once, here, and pass no schema. */
function sendJson(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(body));
}

function bytesOf(request: FastifyRequest): Buffer {
  if (request.body instanceof Buffer) return request.body;
  throw mediaTypeProblem();
}

function kindOf(request: FastifyRequest): 'json' | 'ndjson' {
  return (request.headers['content-type'] ?? '').includes('ndjson') ? 'ndjson' : 'json';
}

async function oneJob(context: HttpContext, { ready, receipt, next_runs }: Submitted): Promise<JobView> {
  const [job] = receipt.jobs;
  if (job === undefined) throw new Problem('Internal', 'The scheduler gave no answer about the job');
  return context.view(context.run({ name: job.name, run: job.run }), {
    created: isNew(job),
    answered_before: job.verdict === 'answered_before',
    options_differ: job.options_differ,
    ...(next_runs?.some[0] === undefined ? {} : { differs: next_runs.some[0].differs }),
    warnings: ready.warnings,
  });
}
