/** The example of docs/platforms.md, run as it stands; only the addresses are those of the scripted server. */
import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc } from '../docs/tables.ts';
import { setup } from './machine.ts';

const BLOCKS = blocksOf(readDoc('docs/platforms.md'));
const block = (info: string): JsonObject =>
  JSON.parse(BLOCKS.find((one) => one.info === info)?.text ?? '') as JsonObject;

it('R3, R5: docs/platforms.md: one job is answered by two platforms, each in its own words', async () => {
  const { endpoints } = block('json config') as { readonly endpoints: Readonly<Record<string, JsonObject>> };
  const job = block('json job') as { readonly configuration: JsonObject };
  const machine = await setup({ env: { ANTHROPIC_API_KEY: 'sk-ant-0123456789' } });
  const { url } = machine.model;
  machine.model.setModels(['claude-sonnet-4-5', 'llama3.2-vision']);
  machine.model.script(/receipt/, { pieces: ['{"total": 12.5, ', '"currency": "EUR"}'] });
  const config = {
    endpoints: {
      claude: { ...endpoints['claude'], base_url: `${url}/anthropic/v1` },
      local: { ...endpoints['local'], base_url: url },
    },
    ...{ http: { port: 0 }, instances: { port: 0 } },
  };
  await writeFile(machine.path('promptd.config.json'), JSON.stringify(config));
  const LLM_name = 'local:llama3.2-vision';
  await machine.writeJobs({
    receipt: job,
    local: { ...job, name: 'local', configuration: { ...job.configuration, LLM_name } },
  });
  const serving = await machine.serve();
  expect(await machine.promptd('run', 'jobs')).toMatchObject({ code: 0 });

  const claude = await serving.client.result('receipt');
  expect(claude).toMatchObject({
    result: '{"total": 12.5, "currency": "EUR"}',
    warnings: ['min_p is not supported here.'],
    parameters_sent: { service_tier: 'standard_only', max_tokens: 500 },
  });
  const local = await serving.client.result('local');
  expect(local).toMatchObject({
    warnings: [],
    parameters_sent: { options: { min_p: 0.1, num_ctx: 16_384 } },
  });

  const bodies = machine.model.requests.map(
    ({ protocol, body }) => [protocol, JSON.stringify(body)] as const,
  );
  expect(bodies.map(([protocol]) => protocol).toSorted()).toEqual(['anthropic', 'ollama']);
  for (const [, body] of bodies) expect(body).toContain('iVBORw0KGgo');
  expect(JSON.stringify([claude, local])).not.toContain('iVBORw0KGgo');
  expect(await serving.stop()).toBe(0);
});
