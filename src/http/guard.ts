/** What every request passes before its body is read: the server's own state, its Host and Origin, and its key. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { Doors } from './doors.ts';
import { checkHost } from './host-check.ts';
import { keyMatches, parseKey, type RouteScope, scopesGrant } from './keys.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route asks of a key; a route without it is an error at start-up. */
    scope?: RouteScope;
    /** The route reads its body itself. */
    raw_body?: boolean;
  }
}

interface GuardOptions {
  readonly doors: Doors;
  readonly reads: Pick<ReadStore, 'key'>;
  readonly clock: Clock;
  readonly allowed_hosts: readonly string[];
  readonly closing: AbortSignal;
  /** Counts a failure of this client; true where there were too many. */
  readonly tooManyFailures: (request: FastifyRequest) => Promise<boolean>;
}

export function guard(options: GuardOptions) {
  return async (request: FastifyRequest, _reply: FastifyReply): Promise<void> => {
    // What is not found is nobody's business without a key either.
    const scope = request.is404 ? 'read' : request.routeOptions.config.scope;
    if (scope === undefined) throw new Error(`the route ${request.routeOptions.url ?? ''} declares no scope`);
    const door = options.doors.doorOf(request.raw);
    if (door.via === 'tcp') {
      checkHost(request.headers, request.method, door, options.allowed_hosts);
      if (scope !== 'open') await checkKey(options, request, scope);
    }
    if (options.closing.aborted && scope !== 'open') {
      throw new Problem('ShuttingDown', 'This server is stopping and takes no new requests', {
        hint: 'Ask again in a moment.',
      });
    }
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      throw new Problem('InvalidRequest', `Content-Encoding: expected none, got ${JSON.stringify(encoding)}`);
    }
  };
}

/** Every failure is told in the same words: they must not say whether a key exists, has expired or was revoked. */
async function checkKey(options: GuardOptions, request: FastifyRequest, scope: RouteScope): Promise<void> {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const parsed = given === undefined ? null : parseKey(given);
  const row = parsed === null ? null : options.reads.key(parsed.id);
  if (given === undefined || row === null || !keyMatches(given, row, options.clock.now())) {
    if (await options.tooManyFailures(request))
      throw new Problem('TooManyRequests', 'Too many requests without a valid key');
    throw new Problem('Unauthorized', 'A valid key is needed: Authorization: Bearer pd_…', {
      hint: 'On the machine of the workspace: eval "$(promptd env)"',
    });
  }
  if (!scopesGrant(row.scopes, scope)) {
    throw new Problem(
      'Forbidden',
      `This key has the scope ${row.scopes.join(', ')}; this call needs ${scope}`,
    );
  }
  if (scopesGrant(row.scopes, 'admin')) options.doors.sawAdmin(request.raw);
}
