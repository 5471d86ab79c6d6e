/** The HTTP server: one router behind a Unix socket and TCP, made of the ports that it is handed. */
import { fastify, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import fastifyHelmet from '@fastify/helmet';
import fastifyRateLimit from '@fastify/rate-limit';
import { Problem } from '../core/errors.ts';
import { Bodies } from './body.ts';
import type { App } from './app.ts';
import { ChangeHub } from './change-hub.ts';
import { Doors, type TcpAddress } from './doors.ts';
import { guard } from './guard.ts';
import { HttpContext } from './http-context.ts';
import type { HttpOptions } from './http-options.ts';
import { LaneReasons } from './lane-reasons.ts';
import { serveDocs } from './openapi.ts';
import { checked, errorHandler, sendProblem } from './problems.ts';
import { readBodies } from './request-bodies.ts';
import { collectRoutes, type Route } from './route-scopes.ts';
import { batchRoutes } from './routes/batches.ts';
import { changeRoutes } from './routes/changes.ts';
import { eventRoutes } from './routes/events.ts';
import { jobRoutes, listRoutes } from './routes/jobs.ts';
import { logRoutes } from './routes/logs.ts';
import { folderRoutes, healthRoutes, machineRoutes } from './routes/machine.ts';
import { rerunRoutes } from './routes/rerun.ts';
import { resultNameRoutes } from './routes/result-names.ts';
import { resultRoutes } from './routes/results.ts';
import { submitRoutes } from './routes/submit.ts';

export interface HttpServer {
  /** On a Unix socket of mode 0600. Rejects with EADDRINUSE where the file exists: only the caller knows whether it is stale. */
  listenSocket(path: string): Promise<void>;
  /** Port 0 takes any free one; resolves with the one that was taken. */
  listenTcp(at: TcpAddress): Promise<{ readonly host: string; readonly port: number }>;
  /** Refuses what is new, ends streams and long polls, and waits for the rest until the deadline. Idempotent. */
  close(deadline_ms: number): Promise<void>;
  /** Every route with what it asks of a key. */
  routes(): readonly Route[];
}

/** The longest name, `@` and the longest number of a run, each character escaped. */
const PARAM_LENGTH_MAX = 3 * 210;
const MINUTE_MS = 60_000;

/** Rejects where a route declares no scope. */
export async function createHttp(options: HttpOptions): Promise<HttpServer> {
  const { limits, timers, scheduler } = options;
  const app: App = fastify({
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    frameworkErrors: (error, _request, reply) =>
      sendProblem(reply, new Problem('InvalidRequest', error.message)),
  });
  const closing = new AbortController();
  const doors = new Doors({ route: (request, response) => app.routing(request, response), timers, limits });
  const hub = new ChangeHub(scheduler);
  const bodies = new Bodies(limits.http_bodies_bytes_max);
  const context = new HttpContext({
    options,
    hub,
    lanes: new LaneReasons(options),
    bodies,
    doors,
    closing: closing.signal,
  });
  const routes = collectRoutes(app);
  app.setErrorHandler(errorHandler(options));
  await secure(app, context);
  readBodies(app, context);
  app.setValidatorCompiler<z.ZodType>(
    ({ schema, httpPart }) =>
      (data: unknown) =>
        validated(schema, data, httpPart),
  );
  // Answers are typed where they are made; checking them again would cost more than making them.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  await serveDocs(app, options);
  addRoutes(app, context);
  await app.ready();
  const listed = routes();
  return {
    listenSocket: (path) => doors.listenSocket(path),
    listenTcp: (at) => doors.listenTcp(at),
    routes: () => listed,
    async close(deadline_ms) {
      closing.abort();
      await doors.close(deadline_ms);
      hub.close();
      await app.close();
    },
  };
}

const PARTS: Readonly<Record<string, string>> = { querystring: 'query', params: 'path', headers: 'headers' };

/** The body of a submission is bytes: its jobs are checked one by one, by core. */
function validated(
  schema: z.ZodType,
  data: unknown,
  part: string | undefined,
): { value: unknown } | { error: Error } {
  if (data instanceof Buffer) return { value: data };
  try {
    return { value: checked(schema, data, PARTS[part ?? ''] ?? 'body') };
  } catch (error) {
    return { error: error as Error };
  }
}

function addRoutes(app: App, context: HttpContext): void {
  submitRoutes(app, context);
  listRoutes(app, context);
  jobRoutes(app, context);
  changeRoutes(app, context);
  rerunRoutes(app, context);
  logRoutes(app, context);
  resultRoutes(app, context);
  resultNameRoutes(app, context);
  batchRoutes(app, context);
  eventRoutes(app, context);
  machineRoutes(app, context);
  folderRoutes(app, context);
  healthRoutes(app, context);
  app.setNotFoundHandler((request, reply) => {
    sendProblem(
      reply,
      new Problem('NotFound', `There is no ${request.method} ${request.url.split('?', 1)[0] ?? ''}`, {
        hint: 'See /openapi.json',
      }),
    );
  });
}

/** What every answer carries, and what every request passes before its body is read. */
async function secure(app: App, context: HttpContext): Promise<void> {
  const { limits, reads, clock, allowed_hosts } = context.options;
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      // Swagger UI writes styles into its page and draws with data: images; nothing else is asked for.
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    // This server does not know whether the name it is reached by always speaks TLS.
    strictTransportSecurity: false,
  });
  await app.register(fastifyRateLimit, { global: false, timeWindow: MINUTE_MS });
  const countFailure = app.createRateLimit({ max: limits.auth_failures_per_minute });
  const tooManyFailures = async (request: FastifyRequest): Promise<boolean> => {
    const counted = await countFailure(request);
    return !counted.isAllowed && counted.isExceeded;
  };
  app.addHook(
    'onRequest',
    guard({ doors: context.doors, reads, clock, allowed_hosts, closing: context.closing, tooManyFailures }),
  );
}
