import { fastify } from 'fastify';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ERRORS } from '../../src/core/errors.ts';
import {
  batchOut,
  jobDetailOut,
  jobsOut,
  lotOut,
  problemOut,
  resultOut,
  statsOut,
} from '../../src/http/answer-schemas.ts';
import { collectRoutes } from '../../src/http/route-scopes.ts';
import { setup } from './setup.ts';

interface OpenApi {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly paths: Record<
    string,
    Record<
      string,
      {
        summary?: string;
        responses: Record<string, unknown>;
        requestBody?: unknown;
        parameters?: { in: string; name: string }[];
      }
    >
  >;
}

describe('/openapi.json', () => {
  it('R19: lists every route with its summary, its parameters and its answers', async () => {
    await using server = await setup({ ui: true });
    const { status, json } = await server.ask('/openapi.json');
    expect(status).toBe(200);
    const api = json as unknown as OpenApi;
    expect(api).toMatchObject({ openapi: '3.1.0', info: { title: 'promptd', version: '0.0.0-test' } });
    const hidden = (url: string): boolean => url.startsWith('/docs') || url === '/openapi.json';
    const expected = server.server.routes().filter(({ url }) => !hidden(url));
    const listed = Object.entries(api.paths).flatMap(([path, calls]) =>
      Object.keys(calls).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(listed.toSorted()).toEqual(
      expected.map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`).toSorted(),
    );
    for (const [path, calls] of Object.entries(api.paths)) {
      for (const call of Object.values(calls)) {
        expect(call.summary, path).toBeTruthy();
        expect(Object.keys(call.responses).length, path).toBeGreaterThan(0);
        const inPath = (call.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name);
        expect(inPath, path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      }
    }
    expect(JSON.stringify(api.paths['/jobs']?.['post']?.requestBody)).toContain('LLM_name');
  });

  it('resolves every reference within itself', async () => {
    await using server = await setup();
    const { text, json } = await server.ask('/openapi.json');
    for (const [, ref = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = ref
        .split('/')
        .reduce<unknown>(
          (value, key) => (value as Record<string, unknown>)?.[decodeURIComponent(key).replaceAll('~1', '/')],
          json,
        );
      expect(target, ref).toBeDefined();
    }
  });

  it('serves its reader under /docs, from this server alone', async () => {
    await using server = await setup({ ui: true });
    const page = await server.ask('/docs/');
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    const linked = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url);
    expect(linked.length).toBeGreaterThan(3);
    for (const url of linked)
      expect((await server.ask(new URL(url, 'http://x/docs/').pathname)).status, url).toBe(200);
    expect(page.text).not.toMatch(/<script>|https?:\/\//);
    expect((await server.ask('/docs/static/swagger-initializer.js')).text).toContain('/openapi.json');
    await using without = await setup();
    expect((await without.ask('/docs/')).status).toBe(404);
  });

  it('describes what the calls really answer', async () => {
    await using server = await setup();
    await server.submit('a', { batch: 'faq', metadata: { x: 1 } });
    server.scheduler.start('a');
    server.scheduler.finish('a', 'answer');
    const is = async (schema: z.ZodType, url: string): Promise<void> => {
      const { json } = await server.ask(url);
      expect(strict(schema).safeParse(json), url).toMatchObject({ success: true });
    };
    await is(jobDetailOut, '/jobs/a?with=attempts,spec,prompt,runs');
    await is(jobsOut, '/jobs');
    await is(resultOut, '/jobs/a/result');
    await is(batchOut, '/batches/faq');
    await is(statsOut, '/stats');
    const lot = await server.post('/jobs?on_invalid=skip', [{ prompt: 1 }]);
    expect(strict(lotOut).safeParse(lot.json).success).toBe(true);
    const problem = await server.post('/jobs', { prompt: 1 });
    expect(
      strict(problemOut.content['application/problem+json'].schema).safeParse(problem.json),
    ).toMatchObject({ success: true });
  });

  it('names every code of the one table of errors', async () => {
    await using server = await setup();
    const { text } = await server.ask('/openapi.json');
    for (const code of Object.keys(ERRORS)) expect(text).toContain(`"${code}"`);
  });
});

/** The same object with no key beside those that it names. */
function strict(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema;
}

describe('a route', () => {
  it('R19: that declares no scope is an error at start-up', async () => {
    const app = fastify();
    const routes = collectRoutes(app);
    app.get('/declared', { config: { scope: 'read' } }, () => 'x');
    expect(routes()).toContainEqual({ method: 'GET', url: '/declared', scope: 'read' });
    app.get('/forgotten', () => 'x');
    expect(() => routes()).toThrow('the route GET /forgotten declares no scope');
    await app.close();
  });
});
