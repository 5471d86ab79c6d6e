import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';

async function endpointsOf(endpoints: object) {
  const root = await mkdtemp(path.join(tmpdir(), 'promptd-config-'));
  onTestFinished(async () => rm(root, { recursive: true }));
  await writeFile(path.join(root, 'promptd.config.json'), JSON.stringify({ endpoints }));
  return (await loadConfig(root, {})).endpoints;
}

it.each([
  ['openai', 'https://api.openai.com/v1'],
  ['anthropic', 'https://api.anthropic.com/v1'],
  ['google', 'https://generativelanguage.googleapis.com/v1beta'],
  ['mistral', 'https://api.mistral.ai/v1'],
])('R5: an endpoint of kind %s needs no address: it is %s', async (kind, url) => {
  const endpoints = await endpointsOf({ vendor: { kind, api_key_env: 'THE_KEY' } });
  expect(endpoints.get('vendor')).toMatchObject({ kind, base_urls: [url], max_concurrent: 16 });
});

it('takes the address of a gateway in place of the vendor’s', async () => {
  const base_url = 'https://gateway.example/anthropic';
  const endpoints = await endpointsOf({ vendor: { kind: 'anthropic', base_url } });
  expect(endpoints.get('vendor')?.base_urls).toEqual([base_url]);
});

it('refuses an openai-compatible endpoint without an address: nobody’s is meant', async () => {
  await expect(endpointsOf({ vllm: { kind: 'openai-compatible' } })).rejects.toThrow(
    'endpoints.vllm: expected "base_url" for kind openai-compatible, got nothing',
  );
});
