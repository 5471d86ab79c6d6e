/** What each route asks of a key. There is no default: a route that forgets to say it must not be open by accident. */
import type { RouteOptions } from 'fastify';
import type { RouteScope } from './keys.ts';

export interface Route {
  readonly method: string;
  readonly url: string;
  readonly scope: RouteScope;
}

interface Hooked {
  addHook(name: 'onRoute', hook: (route: RouteOptions) => void): unknown;
}

/** Lists routes as they are added; the list is to be asked for when all are there, and throws where one declares no scope. */
export function collectRoutes(app: Hooked): () => readonly Route[] {
  const found: RouteOptions[] = [];
  // A plugin's own hook may still give the route its scope, so it is looked at when all are there.
  app.addHook('onRoute', (route) => {
    found.push(route);
  });
  return () =>
    found.flatMap(({ method, url, config }) => {
      const scope = config?.scope;
      if (scope === undefined) throw new Error(`the route ${String(method)} ${url} declares no scope`);
      return [method].flat().map((one) => ({ method: one, url, scope }));
    });
}
