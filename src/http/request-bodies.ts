/** How bodies become values: JSON by its limit, and the bytes themselves where a route reads them (submissions). */
import type { FastifyRequest } from 'fastify';
import { Problem } from '../core/errors.ts';
import type { App } from './app.ts';
import { utf8 } from './body.ts';
import type { HttpContext } from './http-context.ts';
import { mediaTypeProblem } from './problems.ts';

/** Bodies whose client is done with before the reply is known. */
export function readBodies(app: App, context: HttpContext): void {
  const { limits } = context.options;
  app.removeAllContentTypeParsers();
  const held = new WeakMap<FastifyRequest['raw'], { once(event: 'close', fn: () => void): unknown }>();
  app.addHook('onRequest', (request, reply, done) => {
    held.set(request.raw, reply.raw);
    done();
  });
  const bytesOf = (request: FastifyRequest, bytes_max: number): Promise<Buffer> =>
    context.bodies.read(request.raw, held.get(request.raw) ?? request.raw, bytes_max);
  app.addContentTypeParser(['application/json', 'application/x-ndjson'], async (request: FastifyRequest) => {
    if (request.routeOptions.config.raw_body === true) return bytesOf(request, limits.submission_bytes_max);
    if (request.headers['content-type']?.includes('ndjson') === true) throw mediaTypeProblem();
    const bytes = await bytesOf(request, limits.request_bytes_max);
    return bytes.length === 0 ? undefined : parseJson(utf8(bytes));
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Problem('InvalidRequest', `body: expected JSON, got something else (${said})`, { cause });
  }
}
