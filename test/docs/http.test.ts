import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, ERRORS } from '../../src/core/errors.ts';
import { type Setup, setup } from '../http/setup.ts';
import { type Block, blocksOf } from './blocks.ts';
import { readDoc, tableRows } from './tables.ts';

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: object }>>;

interface Call {
  readonly name: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

const CALLS: readonly Call[] = readDoc('docs/http.md')
  .split(/^(?=##)/m)
  .flatMap((text) => {
    const name = /^### `(.+)`\n/.exec(text)?.[1];
    return name === undefined ? [] : [{ name, text, blocks: blocksOf(text) }];
  });

describe('docs/http.md', () => {
  it('R19: has a section for every call, and for no other', async () => {
    await using server = await setup();
    expect(CALLS.map(({ name }) => name).toSorted()).toEqual([...(await operationsOf(server)).keys()].toSorted());
  });

  it('says of every call which scope it needs', async () => {
    await using server = await setup();
    const scopes = server.server.routes().map(({ method, url, scope }) => [`${method} ${braced(url)}`, scope]);
    const told = CALLS.map(({ name, text }) => [name, /^Scope `(\w+)`\./m.exec(text)?.[1]]);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(scopes.filter(([name]) => name !== 'GET /openapi.json')));
  });

  it('lists every parameter of a query, and every field of a body, and no other', async () => {
    await using server = await setup();
    for (const [name, { parameters = [], requestBody }] of await operationsOf(server)) {
      const inQuery = parameters.filter((one) => one.in === 'query').map((one) => one.name);
      expect(namesIn(name, 'query'), name).toEqual(inQuery.toSorted());
      if (name === 'POST /jobs') continue;
      const schema = requestBody?.content['application/json']?.schema ?? {};
      expect(namesIn(name, 'body'), name).toEqual(fieldsOf(schema).toSorted());
    }
  });

  it('shows requests and answers as the schemas have them', async () => {
    await using server = await setup();
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const { json: api } = await server.ask('/openapi.json');
    ajv.addSchema(api, 'api');
    for (const [name, operation] of await operationsOf(server)) {
      const { blocks } = callOf(name);
      const answers = Object.entries(operation.responses).filter(([status]) => /^2\d\d$/.test(status));
      for (const { info, text } of blocks.filter((block) => block.info.startsWith('json '))) {
        const kind = info.slice('json '.length);
        const content = kind === 'request' ? operation.requestBody?.content : operation.responses[kind]?.content;
        const schema = content?.['application/json']?.schema;
        expect(schema, `${name} ${info}`).toBeDefined();
        const fits = ajv.compile({ ...schema, components: api['components'] });
        expect(fits(JSON.parse(text)), `${name} ${info}: ${ajv.errorsText(fits.errors)}`).toBe(true);
      }
      const isJson = answers.some(([, { content }]) => content?.['application/json'] !== undefined);
      const isJob = /^(DELETE \/jobs\/\{ref\}|POST \/jobs\/\{ref\}\/(retry|rerun))$/.test(name);
      if (isJson && !isJob) expect(blocks.some(({ info }) => /^json 20\d$/.test(info)), name).toBe(true);
      if (operation.requestBody !== undefined) expect(blocks.some(({ info }) => info === 'json request'), name).toBe(true);
    }
  });

  it('shows a problem with the status and the title of its code', async () => {
    await using server = await setup();
    const shown = blocksOf(readDoc('docs/http.md')).find(({ info }) => info === 'json problem')?.text ?? '{}';
    const refused = (await operationsOf(server)).get('GET /jobs')?.responses['4XX']?.content;
    const fits = new Ajv2020({ strict: false }).compile(refused?.['application/problem+json']?.schema ?? { not: {} });
    const problem = JSON.parse(shown) as { code: ErrorCode; errors: { code: string }[] };
    expect(fits(problem), JSON.stringify(fits.errors)).toBe(true);
    const { status, title } = ERRORS[problem.code];
    expect(problem).toMatchObject({ status, title, type: `urn:promptd:error:${problem.code}` });
    expect(problem.errors.filter(({ code }) => !Object.hasOwn(ERRORS, code))).toEqual([]);
  });
});

async function operationsOf(server: Setup): Promise<Map<string, Operation>> {
  const { json } = await server.ask('/openapi.json');
  const paths = json['paths'] as Record<string, Record<string, Operation>>;
  return new Map(
    Object.entries(paths).flatMap(([path, calls]) =>
      Object.entries(calls).map(([method, call]) => [`${method.toUpperCase()} ${path}`, call] as const),
    ),
  );
}

function braced(url: string): string {
  return url.replaceAll(/:(\w+)/g, '{$1}');
}

function callOf(name: string): Call {
  const call = CALLS.find((one) => one.name === name);
  if (call === undefined) throw new Error(`docs/http.md has no section ${name}`);
  return call;
}

/** The names in the first column of the call's table with this head. */
function namesIn(name: string, head: string): string[] {
  const table = new RegExp(`^\\| ${head} \\|[^\n]*\n(?:\\|.*\n)*`, 'm').exec(callOf(name).text)?.[0] ?? '';
  return tableRows(table)
    .flatMap(([names = '']) => names.replaceAll('`', '').split(' '))
    .toSorted();
}

/** Of an object, or of the one object among alternatives. */
function fieldsOf(schema: object): string[] {
  if ('properties' in schema) return Object.keys(schema.properties as object);
  if ('anyOf' in schema) return (schema.anyOf as object[]).flatMap(fieldsOf);
  return [];
}
