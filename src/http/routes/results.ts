/** Results: the answer of a run, hashed again before it leaves; the null result where there is none (R12). */
import { createHash } from 'node:crypto';
import { Problem } from '../../core/errors.ts';
import { formatRunRef } from '../../core/names.ts';
import type { ReadStore } from '../../core/ports/read-store.ts';
import type { RunRow } from '../../core/rows.ts';
import type { ResultView } from '../../core/views.ts';
import { problemOut, resultOut } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { isTrue, refParams, resultQuery } from '../schemas.ts';
import { nullResult, resultView } from '../views.ts';
import { refOf } from './jobs.ts';

export function resultRoutes(app: App, context: HttpContext): void {
  app.get(
    '/jobs/:ref/result',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The result of a job',
        description:
          'The text is hashed again: the header promptd-result-sha256 is that hash. Where there is no result yet: `{job, result: null}`.',
        params: refParams,
        querystring: resultQuery,
        response: { 200: resultOut, '4xx': problemOut },
      },
    },
    async ({ params, query }, reply) => {
      const view = resultOf(context.options.reads, context.run(refOf(params.ref)));
      if (view.sha256 !== undefined) void reply.header('promptd-result-sha256', view.sha256);
      if (!isTrue(query.analyse) || view.result === null) return view;
      return { ...view, analysis: await context.options.analyser.analyse(view.result) };
    },
  );
}

/** Throws Corrupt where the stored text is not the one that was accepted. */
export function resultOf(reads: Pick<ReadStore, 'spec' | 'result' | 'body'>, run: RunRow): ResultView {
  const spec = reads.spec(run.id);
  const row = reads.result(run.id);
  if (row === null) return nullResult(run, spec);
  const text = reads.body(row.text_sha256);
  const hash = text === null ? 'nothing' : createHash('sha256').update(text).digest('hex');
  if (text === null || hash !== row.text_sha256) {
    throw new Problem(
      'Corrupt',
      `The result of ${formatRunRef(run)}: expected the SHA-256 ${row.text_sha256}, got ${hash}`,
      {
        hint: 'Its file in results/ may still hold it. The database is damaged: stop promptd and look at the disk.',
      },
    );
  }
  return resultView(run, spec, row, text);
}
