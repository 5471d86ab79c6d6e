/** Every error that leaves the server is a Problem of the one table; what is none of them is logged and told as Internal. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { describe } from '../core/describe.ts';
import { type ErrorCode, ERRORS, type Fault, Problem, problemBody } from '../core/errors.ts';
import type { Random } from '../core/ports/clock.ts';
import type { HttpLog, HttpOptions } from './http-options.ts';
import { NoSuchJob } from './no-such-job.ts';
import { zodFaults } from './zod-faults.ts';

/** The Problem in an error: itself, one that lost its class between threads, or what Fastify refused. Null: it is none. */
function toProblem(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  if (!(error instanceof Error)) return null;
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code !== 'string') return null;
  if (isErrorCode(code)) return revived(error, code);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return mediaTypeProblem();
  if (code.startsWith('FST_') && 'statusCode' in error && isClientError(error.statusCode)) {
    return new Problem('InvalidRequest', error.message);
  }
  return null;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

function revived(error: Error, code: ErrorCode): Problem {
  const { hint, faults } = error as { hint?: unknown; faults?: unknown };
  return new Problem(code, error.message, {
    ...(typeof hint === 'string' ? { hint } : {}),
    ...(Array.isArray(faults) ? { faults: faults as Fault[] } : {}),
    cause: error,
  });
}

function isClientError(status: unknown): boolean {
  return typeof status === 'number' && status >= 400 && status < 500;
}

export function mediaTypeProblem(): Problem {
  return new Problem('InvalidRequest', 'Content-Type: expected application/json or application/x-ndjson', {
    hint: 'Send -H "Content-Type: application/json".',
  });
}

/** The error handler of the whole server. */
export function errorHandler(options: HttpOptions) {
  return async (error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const problem =
      error instanceof NoSuchJob
        ? await error.explained(options)
        : (toProblem(error) ?? internal(error, request, options.log, options.random));
    sendProblem(reply, problem);
    return reply;
  };
}

export function sendProblem(reply: FastifyReply, problem: Problem): void {
  if (problem.code === 'Unauthorized') reply.header('www-authenticate', 'Bearer realm="promptd"');
  if (problem.status === 429 || problem.status === 503) reply.header('retry-after', '1');
  const body = JSON.stringify(problemBody(problem));
  void reply.code(problem.status).header('content-type', 'application/problem+json').send(Buffer.from(body));
}

/** For errors of ours in answers whose head has left as well, of which the client can be told no more. Gives their id. */
export function logBug(error: unknown, request: FastifyRequest, log: HttpLog, random: Random): string {
  const id = random.id(6);
  log.error(
    { err: error, id, method: request.method, route: request.routeOptions.url },
    'a request failed by an error of promptd itself',
  );
  return id;
}

/** What happened stays in the log, under an id that the client is told: a message of ours may hold what is nobody's business. */
function internal(error: unknown, request: FastifyRequest, log: HttpLog, random: Random): Problem {
  const id = logBug(error, request, log, random);
  return new Problem('Internal', `An error of promptd itself; it stands in the server's log under ${id}`, {
    hint: 'Please report it with those lines of the log.',
  });
}

/** Validates a part of a request by its zod schema; throws a Problem that names each fault. */
export function checked<S extends z.ZodType>(schema: S, data: unknown, part: string): z.output<S> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw invalidRequest(zodFaults(result.error, schema, data, part));
}

function invalidRequest(faults: readonly Fault[]): Problem {
  return Problem.ofFaults(faults);
}

/** One fault of a request, thrown where a schema cannot say it. */
export function refuse(path: string, expected: string, got: unknown, hint?: string): Problem {
  const fault = { code: 'InvalidRequest', path, expected, got: describe(got) } as const;
  return invalidRequest([hint === undefined ? fault : { ...fault, hint }]);
}
