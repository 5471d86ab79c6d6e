/** `/openapi.json` and `/docs`, made from the schemas by which requests are checked. */
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { App } from './app.ts';
import type { HttpOptions } from './http-options.ts';

/** To be called before routes are added: it sees those that follow. */
export async function serveDocs(app: App, options: Pick<HttpOptions, 'version' | 'ui'>): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'promptd',
        description: 'A durable job server for language-model work. Errors are problems (RFC 9457).',
        version: options.version,
        license: { name: 'MIT' },
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    transform: jsonSchemaTransform,
  });
  app.get('/openapi.json', { config: { scope: 'read' }, schema: { hide: true } }, (_request, reply) =>
    reply.send(app.swagger()),
  );
  if (!options.ui) return;
  await app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, scope: 'read' };
    });
    await docs.register(fastifySwaggerUi, { routePrefix: '/docs', uiConfig: { url: '/openapi.json' } });
  });
}
