/** Results: the answer of a run and its files, hashed again before they leave; the null result where there is none (R12). */
import { createHash } from 'node:crypto';
import { Problem } from '../../core/errors.ts';
import { sha256Bytes } from '../../core/identity.ts';
import { formatRunRef } from '../../core/names.ts';
import type { ReadStore } from '../../core/ports/read-store.ts';
import type { RunRow } from '../../core/rows.ts';
import type { ResultView } from '../../core/views.ts';
import { problemOut, resultOut, textOf } from '../answer-schemas.ts';
import type { App } from '../app.ts';
import type { HttpContext } from '../http-context.ts';
import { fileParams, isTrue, refParams, resultQuery } from '../schemas.ts';
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
  fileRoute(app, context);
}

function fileRoute(app: App, context: HttpContext): void {
  app.get(
    '/jobs/:ref/result/files/:file',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'A file that came with the result of a job',
        description: 'Its bytes, under its media type, to be saved and not to be shown by a browser.',
        params: fileParams,
        response: { 200: textOf('The file', '*/*'), '4xx': problemOut },
      },
    },
    ({ params }, reply) => {
      const { reads } = context.options;
      const file = fileOf(reads, context.run(refOf(params.ref)), params.file);
      return reply
        .header('content-type', file.media_type)
        .header('content-disposition', `attachment; filename*=UTF-8''${encoded(file.name)}`)
        .header('x-content-type-options', 'nosniff')
        .header('promptd-result-sha256', file.sha256)
        .send(file.bytes);
    },
  );
}

interface StoredFile {
  readonly name: string;
  readonly media_type: string;
  readonly sha256: string;
  readonly bytes: Buffer;
}

/** Throws NotFound where the result has no such file, and Corrupt where the stored one is not the one that was accepted. */
function fileOf(reads: Pick<ReadStore, 'result' | 'body'>, run: RunRow, name: string): StoredFile {
  const files = reads.result(run.id)?.meta.files ?? [];
  const ref = files.find((file) => file.name === name);
  if (ref === undefined) {
    const known = files.length === 0 ? 'it has none' : `it has ${files.map((file) => file.name).join(', ')}`;
    throw new Problem(
      'NotFound',
      `The result of ${formatRunRef(run)} has no file ${JSON.stringify(name)}: ${known}`,
    );
  }
  const bytes = Buffer.from(reads.body(ref.body_sha256) ?? '', 'base64');
  const hash = sha256Bytes(bytes);
  if (hash !== ref.sha256) throw corrupt(`The file "${name}" of ${formatRunRef(run)}`, ref.sha256, hash);
  return { name: ref.name, media_type: ref.media_type, sha256: ref.sha256, bytes };
}

/** As RFC 8187 writes a name in a header. */
function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
}

function corrupt(what: string, expected: string, got: string): Problem {
  return new Problem('Corrupt', `${what}: expected the SHA-256 ${expected}, got ${got}`, {
    hint: 'Its file in results/ may still hold it. The database is damaged: stop promptd and look at the disk.',
  });
}

/** Throws Corrupt where the stored text is not the one that was accepted. */
export function resultOf(reads: Pick<ReadStore, 'spec' | 'result' | 'body'>, run: RunRow): ResultView {
  const spec = reads.spec(run.id);
  const row = reads.result(run.id);
  if (row === null) return nullResult(run, spec);
  const text = reads.body(row.text_sha256);
  const hash = text === null ? 'nothing' : createHash('sha256').update(text).digest('hex');
  if (text === null || hash !== row.text_sha256) {
    throw corrupt(`The result of ${formatRunRef(run)}`, row.text_sha256, hash);
  }
  return resultView(run, spec, row, text);
}
